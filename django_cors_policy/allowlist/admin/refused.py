"""The admin of refused origins: view them, delete them, or allow them after a preview."""

from __future__ import annotations

import contextlib
import datetime
import itertools
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cors_policy import fetch
from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.policy import Policy, Ruling
from django_cors_policy.resolution import rule_preflight

from ..batches import Line, Plan
from ..models import AllowedOrigin, RefusedOrigin
from ..recorder import is_recording
from ..refresher import allowlist
from ..rows import parse_row, row_problems, shown
from ..states import known_policies
from .base import OriginAdmin, database
from .forms import MOST_ORIGINS, AllowForm, describe_policy
from .many import RowForms, form_for_many, may_add_many, plan_additions

REHEARSED = gettext_lazy(
    "The policy already allows the origin. Only REPORT_ONLY refuses it. With this row, REPORT_ONLY "
    "allows it too."
)


class RefusedOriginAdmin(OriginAdmin):
    """The list and the pages of refused origins."""

    list_display = ("origin_as_read", "state", "policy", "last_request", "count", "since", "lately")
    list_filter = (("policy", admin.AllValuesFieldListFilter), "is_rehearsal", "last_seen")
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
        return self._as_state(*_status(row))

    @admin.display(description=gettext_lazy("last request"), ordering="path")
    def last_request(self, row: RefusedOrigin) -> str:
        return _last_request(row)

    @admin.display(description=gettext_lazy("first seen"), ordering="first_seen")
    def since(self, row: RefusedOrigin) -> SafeString:
        return _age(row.first_seen)

    @admin.display(description=gettext_lazy("last seen"), ordering="last_seen")
    def lately(self, row: RefusedOrigin) -> SafeString:
        return _age(row.last_seen)

    def _origins_that_allow(self, origin: str) -> list[str]:
        """Return only the origin: a refused origin is never a wildcard."""
        return [origin]

    # -- Allowing.

    @admin.action(
        permissions=["allow"], description=gettext_lazy("Allow selected origins (with a preview)")
    )
    def allow(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        """Show a preview of rows for these origins, then add them."""
        refused = list(queryset[: MOST_ORIGINS + 1])
        if len(refused) > MOST_ORIGINS:
            text = _("You selected more than %(limit)s origins. Allow them in smaller groups.")
            self.message_user(request, text % {"limit": MOST_ORIGINS}, messages.ERROR)
            return None
        # At first, the default of a new row.
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
            fieldsets = [(_("For all origins"), form.fields)]
            return self._render_form(request, "allow.html", title, form, fieldsets, **selection)

        def propose() -> list[Proposal]:
            return _propose(refused, RowForms(row_admin, request, form))

        def additions() -> list[Line]:
            return [line for proposal in propose() for line in proposal.plan.added]

        if "_confirm" in request.POST and self._add_planned(request, row_admin, additions):
            return None
        proposals = propose()
        rows = [line.row for proposal in proposals for line in proposal.plan.added]
        context = {
            **selection,
            "form": form,
            "proposals": proposals,
            "additions": len(rows),
            # The values that the page shows are the same in all rows.
            "first": next(iter(rows), None),
            "row_opts": row_admin.opts,
            "may_view_rows": row_admin.has_view_permission(request),
        }
        title = _("Allow refused origins: preview")
        return self._render(request, "allow_preview.html", title, context)


# --- The state of a refused origin ---------------------------------------------------------------


def _ruling(row: RefusedOrigin) -> Ruling | None:
    """Return the policy that applies now to the path and method of the last refusal."""
    request = HttpRequest()
    request.method = "OPTIONS"
    request.path_info = unquote(row.path)
    request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"] = row.method
    try:
        return rule_preflight(policy_book(), request)
    except ImproperlyConfigured:
        return None


def _status(row: RefusedOrigin) -> tuple[str, str, str]:
    """Return whether the same request would be allowed now: an icon, a text and a reason."""
    ruling = _ruling(row)
    if row.is_rehearsal:
        return _rehearsal_status(row, ruling)
    if ruling is None:
        return "no", _("refused"), _("No policy applies to the last path now.")
    if not _allows(ruling.policy, row.origin):
        return "no", _("refused"), ""
    return "yes", _("allowed now"), ""


def _rehearsal_status(row: RefusedOrigin, ruling: Ruling | None) -> tuple[str, str, str]:
    rehearsal = ruling.policy.rehearsal if ruling is not None else None
    if rehearsal is None:
        return "unknown", _("rehearsal"), _("No REPORT_ONLY applies to the last path now.")
    if not _allows(rehearsal, row.origin):
        return "alert", _("would be refused"), _("REPORT_ONLY does not allow the origin.")
    if row.method and not {row.method, fetch.WILDCARD} & {*rehearsal.allow_methods}:
        return "alert", _("would be refused"), _("REPORT_ONLY does not allow the method.")
    why = _("REPORT_ONLY allows the origin now. For headers and credentials, see the log.")
    return "yes", _("would be allowed"), why


def _allows(policy: Policy, origin: str) -> bool:
    """Return whether ``policy`` allows ``origin``.

    This does not call ``ALLOW_ORIGIN_FUNC``, which needs the real request.
    """
    return policy.grant_for(origin) is not None or allowlist.grant_for(policy, origin) is not None


def _last_request(row: RefusedOrigin) -> str:
    text = f"{row.method} {unquote(row.path)}".strip()
    return text if text.isprintable() else quote(text, safe=" /")


def _age(moment: datetime.datetime) -> SafeString:
    ago = _("%(time)s ago") % {"time": timesince(moment, depth=1)}
    return format_html('<span title="{}">{}</span>', display_for_value(moment, ""), ago)


class Proposal(NamedTuple):
    """The rows to add for the refused origins of one policy."""

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
                remark = _(
                    "The origin needs a row in this policy, but you do not have permission to "
                    "choose the policy."
                )
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
        plan = plan_additions([*wanted.values(), *rehearsed.values()], database())
        for line in plan.added:
            if line is rehearsed.get(line.row.origin):
                # The plan's remarks are about the policy in force, not about REPORT_ONLY.
                line.remarks[1:] = [str(REHEARSED)]
        policy = policies.get(alias)
        title = describe_policy(policy) if policy is not None else alias
        proposals.append(Proposal(title, plan, left_out))
    return proposals


def _why_no_row_counts(ruling: Ruling | None, alias: str) -> str:
    if ruling is None or ruling.policy.rows_alias == alias:
        return ""
    remark = _("Rows of this policy have no effect at that path, because of %(reason)s.")
    return remark % {"reason": ruling.reason}


def _why_no_row_helps(ruling: Ruling | None, origin: str, allow_credentials: bool) -> str:
    """Return why a row would not make REPORT_ONLY allow its origin; empty if it would."""
    rehearsal = ruling.policy.rehearsal if ruling is not None else None
    if rehearsal is None:
        return _("No REPORT_ONLY applies to the last path now.")
    if _allows(rehearsal, origin):
        return _(
            "REPORT_ONLY already allows the origin, but not the method, a header or credentials."
        )
    with contextlib.suppress(PolicyError):  # the plan reports it
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
