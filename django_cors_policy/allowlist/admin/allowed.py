"""The admin of allowed origins, with the state of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connections, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cors_policy.explain import Explanation

from ..batches import Plan
from ..coverage import entries_that_allow, remarks
from ..models import AllowedOrigin
from ..rows import as_people_write, shown
from ..states import LABELS, State, status_of, with_state
from ..view_credentials import describe_credentials, views_that_add_credentials, with_credentials
from .actions import RowActions
from .base import database
from .english import in_english
from .forms import AddManyForm, AllowedOriginForm, CallForm
from .many import RowForms, form_for_many, may_add_many, plan_additions
from .test_page import deciding_row, new_row, page_context

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

ICONS = {
    State.LIVE: "yes",
    State.EXPIRING: "alert",
    State.DISABLED: "no",
    State.EXPIRED: "no",
    State.UNKNOWN_POLICY: "no",
    State.REFUSED: "no",
    State.UNREADABLE: "no",
}


class StateFilter(admin.SimpleListFilter):
    """Filters rows by the state that the list shows."""

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
    """Filters rows by whether their pages may send cookies and logins."""

    title = gettext_lazy("credentials")
    parameter_name = "credentials"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        choices = [("yes", _("allowed")), ("no", _("not allowed"))]
        if views_that_add_credentials():
            choices.insert(1, ("views", _("allowed on some views only")))
        return choices

    def queryset(self, request: Any, queryset: Any) -> models.QuerySet[Any] | None:
        value = self.value()
        return with_credentials(queryset, value) if value in ("yes", "views", "no") else None


class AllowedOriginAdmin(RowActions):
    """The list and the pages of allowed origins."""

    templates = "cors_policy_allowlist/allowedorigin"
    form = AllowedOriginForm
    list_display = (
        "origin_as_read",
        "state",
        "policy",
        "credentials",
        "note",
        "history",
    )
    list_filter = (StateFilter, ("policy", admin.AllValuesFieldListFilter), CredentialsFilter)
    date_hierarchy = "expires_at"
    search_fields = ("origin", "note")
    search_help_text = gettext_lazy(
        "Enter part of an origin or note, or a full URL such as https://a.b.example.com/page. "
        "A URL also finds the wildcard rows that allow it."
    )
    readonly_fields = (
        "state",
        "credentials",
        "sent_as",
        "created_at",
        "added_by",
        "updated_at",
        "changed_by",
    )

    # -- The list.

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: AllowedOrigin) -> SafeString:
        status = status_of(row)
        why = status.why if status.state.is_live or not status.why else in_english(status.why)
        return self._as_state(ICONS[status.state], status.text, why)

    @admin.display(description=gettext_lazy("credentials"))
    def credentials(self, row: AllowedOrigin) -> str:
        return describe_credentials(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add the "Add many" link for users who may add rows."""
        context = {"may_add_many": may_add_many(self, request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        rows = changelist.root_queryset
        # MariaDB and MySQL cannot filter by date while their time zone tables are empty.
        works = connections[rows.db].features.has_zoneinfo_database
        if not (works and rows.exclude(expires_at=None).exists()):
            changelist.date_hierarchy = None
        return changelist

    def _origins_that_allow(self, origin: str) -> list[str]:
        """Include wildcards."""
        return entries_that_allow(origin)

    # -- One row.

    def get_fieldsets(self, request: HttpRequest, obj: AllowedOrigin | None = None) -> Any:
        what = ["origin", "policy"]
        if obj is not None:
            what = ["state", "origin", "policy"]
            if as_people_write(obj.origin) != obj.origin:
                what.insert(2, "sent_as")
        intro = _(
            "Pages from this origin can call this server and read its responses, within the limits "
            "of the policy."
        )
        fieldsets: list[tuple[str | None, dict[str, Any]]] = [
            (None, {"fields": what, "description": intro}),
            (
                _("Credentials and expiry"),
                {"fields": ["allow_credentials", "is_enabled", "expires_at"]},
            ),
            (_("Details"), {"fields": ["note"]}),
        ]
        if obj is not None:
            fieldsets[1][1]["fields"].insert(1, "credentials")
            fieldsets[2][1]["fields"] += [("created_at", "added_by"), ("updated_at", "changed_by")]
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
        """Add many rows: show a form, then a preview, then save."""
        if not may_add_many(self, request):
            raise PermissionDenied
        form_class = form_for_many(self, request, AddManyForm)
        if request.method != "POST":
            return self._render_add_many(request, form_class())
        form = form_class(request.POST)
        if not form.is_valid() or "_edit" in request.POST:
            return self._render_add_many(request, form)
        if "_confirm" in request.POST and self._add_planned(
            request, self, lambda: self._plan(request, form).added
        ):
            return HttpResponseRedirect(self.url_of("changelist"))
        return self._render(
            request,
            "add_many_preview.html",
            _("Add many origins: preview"),
            {"form": form, "plan": self._plan(request, form)},
        )

    def _plan(self, request: HttpRequest, form: AddManyForm) -> Plan:
        return plan_additions(form.lines(RowForms(self, request, form)), database())

    def _render_add_many(self, request: HttpRequest, form: AddManyForm) -> HttpResponse:
        fieldsets = [
            (None, ("origins", "policy")),
            (_("For all origins"), ("allow_credentials", "expires_at", "note")),
        ]
        title = _("Add many origins")
        return self._render_form(request, "add_many.html", title, form, fieldsets)

    # -- Testing a request.

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Show a form for a request and its result. Nothing is sent or saved."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        # A link without a URL only fills in the form.
        is_sent = "url" in request.GET
        data = {"data": request.GET} if is_sent else {"initial": request.GET.dict()}
        form = CallForm(**data, host=request.get_host(), is_secure=request.is_secure())
        result = self._result(request, form.explanation) if form.is_valid() else {}
        fieldsets = [
            (None, ("origin", "method", "url")),
            (_("What the script sends"), ("content_type", "headers", "credentials")),
            (_("What the script reads"), ("reads",)),
        ]
        title = _("Test a request")
        return self._render_form(request, "test.html", title, form, fieldsets, **result)

    def _result(self, request: HttpRequest, explanation: Explanation) -> dict[str, Any]:
        """Return the template context of a result, with buttons that lead to its rows."""
        buttons = []
        key = deciding_row(explanation)
        row = self.get_object(request, str(key)) if key is not None else None
        if row is not None and self.has_view_or_change_permission(request, row):
            text = _("Open row %(key)s, %(row)s") % {"key": row.pk, "row": shown(row.origin)}
            buttons.append((text, self.url_of("change", row.pk)))
        new = new_row(explanation, row)
        if new is not None and self.has_add_permission(request):
            text = _("Add a row for %(origin)s") % {"origin": shown(new["origin"])}
            buttons.append((text, f"{self.url_of('add')}?{urlencode(new)}"))
        return {**page_context(explanation), "buttons": buttons}
