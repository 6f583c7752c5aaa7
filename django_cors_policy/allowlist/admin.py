"""The allowlist in Django's admin, for operators who need not know CORS."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminErrorList, AdminForm
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connections, models, router, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from django_cors_policy.origins import guess_origin

from .forms import AddManyForm, AllowedOriginForm
from .models import AllowedOrigin, as_people_write
from .states import (
    LABELS,
    MOST_ROWS,
    State,
    entries_that_allow,
    judge,
    known_policies,
    remarks,
    shown,
    with_state,
)

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

EXTENSION = datetime.timedelta(days=30)

ICONS = {
    State.LIVE: "admin/img/icon-yes.svg",
    State.EXPIRING: "admin/img/icon-yes.svg",
    State.DISABLED: "admin/img/icon-no.svg",
    State.EXPIRED: "admin/img/icon-no.svg",
    State.UNKNOWN_POLICY: "admin/img/icon-alert.svg",
    State.REFUSED: "admin/img/icon-alert.svg",
    State.UNREADABLE: "admin/img/icon-alert.svg",
}

ENABLED = ngettext_lazy("%(count)d origin enabled.", "%(count)d origins enabled.", "count")
ENABLED_ALREADY = ngettext_lazy(
    "%(count)d was enabled already.", "%(count)d were enabled already.", "count"
)
STILL_WITHOUT_EFFECT = ngettext_lazy(
    "%(count)d of them still has no effect; its state says why.",
    "%(count)d of them still have no effect; their states say why.",
    "count",
)
DISABLED = ngettext_lazy("%(count)d origin disabled.", "%(count)d origins disabled.", "count")
DISABLED_ALREADY = ngettext_lazy(
    "%(count)d was disabled already.", "%(count)d were disabled already.", "count"
)
EXTENDED = ngettext_lazy(
    "%(count)d origin extended by 30 days.", "%(count)d origins extended by 30 days.", "count"
)
LIVE_AGAIN = ngettext_lazy(
    "%(count)d of them had expired, and is live again.",
    "%(count)d of them had expired, and are live again.",
    "count",
)
NEVER_EXPIRES = ngettext_lazy(
    "%(count)d has no expiry to extend, and was left as it is.",
    "%(count)d have no expiry to extend, and were left as they are.",
    "count",
)
ADDED = ngettext_lazy("%(count)d origin added.", "%(count)d origins added.", "count")


class StateFilter(admin.SimpleListFilter):
    """What becomes of a row, as its column says it."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state.value, label) for state, label in LABELS.items()]

    def queryset(self, request: Any, queryset: Any) -> models.QuerySet[Any] | None:
        value = self.value()
        return (
            with_state(queryset, State(value))
            if value in {state.value for state in State}
            else None
        )


class CredentialsFilter(admin.SimpleListFilter):
    """Whether pages may send cookies and logins, all in all."""

    title = gettext_lazy("credentials")
    parameter_name = "credentials"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("allowed")), ("no", _("not allowed"))]

    def queryset(self, request: Any, queryset: models.QuerySet[Any]) -> models.QuerySet[Any] | None:
        aliases = [a for a, policy in known_policies().items() if policy.allow_credentials]
        allowed = models.Q(allow_credentials=True, policy__in=aliases)
        chosen = {"yes": allowed, "no": ~allowed}.get(self.value() or "")
        if chosen is not None:
            queryset = queryset.filter(chosen)
        return queryset


