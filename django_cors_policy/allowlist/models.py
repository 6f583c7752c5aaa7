"""Rows that add origins to a policy, the token that tells when they changed; origins refused."""

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

# Room for the wildcards, which no origin has.
MAX_PATTERN_LENGTH = MAX_ORIGIN_LENGTH + len("*.")
MAX_ALIAS_LENGTH = 100
# Of a refused origin's last request so much is kept.
MAX_PATH_LENGTH = 200
MAX_METHOD_LENGTH = 20


class OriginField(models.CharField):  # type: ignore[type-arg]
    """An origin or wildcard, kept as browsers send it, whichever way it was written."""

    def to_python(self, value: Any) -> Any:
        """Normalise. Raises ``ValidationError`` with reason and hint."""
        value = super().to_python(value)
        if not value:
            return value
        try:
            return str(parse_row(value.strip()))
        except PolicyError as error:
            raise ValidationError(f"{error.message} {error.hint}", code="origin") from error

    def get_prep_value(self, value: Any) -> Any:
        """Normalise what can be; the rest is kept, and shown as unreadable."""
        # Not CharField's, which calls to_python and would raise.
        value = super(models.CharField, self).get_prep_value(value)
        try:
            return str(parse_row(value)) if isinstance(value, str) and value else value
        except PolicyError:
            return value


class AllowedOriginQuerySet(models.QuerySet["AllowedOrigin"]):
    """Bulk operations that other processes hear of, as they hear of ``save()``."""

    def update(self, **kwargs: Any) -> int:
        """As Django's; ``updated_at`` moves. ``bulk_update`` comes here too."""
        kwargs.setdefault("updated_at", timezone.now())
        with self._one_change():
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django's."""
        with self._one_change():
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(
        self, objs: Iterable[AllowedOrigin], *args: Any, **kwargs: Any
    ) -> list[AllowedOrigin]:
        """As Django's."""
        with self._one_change():
            return super().bulk_create(objs, *args, **kwargs)

    def _one_change(self) -> contextlib.AbstractContextManager[None]:
        self._for_write = True
        return one_change(self.db)


class AllowlistManager(models.Manager[Any]):
    """Rows of the allowlist's database, where ``CORS_ALLOWLIST["DATABASE"]`` names it."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """As Django's. Another database can still be chosen, by ``using()``."""
        database = self._db or allowlist_settings().database
        queryset = super().get_queryset()
        return queryset.using(database) if database is not None else queryset


