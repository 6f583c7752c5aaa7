"""The allowlist in Django's admin, for operators who need not know CORS."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, AdminErrorList, AdminForm
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import display_for_value, flatten_fieldsets
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import IntegrityError, connections, models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from django_cors_policy import fetch
from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.explain import Explanation
from django_cors_policy.origins import guess_origin
from django_cors_policy.policy import Policy, Ruling
from django_cors_policy.resolution import rule_preflight

from .batches import Line, Plan, RowForms, add_all, form_for_many, make_plan, may_add_many
from .coverage import entries_that_allow, remarks
from .database import writing_database
from .forms import (
    MOST_ORIGINS,
    AddManyForm,
    AllowedOriginForm,
    AllowForm,
    CallForm,
    describe_policy,
)
from .models import AllowedOrigin, RefusedOrigin
from .recorder import is_recording
from .refresher import allowlist
from .rows import as_people_write, parse_row, row_problems, shown
from .states import LABELS, MOST_ROWS, State, known_policies, status_of, with_state
from .tester import (
    call_by,
    deciding_row,
    new_row,
    refused_call,
    tell,
)
from .view_credentials import (
    describe_credentials,
    views_that_add_credentials,
    with_credentials,
)

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

REHEARSED = gettext_lazy(
    "In rehearsal only: the policy allows it as it is, and what REPORT_ONLY holds would not. With "
    "the row it would."
)

# What one can say of many rows together.
SHARED = ("allow_credentials", "expires_at", "note")

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
NOT_YOURS = ngettext_lazy(
    "%(count)d was left as it is: you may not change it.",
    "%(count)d were left as they are: you may not change them.",
    "count",
)
OVERTAKEN = gettext_lazy("Nothing was added: somebody else has just added one of these.")
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
        choices = [("yes", _("allowed")), ("no", _("not allowed"))]
        if views_that_add_credentials():
            choices.insert(1, ("views", _("allowed on some views alone")))
        return choices

    def queryset(self, request: Any, queryset: Any) -> models.QuerySet[Any] | None:
        value = self.value()
        return with_credentials(queryset, value) if value in ("yes", "views", "no") else None


class _OriginAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What the lists of origins have in common."""

    class Media:
        css = {"all": ["cors_policy_allowlist/admin.css"]}

    # Counting a million rows takes long, and tells nobody anything.
    show_full_result_count = False

    @admin.display(description=gettext_lazy("origin"), ordering="origin")
    def origin_as_read(self, row: AllowedOrigin | RefusedOrigin) -> str:
        text = shown(row.origin)
        if text == as_people_write(row.origin) != row.origin:
            # Letters of another alphabet can look like those that one expects.
            return format_html('{}<div class="help">{}</div>', text, row.origin)
        return text

    def _tell(self, request: HttpRequest, level: int, text: Any, count: int) -> None:
        if count:
            self.message_user(request, text % {"count": count}, level)

    def _render_form(
        self,
        request: HttpRequest,
        template: str,
        title: str,
        form: Any,
        fieldsets: Any,
        **context: Any,
    ) -> HttpResponse:
        shown_sets = [fieldset for fieldset in fieldsets if fieldset[1]["fields"]]
        admin_form = AdminForm(form, shown_sets, {}, (), self)
        context |= {
            "adminform": admin_form,
            "errors": AdminErrorList(form, []),
            "media": self.media + admin_form.media,
        }
        return self._render(request, template, title, context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """As Django's, with a link to the page that tests requests, filled in."""
        tester = self._tester_url(request)
        if obj is not None and tester:
            call = refused_call(obj) if isinstance(obj, RefusedOrigin) else call_by(obj)
            context["test_url"] = f"{tester}?{urlencode(call)}"
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _tester_url(self, request: HttpRequest) -> str:
        """The page that tests requests; empty for those who may not open it."""
        site = self.admin_site
        rows = site.get_model_admin(AllowedOrigin) if site.is_registered(AllowedOrigin) else None
        if not (
            isinstance(rows, AllowedOriginAdmin) and rows.has_view_or_change_permission(request)
        ):
            return ""
        return rows.url_of("test")

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


@admin.register(AllowedOrigin)
class AllowedOriginAdmin(_OriginAdmin):
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
    readonly_fields = ("state", "credentials", "sent_as", "created_at", "updated_at")
    actions = ("enable", "disable", "extend")

    # -- The list.

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: AllowedOrigin) -> SafeString:
        standing = status_of(row)
        text = format_html('<img src="{}" alt=""> {}', static(ICONS[standing.state]), standing.text)
        if standing.why:
            return format_html('{}<div class="help">{}</div>', text, standing.why)
        return text

    @admin.display(description=gettext_lazy("credentials"))
    def credentials(self, row: AllowedOrigin) -> str:
        return describe_credentials(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's, with a link to add many for those who may."""
        context = {"may_add_many": may_add_many(self, request), **(extra_context or {})}
        return super().changelist_view(request, context)

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

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Who may enable and disable rows."""
        return self._may_change(request, "is_enabled")

    def has_extend_permission(self, request: HttpRequest) -> bool:
        """Who may move the expiry of rows."""
        return self._may_change(request, "expires_at")

    def _may_change(
        self, request: HttpRequest, field: str, row: AllowedOrigin | None = None
    ) -> bool:
        is_fixed = field in self.get_readonly_fields(request, row)
        return self.has_change_permission(request, row) and not is_fixed

    def _lock(
        self, request: HttpRequest, queryset: models.QuerySet[Any], field: str
    ) -> list[AllowedOrigin]:
        """The rows whose ``field`` the user may change on their pages too; tells of the others."""
        rows = list(queryset.using(_database()).select_for_update())
        changeable = [
            row
            for row in rows
            if self._may_change(request, field, row)
            and field in flatten_fieldsets(self.get_fieldsets(request, row))
        ]
        self._tell(request, messages.WARNING, NOT_YOURS, len(rows) - len(changeable))
        return changeable

    @admin.action(permissions=["switch"], description=gettext_lazy("Enable selected origins"))
    def enable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        changed, left = self._switch(request, queryset, to=True, message=_("Enabled."))
        self._tell(request, messages.SUCCESS, ENABLED, len(changed))
        self._tell(request, messages.INFO, ENABLED_ALREADY, left)
        without_effect = sum(not status_of(row).state.is_live for row in changed)
        self._tell(request, messages.WARNING, STILL_WITHOUT_EFFECT, without_effect)

    @admin.action(permissions=["switch"], description=gettext_lazy("Disable selected origins"))
    def disable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        changed, left = self._switch(request, queryset, to=False, message=_("Disabled."))
        self._tell(request, messages.SUCCESS, DISABLED, len(changed))
        self._tell(request, messages.INFO, DISABLED_ALREADY, left)

    @admin.action(permissions=["extend"], description=gettext_lazy("Extend selected by 30 days"))
    def extend(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic(using=_database()):
            rows = self._lock(request, queryset, "expires_at")
            expired = [row for row in rows if status_of(row).state == State.EXPIRED]
            changed = [row for row in rows if _extend(row)]
            self._write(request, changed, "expires_at", _("Extended by 30 days."))
        self._tell(request, messages.SUCCESS, EXTENDED, len(changed))
        revived = sum(status_of(row).state.is_live for row in expired)
        self._tell(request, messages.WARNING, LIVE_AGAIN, revived)
        self._tell(request, messages.INFO, NEVER_EXPIRES, len(rows) - len(changed))

    def _switch(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *, to: bool, message: str
    ) -> tuple[list[AllowedOrigin], int]:
        """Returns the rows that were changed, and how many were so already."""
        with transaction.atomic(using=_database()):
            rows = self._lock(request, queryset, "is_enabled")
            changed = [row for row in rows if row.is_enabled != to]
            for row in changed:
                row.is_enabled = to
            self._write(request, changed, "is_enabled", message)
        return changed, len(rows) - len(changed)

    def _write(
        self, request: HttpRequest, rows: Sequence[AllowedOrigin], field: str, message: str
    ) -> None:
        AllowedOrigin.objects.using(_database()).bulk_update(rows, [field], batch_size=500)
        _log(request, rows, CHANGE, message)

    # -- Many rows.

    def get_urls(self) -> list[Any]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        add_many = self.admin_site.admin_view(self.add_many_view)
        test = self.admin_site.admin_view(self.test_view)
        return [
            path("add-many/", add_many, name=f"{prefix}_add_many"),
            path("test/", test, name=f"{prefix}_test"),
            *super().get_urls(),
        ]

    def add_many_view(self, request: HttpRequest) -> HttpResponse:
        """Add many rows: a form, a preview of what would come of it, and then that."""
        if not may_add_many(self, request):
            raise PermissionDenied
        form_class = form_for_many(self, request, AddManyForm)
        if request.method != "POST":
            return self._render_add_many(request, form_class())
        form = form_class(request.POST)
        if not form.is_valid() or "_edit" in request.POST:
            return self._render_add_many(request, form)
        if "_confirm" in request.POST:
            try:
                with transaction.atomic(using=_database()):
                    added = add_all(self, request, self._plan(request, form).additions)
            except IntegrityError:
                self.message_user(request, str(OVERTAKEN), messages.ERROR)
            else:
                if added:
                    self._tell(request, messages.SUCCESS, ADDED, added)
                    return HttpResponseRedirect(self.url_of("changelist"))
        return self._render(
            request,
            "add_many_preview.html",
            _("Add many origins: what would come of it"),
            {"form": form, "plan": self._plan(request, form)},
        )

    def _plan(self, request: HttpRequest, form: AddManyForm) -> Plan:
        return make_plan(form.lines(RowForms(self, request, form)), _database())

    def _render_add_many(self, request: HttpRequest, form: AddManyForm) -> HttpResponse:
        fieldsets = [
            (None, {"fields": _present(form, "origins", "policy")}),
            (_("For all of them"), {"fields": _present(form, *SHARED)}),
        ]
        title = _("Add many origins")
        return self._render_form(request, "add_many.html", title, form, fieldsets)

    def url_of(self, page: str, *args: Any) -> str:
        """The address of one of the pages, ``changelist`` for example."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args, current_app=self.admin_site.name)

    # -- One request.

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Test a request: a form, and what would become of the call. Changes nothing."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        # Links lead here with a part of it filled in; whoever sends the form sends a URL.
        is_sent = "url" in request.GET
        form = CallForm(request.GET) if is_sent else CallForm(initial=request.GET.dict())
        result = self._tell_of(request, form.explanation) if form.is_valid() else {}
        fieldsets = [
            (None, {"fields": ["origin", "method", "url"]}),
            (_("What the script sends"), {"fields": ["content_type", "headers", "credentials"]}),
            (_("What it reads"), {"fields": ["reads"]}),
        ]
        title = _("Test a request")
        return self._render_form(request, "test.html", title, form, fieldsets, **result)

    def _tell_of(self, request: HttpRequest, explanation: Explanation) -> dict[str, Any]:
        """What the page shows of a result: all that is told, and where to go from there."""
        buttons = []
        key = deciding_row(explanation)
        row = self.get_object(request, str(key)) if key is not None else None
        if row is not None and self.has_view_or_change_permission(request, row):
            text = _("Open row %(key)s, %(row)s") % {"key": row.pk, "row": shown(row.origin)}
            buttons.append((text, self.url_of("change", row.pk)))
        new = new_row(explanation, row)
        if new is not None and self.has_add_permission(request):
            text = _("Allow %(origin)s, by a row") % {"origin": shown(new["origin"])}
            buttons.append((text, f"{self.url_of('add')}?{urlencode(new)}"))
        return {**tell(explanation), "buttons": buttons}


@admin.register(RefusedOrigin)
class RefusedOriginAdmin(_OriginAdmin):
    """What was refused lately, to look at, to clear, and to allow after a review."""

    list_display = (
        "origin_as_read",
        "state",
        "policy",
        "last_request",
        "count",
        "since",
        "lately",
    )
    list_filter = (("policy", admin.AllValuesFieldListFilter), "is_rehearsal", "last_seen")
    search_fields = ("origin", "path")
    search_help_text = gettext_lazy(
        "Part of an origin or path. Or a whole address, such as https://app.example.com/page."
    )
    show_full_result_count = True
    fields = readonly_fields = (*list_display[:-2], "first_seen", "last_seen")
    actions = ("allow",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the recorder adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: it is what happened."""
        return False

    def has_allow_permission(self, request: HttpRequest) -> bool:
        """Users who may add to the allowlist and choose the origins."""
        site = self.admin_site
        return site.is_registered(AllowedOrigin) and may_add_many(
            site.get_model_admin(AllowedOrigin), request
        )

    # -- The list.

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's; it says so where nothing is recorded."""
        if request.method == "GET" and not is_recording():
            text = _(
                "Recording is off, and nothing new is counted. To turn it on, write "
                '"RECORD_REFUSALS": True into CORS_ALLOWLIST, in settings.'
            )
            self.message_user(request, text, messages.WARNING)
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """As Django's; and what the allowlist holds is known, for ``state`` to be judged by."""
        allowlist.prepare()
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: RefusedOrigin) -> SafeString:
        icon, text, why = _standing(row)
        said = format_html('<img src="{}" alt=""> {}', static(f"admin/img/icon-{icon}.svg"), text)
        return format_html('{}<div class="help">{}</div>', said, why) if why else said

    @admin.display(description=gettext_lazy("last request"), ordering="path")
    def last_request(self, row: RefusedOrigin) -> str:
        return _last_request(row)

    @admin.display(description=gettext_lazy("first seen"), ordering="first_seen")
    def since(self, row: RefusedOrigin) -> SafeString:
        return _age(row.first_seen)

    @admin.display(description=gettext_lazy("last seen"), ordering="last_seen")
    def lately(self, row: RefusedOrigin) -> SafeString:
        return _age(row.last_seen)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        origins = [guess_origin(term)] if term else []
        if not term.isascii():
            origins += _origins_that_read(queryset, term)
        return found | queryset.filter(origin__in=origins), may_have_duplicates

    # -- Allowing.

    @admin.action(
        permissions=["allow"], description=gettext_lazy("Allow selected origins (with a preview)")
    )
    def allow(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        """Show what would come of rows for these origins, and then add them."""
        refused = list(queryset[: MOST_ORIGINS + 1])
        if len(refused) > MOST_ORIGINS:
            text = _("These are more than %(limit)s origins. Select fewer, in several goes.")
            self.message_user(request, text % {"limit": MOST_ORIGINS}, messages.ERROR)
            return None
        # At first as a new row would have it.
        data: Any = request.POST if "_reviewed" in request.POST else {"allow_credentials": True}
        row_admin = self.admin_site.get_model_admin(AllowedOrigin)
        form = form_for_many(row_admin, request, AllowForm)(data)
        title = _("Allow refused origins")
        selection = {
            "refused": refused,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "list_url": request.get_full_path(),
        }
        if not form.is_valid() or "_edit" in request.POST:
            fieldsets = [(_("For all of them"), {"fields": list(form.fields)})]
            return self._render_form(request, "allow.html", title, form, fieldsets, **selection)
        if "_confirm" in request.POST:
            try:
                with transaction.atomic(using=_database()):
                    proposals = _propose(refused, RowForms(row_admin, request, form))
                    added = sum(
                        add_all(row_admin, request, found.plan.additions) for found in proposals
                    )
            except IntegrityError:
                self.message_user(request, str(OVERTAKEN), messages.ERROR)
            else:
                if added:
                    self._tell(request, messages.SUCCESS, ADDED, added)
                    return None
        proposals = _propose(refused, RowForms(row_admin, request, form))
        rows = [line.row for proposal in proposals for line in proposal.plan.additions]
        context = {
            **selection,
            "form": form,
            "proposals": proposals,
            "additions": len(rows),
            # They are alike in what the page tells of all.
            "first": next(iter(rows), None),
            "row_opts": row_admin.opts,
            "may_view_rows": row_admin.has_view_permission(request),
        }
        title = _("Allow refused origins: what would come of it")
        return self._render(request, "allow_preview.html", title, context)


def _database() -> str:
    return writing_database(AllowedOrigin)


def _extend(row: AllowedOrigin) -> bool:
    """Whether the row could be extended."""
    before = row.expires_at
    # Who wrote the year 9999 meant never.
    with contextlib.suppress(OverflowError):
        row.extend(EXTENSION)
    return row.expires_at != before


def _origins_that_read(rows: models.QuerySet[Any], text: str) -> list[str]:
    """The origins of ``rows`` that have ``text`` in them as people write them."""
    text = unicodedata.normalize("NFC", text.lower())
    origins = rows.filter(origin__contains="xn--").values_list("origin", flat=True)
    found = (
        origin for origin in origins.iterator(chunk_size=2000) if text in as_people_write(origin)
    )
    return list(itertools.islice(found, MOST_ROWS))


def _log(request: HttpRequest, rows: Iterable[AllowedOrigin], flag: int, message: Any) -> None:
    assert request.user.pk is not None  # noqa: S101 -- the admin's users are logged in
    LogEntry.objects.log_actions(request.user.pk, rows, flag, message)


def _present(form: forms.BaseForm, *names: str) -> list[str]:
    """Those of the fields that the form has: not each user may set all of them."""
    return [name for name in names if name in form.fields]


# --- What was refused ----------------------------------------------------------------------------


def _ruling(row: RefusedOrigin) -> Ruling | None:
    """What governs the path and method of the last refusal, as things are now."""
    request = HttpRequest()
    request.method = "OPTIONS"
    request.path_info = unquote(row.path)
    request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"] = row.method
    try:
        return rule_preflight(policy_book(), request)
    except ImproperlyConfigured:
        return None


def _standing(row: RefusedOrigin) -> tuple[str, str, str]:
    """What would become of the same request now: an icon, a text, and why."""
    ruling = _ruling(row)
    if row.is_rehearsal:
        return _standing_in_rehearsal(row, ruling)
    if ruling is None:
        return "no", _("refused"), _("No policy governs the last path now.")
    if not _allows(ruling.policy, row.origin):
        return "no", _("refused"), ""
    return "yes", _("allowed since"), ""


def _standing_in_rehearsal(row: RefusedOrigin, ruling: Ruling | None) -> tuple[str, str, str]:
    rehearsal = ruling.policy.rehearsal if ruling is not None else None
    if rehearsal is None:
        return "unknown", _("rehearsal"), _("No REPORT_ONLY is tried out at the last path now.")
    if not _allows(rehearsal, row.origin):
        return "alert", _("would be refused"), _("REPORT_ONLY does not allow the origin.")
    if row.method and not {row.method, fetch.WILDCARD} & {*rehearsal.allow_methods}:
        return "alert", _("would be refused"), _("REPORT_ONLY does not allow the method.")
    why = _("REPORT_ONLY allows the origin now. Of headers and credentials the log tells.")
    return "yes", _("would be allowed"), why


def _allows(policy: Policy, origin: str) -> bool:
    """As the middleware asks; but for ``ALLOW_ORIGIN_FUNC``, which wants the real request."""
    return policy.grant_for(origin) is not None or allowlist.grant_for(policy, origin) is not None


def _last_request(row: RefusedOrigin) -> str:
    text = f"{row.method} {unquote(row.path)}".strip()
    return text if text.isprintable() else quote(text, safe=" /")


def _age(moment: datetime.datetime) -> SafeString:
    ago = _("%(time)s ago") % {"time": timesince(moment, depth=1)}
    return format_html('<span title="{}">{}</span>', display_for_value(moment, ""), ago)


class Proposal(NamedTuple):
    """What would become of rows for the refused origins of one policy."""

    policy: str
    plan: Plan
    left_out: list[Line]


def _propose(refused: Iterable[RefusedOrigin], row_forms: RowForms) -> list[Proposal]:
    policies = known_policies()
    proposals = []
    in_order = sorted(refused, key=attrgetter("policy", "is_rehearsal", "origin"))
    for alias, rows in itertools.groupby(in_order, attrgetter("policy")):
        wanted: dict[str, Line] = {}
        rehearsed: dict[str, Line] = {}
        left_out: list[Line] = []
        for row in rows:
            line = row_forms.line(0, shown(row.origin), row.origin, policy=alias)
            line.remarks.insert(0, _evidence(row))
            if not line.problems and line.row.policy != alias:
                remark = _("A row of this policy would help, and you may not choose the policy.")
                line.remarks.append(remark)
                left_out.append(line)
                continue
            ruling = _ruling(row)
            if reason := _why_no_row_counts(ruling, alias):
                line.remarks.append(reason)
            if not row.is_rehearsal:
                wanted[row.origin] = line
            elif reason := reason or _why_no_row_helps(
                ruling, row.origin, line.row.allow_credentials
            ):
                line.remarks[1:] = [reason]
                left_out.append(line)
            else:
                rehearsed[row.origin] = wanted.pop(row.origin, line)
        plan = make_plan([*wanted.values(), *rehearsed.values()], _database())
        for line in plan.additions:
            if line is rehearsed.get(line.row.origin):
                # The plan knows the policy in force, for which the row may change nothing.
                line.remarks[1:] = [str(REHEARSED)]
        policy = policies.get(alias)
        title = describe_policy(policy) if policy is not None else alias
        proposals.append(Proposal(title, plan, left_out))
    return proposals


def _why_no_row_counts(ruling: Ruling | None, alias: str) -> str:
    if ruling is None or ruling.policy.rows_alias == alias:
        return ""
    remark = _("No row of this policy counts at that path, because of %(reason)s.")
    return remark % {"reason": ruling.reason}


def _why_no_row_helps(ruling: Ruling | None, origin: str, allow_credentials: bool) -> str:
    """Why a row would not make a rehearsal allow its origin; empty if it would."""
    rehearsal = ruling.policy.rehearsal if ruling is not None else None
    if rehearsal is None:
        return _("No REPORT_ONLY is tried out at the last path now.")
    if _allows(rehearsal, origin):
        return _(
            "REPORT_ONLY allows the origin already, and not the method, a header or credentials."
        )
    with contextlib.suppress(PolicyError):  # the plan refuses it
        for problem in row_problems(parse_row(origin), rehearsal, allow_credentials):
            return f"REPORT_ONLY: {problem.message} {problem.hint}"
    return ""


def _evidence(row: RefusedOrigin) -> str:
    text = ngettext(
        "Refused %(count)s time, last for %(request)s.",
        "Refused %(count)s times, last for %(request)s.",
        row.count,
    )
    return text % {"count": localize(row.count), "request": _last_request(row)}
