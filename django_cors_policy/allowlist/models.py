"""Models: allowed origins, refused origins, and a token that changes with the allowed ones."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean
from django_cors_policy.origins import MAX_ORIGIN_LENGTH
from django_cors_policy.policy import DEFAULT_ALIAS

from .changes import announce_change
from .conf import allowlist_settings
from .database import note_write, writing_database
from .rows import as_people_write, parse_row, row_problems, shown

# A wildcard is longer than an origin.
MAX_PATTERN_LENGTH = MAX_ORIGIN_LENGTH + len("*.")
MAX_ALIAS_LENGTH = 100
# What is kept of the last request of a refused origin.
MAX_PATH_LENGTH = 200
MAX_METHOD_LENGTH = 20


class OriginField(models.CharField):  # type: ignore[type-arg]
    """An origin or wildcard, normalised to the form that browsers send."""

    def to_python(self, value: Any) -> Any:
        """Normalise the value. Raises ``ValidationError`` with reason and hint."""
        value = super().to_python(value)
        if not value:
            return value
        try:
            return str(parse_row(value.strip()))
        except PolicyError as error:
            raise ValidationError(f"{error.message} {error.hint}", code="origin") from error

    def get_prep_value(self, value: Any) -> Any:
        """Normalise the value, or keep it if it is invalid: the admin shows it as unreadable."""
        # Not CharField's, which calls to_python and would raise.
        value = super(models.CharField, self).get_prep_value(value)
        try:
            return str(parse_row(value)) if isinstance(value, str) and value else value
        except PolicyError:
            return value


class AllowedOriginQuerySet(models.QuerySet["AllowedOrigin"]):
    """Bulk operations that other processes notice, as they notice ``save()``."""

    def update(self, **kwargs: Any) -> int:
        """Update rows and token in one transaction. ``bulk_update()`` calls this too."""
        kwargs.setdefault("updated_at", timezone.now())
        with self._one_change():
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows and change the token in one transaction."""
        with self._one_change():
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(
        self, objs: Iterable[AllowedOrigin], *args: Any, **kwargs: Any
    ) -> list[AllowedOrigin]:
        """Create the rows and change the token in one transaction."""
        with self._one_change():
            return super().bulk_create(objs, *args, **kwargs)

    def _one_change(self) -> contextlib.AbstractContextManager[None]:
        self._for_write = True
        return one_change(self.db)


class AllowlistManager(models.Manager[Any]):
    """Use the database that ``CORS_ALLOWLIST["DATABASE"]`` names, if it names one."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return a queryset for that database. ``using()`` can still choose another one."""
        database = self._db or allowlist_settings().database
        queryset = super().get_queryset()
        return queryset.using(database) if database is not None else queryset


