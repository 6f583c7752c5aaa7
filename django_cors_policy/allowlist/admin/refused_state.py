"""What would happen now to the last request from a refused origin."""

from __future__ import annotations

from urllib.parse import quote, unquote

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_cors_policy import fetch
from django_cors_policy.conf import policy_book
from django_cors_policy.policy import Policy, Ruling
from django_cors_policy.resolution import rule_preflight

from ..models import RefusedOrigin
from ..refresher import allowlist


def rule_last_request(row: RefusedOrigin) -> Ruling | None:
    """Return the policy that applies now to the path and method of the last refusal."""
    request = HttpRequest()
    request.method = "OPTIONS"
    request.path_info = unquote(row.path)
    request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"] = row.method
    try:
        return rule_preflight(policy_book(), request)
    except ImproperlyConfigured:
        return None


def status(row: RefusedOrigin) -> tuple[str, str, str]:
    """Return whether the same request would be allowed now: an icon, a text and a reason."""
    ruling = rule_last_request(row)
    if row.is_rehearsal:
        return _rehearsal_status(row, ruling)
    if ruling is None:
        return "no", _("refused"), _("No policy applies to the last path now.")
    if not allows(ruling.policy, row.origin):
        return "no", _("refused"), ""
    return "yes", _("allowed now"), ""


def _rehearsal_status(row: RefusedOrigin, ruling: Ruling | None) -> tuple[str, str, str]:
    rehearsal = ruling.policy.rehearsal if ruling is not None else None
    if rehearsal is None:
        return "unknown", _("rehearsal"), _("No REPORT_ONLY applies to the last path now.")
    if not allows(rehearsal, row.origin):
        return "alert", _("would be refused"), _("REPORT_ONLY does not allow the origin.")
    if row.method and not {row.method, fetch.WILDCARD} & {*rehearsal.allow_methods}:
        return "alert", _("would be refused"), _("REPORT_ONLY does not allow the method.")
    why = _("REPORT_ONLY allows the origin now. For headers and credentials, see the log.")
    return "yes", _("would be allowed"), why


def allows(policy: Policy, origin: str) -> bool:
    """Return whether ``policy`` allows ``origin``.

    This does not call ``ALLOW_ORIGIN_FUNC``, which needs the real request.
    """
    return policy.grant_for(origin) is not None or allowlist.grant_for(policy, origin) is not None


def last_request(row: RefusedOrigin) -> str:
    text = f"{row.method} {unquote(row.path)}".strip()
    return text if text.isprintable() else quote(text, safe=" /")
