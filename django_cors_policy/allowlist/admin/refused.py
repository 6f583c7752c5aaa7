"""The admin of refused origins: view them, delete them, or allow them after a preview."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..batches import Line
from ..models import AllowedOrigin, RefusedOrigin
from ..recorder import is_recording
from ..refresher import allowlist
from .base import OriginAdmin, age
from .forms import MOST_ORIGINS, AllowForm
from .many import RowForms, form_for_many, may_add_many
from .proposals import additions, fingerprint, propose
from .refused_state import last_request, status

# The hidden field that says which rows the preview shows.
SHOWN = "_shown"


class _PreviewChangedError(Exception):
    """The rows to add are not those that the user has seen."""


class KindFilter(admin.SimpleListFilter):
    """Filters by whether the policy refused the origin or only its ``REPORT_ONLY``."""

    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the kinds, or nothing where all entries are of one kind: Django hides that."""
        rows = model_admin.get_queryset(request).order_by()
        if self.value() is None and rows.values("is_rehearsal").distinct().count() < 2:
            return []
        return [("refused", _("refused")), ("report-only", _("would be refused (REPORT_ONLY)"))]

    def queryset(self, request: Any, queryset: Any) -> models.QuerySet[Any] | None:
        is_rehearsal = {"refused": False, "report-only": True}.get(self.value() or "")
        return None if is_rehearsal is None else queryset.filter(is_rehearsal=is_rehearsal)


class RefusedOriginAdmin(OriginAdmin):
    """The list and the pages of refused origins."""

    templates = "cors_policy_allowlist/refusedorigin"
    list_display = ("origin_as_read", "state", "policy", "last_request", "count", "since", "lately")
    list_filter = (("policy", admin.AllValuesFieldListFilter), KindFilter, "last_seen")
    search_fields = ("origin", "path")
    search_help_text = gettext_lazy(
        "Enter part of an origin or path, or a full URL such as https://app.example.com/page."
    )
    show_full_result_count = True
    fields = readonly_fields = (*list_display[:-2], "first_seen", "last_seen")
    actions = ("allow",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return ``False``: only the recorder adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return ``False``: the rows are a record of past requests."""
        return False

    def has_allow_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may add rows to the allowlist and set their origins."""
        site = self.admin_site
        return site.is_registered(AllowedOrigin) and may_add_many(
            site.get_model_admin(AllowedOrigin), request
        )

    # -- The list.

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a warning if recording is off."""
        if request.method == "GET" and not is_recording():
            text = _(
                "Recording is off, so new refusals are not listed. To turn it on, set "
                '"RECORD_REFUSALS": True in CORS_ALLOWLIST in your settings.'
            )
            self.message_user(request, text, messages.WARNING)
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Load the allowlist too: the ``state`` column depends on it."""
        allowlist.prepare()
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: RefusedOrigin) -> SafeString:
        return self._as_state(*status(row))

    @admin.display(description=gettext_lazy("last request"), ordering="path")
    def last_request(self, row: RefusedOrigin) -> str:
        return last_request(row)

    @admin.display(description=gettext_lazy("first seen"), ordering="first_seen")
    def since(self, row: RefusedOrigin) -> SafeString:
        return age(row.first_seen)

    @admin.display(description=gettext_lazy("last seen"), ordering="last_seen")
    def lately(self, row: RefusedOrigin) -> SafeString:
        return age(row.last_seen)

    def _origins_that_allow(self, origin: str) -> list[str]:
        """Return only the origin: a refused origin is never a wildcard."""
        return [origin]

    # -- Allowing.

    def get_urls(self) -> list[Any]:
        """Add the page that allows a single origin."""
        view = self.admin_site.admin_view(self.allow_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_allow"
        return [path("<path:object_id>/allow/", view, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Add the "Allow this origin" link for users who may add it."""
        context = dict(extra_context or {})
        if self.has_allow_permission(request):
            context["allow_url"] = self._filtered(request, "allow", object_id)
        return super().change_view(request, object_id, form_url, context)

    @admin.action(
        permissions=["allow"], description=gettext_lazy("Allow selected origins (with a preview)")
    )
    def allow(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        """Show the page that allows these origins, or add them."""
        refused = list(queryset[: MOST_ORIGINS + 1])
        if not refused:
            text = _("The selected entries no longer exist. Nothing was added.")
            self.message_user(request, text, messages.ERROR)
            return None
        if len(refused) > MOST_ORIGINS:
            text = _("You selected more than %(limit)s origins. Allow them in smaller groups.")
            self.message_user(request, text % {"limit": MOST_ORIGINS}, messages.ERROR)
            return None
        hidden = [("action", "allow"), *((ACTION_CHECKBOX_NAME, str(row.pk)) for row in refused)]
        title = _("Allow refused origins")
        return self._allow(request, refused, title, request.get_full_path(), hidden)

    def allow_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the same page for one origin, or add it."""
        row = self.get_object(request, unquote(object_id))
        if not (self.has_allow_permission(request) and self.has_view_permission(request, row)):
            raise PermissionDenied
        entry_url = self._filtered(request, "change", object_id)
        if row is None:
            return HttpResponseRedirect(entry_url)  # where Django says that it does not exist
        title = _("Allow %(origin)s") % {"origin": row}
        page = self._allow(request, [row], title, entry_url)
        return page or HttpResponseRedirect(self._filtered(request, "changelist"))

    def _filtered(self, request: HttpRequest, page: str, *args: Any) -> str:
        """Return the URL of an admin page, with the filters of the list that the user came from."""
        filters: Any = {"preserved_filters": self.get_preserved_filters(request), "opts": self.opts}
        return add_preserved_filters(filters, self.url_of(page, *args))

    def _allow(
        self,
        request: HttpRequest,
        refused: Sequence[RefusedOrigin],
        title: str,
        cancel_url: str,
        hidden: Iterable[tuple[str, str]] = (),
    ) -> HttpResponse | None:
        """Return the page with options and preview, or ``None`` after adding the rows.

        Only rows that the user has seen in the preview are added.
        """
        row_admin = self.admin_site.get_model_admin(AllowedOrigin)
        form_class = form_for_many(row_admin, request, AllowForm)
        proposed = form_class().proposed_data()
        shown = request.POST.get(SHOWN)
        form = form_class(proposed if shown is None else request.POST)
        is_valid = form.is_valid()
        # The preview needs valid options, also while the form shows an error.
        used = form if is_valid else form_class({**request.POST.dict(), **proposed})
        row_forms = RowForms(row_admin, request, used, **AllowForm.proposed_values())

        def seen() -> list[Line]:
            lines = additions(propose(refused, row_forms))
            if fingerprint(lines) != shown:
                raise _PreviewChangedError
            return lines

        if is_valid and shown is not None and "_confirm" in request.POST:
            try:
                if self._add_planned(request, row_admin, seen):
                    return None
            except _PreviewChangedError:
                text = _(
                    "Nothing was added, because the preview has changed since you saw it. Check "
                    "the updated preview and try again."
                )
                self.message_user(request, text, messages.ERROR)
        proposals = propose(refused, row_forms)
        lines = additions(proposals)
        context = {
            "hidden": [*hidden, (SHOWN, fingerprint(lines))],
            "proposals": proposals,
            "additions": len(lines),
            # The values that the page shows are the same in all rows.
            "first": lines[0].row if lines else None,
            "row_opts": row_admin.opts,
            "may_view_rows": row_admin.has_view_permission(request),
            "cancel_url": cancel_url,
        }
        fieldsets = [(_("Options"), form.fields)]
        return self._render_form(request, "allow.html", title, form, fieldsets, **context)