class AllowedOrigin(models.Model):
    """An origin or wildcard that a policy allows in addition to its settings."""

    policy = models.CharField(
        _("policy"),
        max_length=MAX_ALIAS_LENGTH,
        default=DEFAULT_ALIAS,
        help_text=_("The policy in CORS_POLICIES to add this origin to."),
    )
    origin = OriginField(
        _("origin"),
        max_length=MAX_PATTERN_LENGTH,
        help_text=_(
            "The origin of the website that calls this server, such as https://app.example.com. "
            "Use https://*.example.com for all subdomains, but not example.com itself, and "
            "http://localhost:* for any port. Do not add a path or a trailing slash."
        ),
    )
    allow_credentials = models.BooleanField(
        _("allow credentials"),
        default=True,
        help_text=_("Untick to block cookies for this origin. Ticking never exceeds the policy."),
    )
    is_enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_(
            "Untick to turn the row off without deleting it. After a few seconds, pages from this "
            "origin can no longer read responses. Browsers that have cached a preflight can still "
            "send requests until the policy's MAX_AGE is over."
        ),
    )
    expires_at = models.DateTimeField(
        _("expires at"),
        null=True,
        blank=True,
        help_text=_(
            "From this time on, the row has no effect and pages from this origin can no longer "
            "read responses. They can still send requests that need no preflight. Leave empty for "
            "no expiry."
        ),
    )
    note = models.CharField(
        _("note"),
        max_length=200,
        blank=True,
        help_text=_("Who owns this origin, and who asked for it."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = AllowlistManager.from_queryset(AllowedOriginQuerySet)()

    class Meta:
        """Rows are unique per policy and origin."""

        # So that refresh_from_db() uses it too, instead of asking the router.
        base_manager_name = "objects"
        verbose_name = _("allowed origin")
        verbose_name_plural = _("allowed origins")
        ordering = ("policy", "origin")
        constraints = (
            models.UniqueConstraint(
                fields=("policy", "origin"),
                name="cors_policy_allowlist_unique",
                violation_error_message=_("This policy already has a row for this origin."),
            ),
        )

    def __str__(self) -> str:
        return as_people_write(self.origin)

    def save(self, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        """Save the row and change the token in one transaction."""
        using = using or writing_database(type(self), instance=self)
        with one_change(using):
            super().save(*args, using=using, **kwargs)

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Delete the row and change the token in one transaction."""
        using = using or writing_database(type(self), instance=self)
        with one_change(using):
            return super().delete(using, keep_parents)

    delete.alters_data = True  # type: ignore[attr-defined]

    def refresh_from_db(self, using: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Reload from the database that the row was read from."""
        super().refresh_from_db(using or self._state.db, *args, **kwargs)

    def validate_constraints(self, exclude: Any = None) -> None:
        """Validate in the database that the row is written to."""
        using = writing_database(type(self), instance=self)
        errors: dict[str, Any] = {}
        for model, constraints in self.get_constraints():
            for constraint in constraints:
                try:
                    constraint.validate(model, self, exclude=exclude, using=using)
                except ValidationError as error:
                    errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def clean(self) -> None:
        """Refuse rows that settings would refuse, with the same hints."""
        super().clean()
        try:
            policies = policy_book().policies
        except PolicyErrors as error:
            wrong = ValidationError(f"CORS_POLICIES is wrong: {error}", code="settings")
            raise ValidationError({"policy": wrong}) from error
        policy = policies.get(self.policy)
        if policy is None:
            hint = did_you_mean(self.policy, policies)
            message = f"{self.policy!r} is not a policy in CORS_POLICIES. {hint}"
            raise ValidationError({"policy": ValidationError(message, code="unknown")})
        try:
            entry = parse_row(self.origin or "")
        except PolicyError:
            return  # the field reports it
        problems = row_problems(entry, policy, self.allow_credentials)
        if problems:
            texts = [f"{problem.message} {problem.hint}" for problem in problems]
            raise ValidationError(
                {"origin": [ValidationError(text, code="credentials") for text in texts]}
            )

    @property
    def is_expired(self) -> bool:
        """Return whether ``expires_at`` has passed."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def extend(self, by: datetime.timedelta) -> None:
        """Move ``expires_at`` if there is one. If it has passed, count from now."""
        if self.expires_at is not None:
            start = max(self.expires_at, timezone.now())
            # datetime ends with the year 9999.
            with contextlib.suppress(OverflowError):
                self.expires_at = start + by


class RefusedOrigin(models.Model):
    """An origin that a policy refused lately. Only ``recorder.Recorder`` writes these rows."""

    policy = models.CharField(_("policy"), max_length=MAX_ALIAS_LENGTH)
    # As the request sent it. The recorder ignores origins that browsers cannot send.
    origin = models.CharField(_("origin"), max_length=MAX_ORIGIN_LENGTH)
    is_rehearsal = models.BooleanField(
        _("rehearsal"),
        default=False,
        help_text=_("The policy allowed this origin, but its REPORT_ONLY would refuse it."),
    )
    # Percent-encoded, so that every database accepts it. Clients can send any path.
    path = models.CharField(_("last path"), max_length=MAX_PATH_LENGTH)
    method = models.CharField(_("last method"), max_length=MAX_METHOD_LENGTH)
    count = models.PositiveBigIntegerField(_("times"))
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))

    objects: models.Manager[RefusedOrigin] = AllowlistManager()

    class Meta:
        """Users can view and delete these rows, but not add or change them."""

        verbose_name = _("refused origin")
        verbose_name_plural = _("refused origins")
        ordering = ("-last_seen", "-pk")
        default_permissions = ("delete", "view")
        constraints = (
            models.UniqueConstraint(
                fields=("policy", "origin", "is_rehearsal"),
                name="cors_policy_refused_unique",
            ),
        )

    def __str__(self) -> str:
        return shown(self.origin)


class Freshness(models.Model):
    """One row with a token that each change of the allowlist replaces.

    Processes compare tokens for equality, not for order, so they notice a restored backup too.
    """

    token = models.CharField(max_length=32)

    objects: models.Manager[Freshness] = models.Manager()

    class Meta:
        """Users cannot view or edit this row."""

        default_permissions = ()

    def __str__(self) -> str:
        return self.token


FRESHNESS_ID = 1


@contextlib.contextmanager
def one_change(using: str) -> Iterator[None]:
    """Open a transaction that changes the token. After the commit, this process is up to date.

    Every writer locks the token before any other row, so that two writers do not deadlock.
    """
    with transaction.atomic(using=using, savepoint=False):
        touch(using)
        yield


def touch(using: str) -> None:
    """Change the token in the current transaction. After the commit, this process catches up.

    Every write needs a new token, even in one transaction: a reader on the same connection, as in
    tests, may have read the rows and the token between two writes.
    """
    write_token(using)
    if note_write(using):
        announce_change(using)


def read_token(using: str) -> str:
    """Return the current token; ``""`` before the first write."""
    tokens = Freshness.objects.using(using).filter(pk=FRESHNESS_ID).values_list("token", flat=True)
    return tokens.first() or ""


def write_token(using: str) -> None:
    """Write a new token."""
    token = uuid.uuid4().hex
    row = Freshness.objects.using(using).filter(pk=FRESHNESS_ID)
    # Not update_or_create(): on MariaDB it locks the gap of the missing row, so two deadlock.
    if not row.update(token=token):
        Freshness.objects.using(using).bulk_create(
            [Freshness(pk=FRESHNESS_ID, token=token)], ignore_conflicts=True
        )
        row.update(token=token)


@receiver(post_save, sender=AllowedOrigin)
def _touch_after_loading_rows(*, using: str, raw: bool, **kwargs: Any) -> None:
    # loaddata bypasses save().
    if raw:
        touch(using)


@receiver(post_save, sender=Freshness)
def _touch_after_loading_the_token(*, using: str, raw: bool, **kwargs: Any) -> None:
    # A fixture may contain an old token that does not belong to the rows.
    if raw:
        write_token(using)