class AllowedOrigin(models.Model):
    """One origin, or a wildcard over several, that a policy allows besides its settings."""

    policy = models.CharField(
        _("policy"),
        max_length=MAX_ALIAS_LENGTH,
        default=DEFAULT_ALIAS,
        help_text=_("The policy in CORS_POLICIES that the origin is added to."),
    )
    origin = OriginField(
        _("origin"),
        max_length=MAX_PATTERN_LENGTH,
        help_text=_(
            "Where the page comes from that calls this server: https://app.example.com, or "
            "https://*.example.com for all names below example.com, or http://localhost:* for "
            "any port. No path, no trailing slash."
        ),
    )
    allow_credentials = models.BooleanField(
        _("allow credentials"),
        default=True,
        help_text=_(
            "Whether pages from there may send cookies and logins, where the policy allows that. "
            "It can only take away: a policy without credentials stays without."
        ),
    )
    is_enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_(
            "Untick to keep the row without any effect. Within seconds its pages can read nothing. "
            "For MAX_AGE of the policy they may go on sending requests."
        ),
    )
    expires_at = models.DateTimeField(
        _("expires at"),
        null=True,
        blank=True,
        help_text=_(
            "From then on the row has no effect, and its pages can read nothing. Requests that "
            "need no preflight are still sent. Empty: never."
        ),
    )
    note = models.CharField(
        _("note"),
        max_length=200,
        blank=True,
        help_text=_("Whose origin it is, and who asked for it."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = AllowlistManager.from_queryset(AllowedOriginQuerySet)()

    class Meta:
        """Unique per policy and origin."""

        # Also for refresh_from_db(), which would ask the router.
        base_manager_name = "objects"
        verbose_name = _("allowed origin")
        verbose_name_plural = _("allowed origins")
        ordering = ("policy", "origin")
        constraints = (
            models.UniqueConstraint(
                fields=("policy", "origin"),
                name="cors_policy_allowlist_unique",
                violation_error_message=_("This policy has a row for this origin already."),
            ),
        )

    def __str__(self) -> str:
        return as_people_write(self.origin)

    def save(self, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        """As Django's, in one transaction with the token that tells of it."""
        using = using or writing_database(type(self), instance=self)
        with one_change(using):
            super().save(*args, using=using, **kwargs)

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """As Django's, in one transaction with the token that tells of it."""
        using = using or writing_database(type(self), instance=self)
        with one_change(using):
            return super().delete(using, keep_parents)

    delete.alters_data = True  # type: ignore[attr-defined]

    def refresh_from_db(self, using: str | None = None, *args: Any, **kwargs: Any) -> None:
        """As Django's: from the database that the row was read from."""
        super().refresh_from_db(using or self._state.db, *args, **kwargs)

    def validate_constraints(self, exclude: Any = None) -> None:
        """As Django's, in the database that the row is written to."""
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
        """Refuse what settings would refuse, with the same hints."""
        super().clean()
        try:
            policies = policy_book().policies
        except PolicyErrors as error:
            raise ValidationError(
                {"policy": _("CORS_POLICIES is wrong: %(errors)s") % {"errors": error}}
            ) from error
        policy = policies.get(self.policy)
        if policy is None:
            hint = did_you_mean(self.policy, policies)
            message = _("%(policy)r is no policy in CORS_POLICIES. %(hint)s")
            raise ValidationError(
                {"policy": message % {"policy": self.policy, "hint": hint}}, code="unknown"
            )
        try:
            entry = parse_row(self.origin or "")
        except PolicyError:
            return  # the field has said so
        problems = row_problems(entry, policy, self.allow_credentials)
        if problems:
            raise ValidationError(
                {"origin": [f"{problem.message} {problem.hint}" for problem in problems]}
            )

    @property
    def is_expired(self) -> bool:
        """Whether ``expires_at`` has passed."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def extend(self, by: datetime.timedelta) -> None:
        """Move ``expires_at``, from now on if it has passed; a row without it stays so."""
        if self.expires_at is not None:
            start = max(self.expires_at, timezone.now())
            # Near the year 9999 there is no more to add.
            with contextlib.suppress(OverflowError):
                self.expires_at = start + by


class RefusedOrigin(models.Model):
    """An origin that a policy refused lately. Written by ``recorder.Recorder`` alone."""

    policy = models.CharField(_("policy"), max_length=MAX_ALIAS_LENGTH)
    # As the request sent it. Recorded only if a browser can have sent it.
    origin = models.CharField(_("origin"), max_length=MAX_ORIGIN_LENGTH)
    is_rehearsal = models.BooleanField(
        _("rehearsal"),
        default=False,
        help_text=_("The policy in force allowed it; what its REPORT_ONLY holds would not."),
    )
    # Percent-encoded, so that every database takes whatever a stranger asks for.
    path = models.CharField(_("last path"), max_length=MAX_PATH_LENGTH)
    method = models.CharField(_("last method"), max_length=MAX_METHOD_LENGTH)
    count = models.PositiveBigIntegerField(_("times"))
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))

    objects: models.Manager[RefusedOrigin] = AllowlistManager()

    class Meta:
        """Nobody's to add or change; to look at, and to clear."""

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
    """One row whose token is another after each change of the allowlist.

    Processes compare it for equality, not for order: after a rollback or a restored backup it is
    different as well.
    """

    token = models.CharField(max_length=32)

    objects: models.Manager[Freshness] = models.Manager()

    class Meta:
        """Nobody's to edit."""

        default_permissions = ()

    def __str__(self) -> str:
        return self.token


FRESHNESS_ID = 1


@contextlib.contextmanager
def one_change(using: str) -> Iterator[None]:
    """A transaction with another token at its end, and this process up to date after it.

    The token comes first: whoever writes waits for it before any row, so no two wait for each
    other.
    """
    with transaction.atomic(using=using, savepoint=False):
        touch(using)
        yield


def touch(using: str) -> None:
    """Change the token as part of the transaction, and have this process catch up after it.

    On each write, not once in a transaction: who reads on the same connection in between (a test
    does) has taken the token for what it saw.
    """
    write_token(using)
    if note_write(using):
        announce_change(using)


def read_token(using: str) -> str:
    """The token of the committed state; ``""`` if nothing was ever written."""
    tokens = Freshness.objects.using(using).filter(pk=FRESHNESS_ID).values_list("token", flat=True)
    return tokens.first() or ""


def write_token(using: str) -> None:
    """Write another token."""
    token = uuid.uuid4().hex
    row = Freshness.objects.using(using).filter(pk=FRESHNESS_ID)
    # Not update_or_create, which on MariaDB locks the gap where the row is not: a deadlock for two.
    if not row.update(token=token):
        Freshness.objects.using(using).bulk_create(
            [Freshness(pk=FRESHNESS_ID, token=token)], ignore_conflicts=True
        )
        row.update(token=token)


@receiver(post_save, sender=AllowedOrigin)
def _touch_after_loading_rows(*, using: str, raw: bool, **kwargs: Any) -> None:
    # loaddata does not call save().
    if raw:
        touch(using)


@receiver(post_save, sender=Freshness)
def _touch_after_loading_the_token(*, using: str, raw: bool, **kwargs: Any) -> None:
    # A fixture may bring an old token beside rows that were never together with it.
    if raw:
        write_token(using)