@admin.register(AllowedOrigin)
class AllowedOriginAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows with what becomes of them, said in words."""

    form = AllowedOriginForm
    list_display = ("origin_as_read", "state", "policy", "credentials", "note", "updated_at")
    list_filter = (StateFilter, ("policy", admin.AllValuesFieldListFilter), CredentialsFilter)
    date_hierarchy = "expires_at"
    search_fields = ("origin", "note")
    search_help_text = gettext_lazy(
        "Part of an origin or note. Or a whole address, such as https://a.b.example.com/page: "
        "that also finds the rows whose wildcard allows it."
    )
    # Counting a million rows takes long, and tells nobody anything.
    show_full_result_count = False
    readonly_fields = ("state", "credentials", "sent_as", "created_at", "updated_at")
    actions = ("enable", "disable", "extend")

    # -- The list.

    @admin.display(description=gettext_lazy("origin"), ordering="origin")
    def origin_as_read(self, row: AllowedOrigin) -> str:
        text = shown(row.origin)
        if text == as_people_write(row.origin) != row.origin:
            # Letters of another alphabet can look like those that one expects.
            return format_html('{}<div class="help">{}</div>', text, row.origin)
        return text

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: AllowedOrigin) -> SafeString:
        standing = judge(row)
        text = format_html('<img src="{}" alt=""> {}', static(ICONS[standing.state]), standing.text)
        if standing.why:
            return format_html('{}<div class="help">{}</div>', text, standing.why)
        return text

    @admin.display(description=gettext_lazy("credentials"))
    def credentials(self, row: AllowedOrigin) -> str:
        policy = known_policies().get(row.policy)
        if policy is None:
            return "-"
        return _("yes") if policy.allow_credentials and row.allow_credentials else _("no")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        rows = changelist.root_queryset
        # MariaDB and MySQL fail on dates while their time zone tables are empty.
        works = connections[rows.db].features.has_zoneinfo_database
        if not (works and rows.exclude(expires_at=None).exists()):
            changelist.date_hierarchy = None
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        if not term:
            return found, may_have_duplicates
        origins = entries_that_allow(guess_origin(term) or "")
        if not term.isascii():
            origins += _origins_that_read(queryset, term)
        return found | queryset.filter(origin__in=origins), may_have_duplicates

    # -- One row.

    def get_fieldsets(self, request: HttpRequest, obj: AllowedOrigin | None = None) -> Any:
        what = ["origin", "policy"]
        if obj is not None:
            what = ["state", "origin", "policy"]
            if as_people_write(obj.origin) != obj.origin:
                what.insert(2, "sent_as")
        intro = _(
            "Pages from this origin may call this server from their visitors' browsers, and read "
            "what it answers, as far as the policy goes."
        )
        fieldsets: list[tuple[str | None, dict[str, Any]]] = [
            (None, {"fields": what, "description": intro}),
            (
                _("How far, and how long"),
                {"fields": ["allow_credentials", "is_enabled", "expires_at"]},
            ),
            (_("For colleagues"), {"fields": ["note"]}),
        ]
        if obj is not None:
            fieldsets[1][1]["fields"].insert(1, "credentials")
            fieldsets[2][1]["fields"] += ["created_at", "updated_at"]
        return fieldsets

    @admin.display(description=gettext_lazy("as browsers send it"))
    def sent_as(self, row: AllowedOrigin) -> str:
        return str(row.origin)

    def response_add(
        self, request: HttpRequest, obj: AllowedOrigin, post_url_continue: str | None = None
    ) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        self._remark_on(request, obj)
        return response

    def response_change(self, request: HttpRequest, obj: AllowedOrigin) -> HttpResponse:
        response = super().response_change(request, obj)
        self._remark_on(request, obj)
        return response

    def _remark_on(self, request: HttpRequest, row: AllowedOrigin) -> None:
        for remark in remarks(row):
            self.message_user(request, remark, messages.WARNING)

    # -- Actions.

    @admin.action(permissions=["change"], description=gettext_lazy("Enable selected origins"))
    def enable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        changed, left = self._switch(request, queryset, to=True, message=_("Enabled."))
        self._tell(request, messages.SUCCESS, ENABLED, len(changed))
        self._tell(request, messages.INFO, ENABLED_ALREADY, left)
        without_effect = sum(not judge(row).state.is_live for row in changed)
        self._tell(request, messages.WARNING, STILL_WITHOUT_EFFECT, without_effect)

    @admin.action(permissions=["change"], description=gettext_lazy("Disable selected origins"))
    def disable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        changed, left = self._switch(request, queryset, to=False, message=_("Disabled."))
        self._tell(request, messages.SUCCESS, DISABLED, len(changed))
        self._tell(request, messages.INFO, DISABLED_ALREADY, left)

    @admin.action(permissions=["change"], description=gettext_lazy("Extend selected by 30 days"))
    def extend(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic(using=_database()):
            rows = _locked(queryset)
            expired = [row for row in rows if judge(row).state == State.EXPIRED]
            changed = [row for row in rows if _extend(row)]
            self._write(request, changed, "expires_at", _("Extended by 30 days."))
        self._tell(request, messages.SUCCESS, EXTENDED, len(changed))
        revived = sum(judge(row).state.is_live for row in expired)
        self._tell(request, messages.WARNING, LIVE_AGAIN, revived)
        self._tell(request, messages.INFO, NEVER_EXPIRES, len(rows) - len(changed))

    def _switch(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *, to: bool, message: str
    ) -> tuple[list[AllowedOrigin], int]:
        """Returns the rows that were changed, and how many were so already."""
        with transaction.atomic(using=_database()):
            rows = _locked(queryset)
            changed = [row for row in rows if row.is_enabled != to]
            for row in changed:
                row.is_enabled = to
            self._write(request, changed, "is_enabled", message)
        return changed, len(rows) - len(changed)

    def _write(
        self, request: HttpRequest, rows: Sequence[AllowedOrigin], field: str, message: str
    ) -> None:
        AllowedOrigin.objects.using(_database()).bulk_update(rows, [field], batch_size=500)
        self._log(request, rows, CHANGE, message)

    def _log(
        self, request: HttpRequest, rows: Iterable[AllowedOrigin], flag: int, message: Any
    ) -> None:
        assert request.user.pk is not None  # noqa: S101 -- the admin's users are logged in
        LogEntry.objects.log_actions(request.user.pk, rows, flag, message)

    def _tell(self, request: HttpRequest, level: int, text: Any, count: int) -> None:
        if count:
            self.message_user(request, text % {"count": count}, level)

    # -- Many rows.

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_add_many"
        view = self.admin_site.admin_view(self.add_many_view)
        return [path("add-many/", view, name=name), *super().get_urls()]

    def add_many_view(self, request: HttpRequest) -> HttpResponse:
        """Add many rows: a form, a preview of what would come of it, and then that."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form_class = cast(
            "type[AddManyForm]",
            forms.modelform_factory(
                AllowedOrigin,
                form=AddManyForm,
                formfield_callback=partial(self.formfield_for_dbfield, request=request),
            ),
        )
        if request.method != "POST":
            return self._render_add_many(request, form_class())
        form = form_class(request.POST)
        if not form.is_valid() or "_edit" in request.POST:
            return self._render_add_many(request, form)
        if "_confirm" in request.POST:
            try:
                added = self._add_all(request, form)
            except IntegrityError:
                text = _("Nothing was added: somebody else has just added one of these.")
                self.message_user(request, text, messages.ERROR)
            else:
                if added:
                    self._tell(request, messages.SUCCESS, ADDED, added)
                    return HttpResponseRedirect(self._changelist_url())
        return self._render(
            request,
            "add_many_preview.html",
            _("Add many origins: what would come of it"),
            {"form": form, "plan": form.plan(_database())},
        )

    def _add_all(self, request: HttpRequest, form: AddManyForm) -> int:
        with transaction.atomic(using=_database()):
            rows = [line.row for line in form.plan(_database()).additions]
            objects = AllowedOrigin.objects.using(_database())
            objects.bulk_create(rows)
            # Not every database tells the keys of what it has created.
            added = objects.filter(
                policy=form.cleaned_data["policy"], origin__in=[row.origin for row in rows]
            )
            self._log(request, added, ADDITION, [{"added": {}}])
        return len(rows)

    def _render_add_many(self, request: HttpRequest, form: AddManyForm) -> HttpResponse:
        fieldsets: Any = [
            (None, {"fields": ["origins", "policy"]}),
            (_("For all of them"), {"fields": ["allow_credentials", "expires_at", "note"]}),
        ]
        admin_form = AdminForm(form, fieldsets, {}, (), self)
        context = {
            "adminform": admin_form,
            "errors": AdminErrorList(form, []),
            "media": self.media + admin_form.media,
        }
        return self._render(request, "add_many.html", _("Add many origins"), context)

    def _render(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "original": title,  # ends the breadcrumbs
            "media": self.media,
            "has_view_permission": self.has_view_permission(request),
            **context,
        }
        folder = f"admin/{self.opts.app_label}/{self.opts.model_name}"
        return TemplateResponse(request, f"{folder}/{template}", context)

    def _changelist_url(self) -> str:
        opts = self.opts
        name = f"admin:{opts.app_label}_{opts.model_name}_changelist"
        return reverse(name, current_app=self.admin_site.name)


def _database() -> str:
    return router.db_for_write(AllowedOrigin)


def _extend(row: AllowedOrigin) -> bool:
    """Whether the row could be extended."""
    before = row.expires_at
    # Who wrote the year 9999 meant never.
    with contextlib.suppress(OverflowError):
        row.extend(EXTENSION)
    return row.expires_at != before


def _locked(queryset: models.QuerySet[Any]) -> list[AllowedOrigin]:
    return list(queryset.using(_database()).select_for_update())


def _origins_that_read(rows: models.QuerySet[Any], text: str) -> list[str]:
    """The origins of ``rows`` that have ``text`` in them as people write them."""
    text = unicodedata.normalize("NFC", text.lower())
    origins = rows.filter(origin__contains="xn--").values_list("origin", flat=True)
    found = (
        origin for origin in origins.iterator(chunk_size=2000) if text in as_people_write(origin)
    )
    return list(itertools.islice(found, MOST_ROWS))
