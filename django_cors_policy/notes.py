"""What is noted of a refusal: in the log, once, and by whoever counts them.

Where a policy has a rehearsal (``REPORT_ONLY``), what it would have refused is noted alike.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import DisallowedHost
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest

from .browser import METHOD, Failure, check_lists
from .conf import SETTING
from .origins import MAX_ORIGIN_LENGTH
from .policy import Grant, Policy, Ruling
from .protocol import answer_preflight
from .reasons import why_refused
from .refusals import Audience, Refusal

logger = logging.getLogger("django_cors_policy")

# So many different refusals are logged within so many seconds, by each process.
MOST_LOGGED = 1000
LOGGED_ANEW_SECONDS = 3600
# What a stranger sent is cut to so many characters. An origin that is cut is still too long to be
# taken for one that a browser sends.
LONGEST = MAX_ORIGIN_LENGTH + 1

# HTTP authentication that browsers see to themselves, which makes it credentials
# (https://fetch.spec.whatwg.org/#credentials). A token is a header that a script sets.
AUTHENTICATION = frozenset({"basic", "digest", "negotiate", "ntlm"})

# In what a policy's rehearsal (the first) allows less than it grants (the second): a reason, or "".
Compare = Callable[[Policy, Grant, Grant], str]


def note_preflight(
    request: HttpRequest,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    audience: Audience,
) -> None:
    """Note a preflight that was refused, or that the rehearsal would have.

    ``grant`` is what the policy in force grants, ``rehearsal_grant`` what its rehearsal would.
    """
    policy = ruling.policy
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    names = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")

    def compare(rehearsal: Policy, grant: Grant, rehearsal_grant: Grant) -> str:
        failure = _failure(rehearsal, rehearsal_grant, origin, method, names)
        if failure is None or _failure(policy, grant, origin, method, names) is not None:
            return ""
        key = "ALLOW_METHODS" if failure.step == METHOD else "ALLOW_HEADERS"
        return f"{failure.what[:LONGEST]!r} is not in {rehearsal.place.written_at(key).locate(key)}"

    refusal = Refusal(origin, policy.alias, request.path_info, method)
    _note(refusal, ruling, grant, rehearsal_grant, audience, compare)


def note_actual(
    request: HttpRequest,
    path: str,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    audience: Audience,
) -> None:
    """As ``note_preflight``, of an actual request. ``path`` is as it came."""
    if not _is_cross_origin_call(request, origin):
        return

    def compare(rehearsal: Policy, grant: Grant, rehearsal_grant: Grant) -> str:
        if not grant.credentials or rehearsal_grant.credentials or not _has_credentials(request):
            return ""
        return f"{rehearsal.place.written_at('ALLOW_CREDENTIALS')} allows it no credentials"

    refusal = Refusal(origin, ruling.policy.alias, path, request.method or "")
    _note(refusal, ruling, grant, rehearsal_grant, audience, compare)


def _note(
    refusal: Refusal,
    ruling: Ruling,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    audience: Audience,
    compare: Compare,
) -> None:
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    origin = refusal.origin[:LONGEST]
    if grant is None:
        would = ""
        if rehearsal is not None and rehearsal_grant is not None:
            would = f"; {rehearsal.place.written_at('ALLOW_ORIGINS')} would allow it"
        _tell(refusal, ruling, lambda: _why_refused(policy, origin) + would, audience)
        return
    refusal = refusal._replace(is_rehearsal=True)
    if rehearsal is not None and rehearsal_grant is None:
        _tell(refusal, ruling, lambda: _why_refused(rehearsal, origin), audience)
    elif (
        rehearsal is not None
        and rehearsal_grant is not None
        and (why := compare(rehearsal, grant, rehearsal_grant))
    ):
        _tell(refusal, ruling, lambda: why, audience)


def _is_cross_origin_call(request: HttpRequest, origin: str) -> bool:
    """Whether a script of another origin called, as far as can be told.

    Browsers send ``Origin`` with a page's own POST and with forms, too. What they say of it
    (https://w3c.github.io/webappsec-fetch-metadata/) is believed: nothing but a note depends on it.
    """
    meta = request.META
    if meta.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        return False
    if meta.get("HTTP_SEC_FETCH_MODE", "cors") != "cors":
        return False
    try:
        return origin != f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return True


def _has_credentials(request: HttpRequest) -> bool:
    scheme = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0]
    return bool(request.META.get("HTTP_COOKIE")) or scheme.lower() in AUTHENTICATION


def _failure(policy: Policy, grant: Grant, origin: str, method: str, names: str) -> Failure | None:
    """What of a preflight's method and headers ``policy`` does not allow."""
    _, answer = answer_preflight(policy, grant, origin, method, names)
    asked = [name.strip().lower() for name in names.split(",") if name.strip()]
    return check_lists(method, asked, dict(answer), credentials=grant.credentials)


# For whoever is refused again and again: to find out costs more than to serve the request.
_why_refused = functools.lru_cache(maxsize=MOST_LOGGED)(why_refused)

_logged: set[tuple[str, str, str]] = set()
_logged_since = 0.0


def _tell(refusal: Refusal, ruling: Ruling, explain: Callable[[], str], audience: Audience) -> None:
    if audience.recorder is not None:
        audience.recorder.record(refusal)
    if not audience.log or not _has_room():
        return
    origin, method, path = (
        text[:LONGEST] for text in (refusal.origin, refusal.method, refusal.path)
    )
    why = explain()
    if (origin, path, why) in _logged:
        return
    _logged.add((origin, path, why))
    logger.info(
        "CORS: %r %r from %r %s: %s. The policy is %r, because of %s.",
        method,
        path,
        origin,
        "would be refused" if refusal.is_rehearsal else "is refused",
        why,
        refusal.policy,
        ruling.reason,
        extra={
            "cors_origin": _printable(origin),
            "cors_method": _printable(method),
            "cors_path": _printable(path),
            "cors_policy": refusal.policy,
            "cors_rule": ruling.reason,
            "cors_reason": why,
            "cors_is_rehearsal": refusal.is_rehearsal,
        },
    )
    if not _has_room():
        logger.info("CORS: no more refusals are logged for now; there are too many.")


def _printable(text: str) -> str:
    """What a stranger sent, so that it can forge no line of a log and turn none around."""
    return text if text.isprintable() else repr(text)[1:-1]


def _has_room() -> bool:
    """Whether any more is logged for now: nobody floods the log."""
    global _logged_since
    now = time.monotonic()
    if now - _logged_since >= LOGGED_ANEW_SECONDS or not _logged:
        _logged.clear()
        _logged_since = now
    return len(_logged) < MOST_LOGGED


@receiver(setting_changed)
def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        _logged.clear()
        _why_refused.cache_clear()
