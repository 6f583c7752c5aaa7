"""What is noted of a refusal: in the log, once, and by whoever counts them.

Where a policy has a rehearsal (``REPORT_ONLY``), what it would have refused is noted alike.
"""

from __future__ import annotations

import logging
import time

from django.http import HttpRequest

from .browser import METHOD, Call, Failure, check_preflight_lists
from .conf import Ruling
from .policy import Grant, Policy
from .protocol import answer_preflight
from .reasons import why_refused
from .refusals import Audience, Refusal

logger = logging.getLogger("django_cors_policy")

# So many different refusals are logged within so many seconds, by each process.
MOST_LOGGED = 1000
LOGGED_ANEW_SECONDS = 3600
# What a stranger sent is cut to so many characters.
LONGEST = 200


def note_preflight(
    request: HttpRequest,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    tried: Grant | None,
    audience: Audience,
) -> None:
    """Note a preflight that was refused, or that the rehearsal would have.

    ``grant`` is what the policy in force grants, ``tried`` what its rehearsal would.
    """
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    path = request.path_info
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    if grant is None or tried is None or rehearsal is None:
        _note(method, path, ruling, origin, grant, tried, audience)
        return
    asked = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    if _failure(policy, grant, origin, method, asked) is None and (
        failure := _failure(rehearsal, tried, origin, method, asked)
    ):
        key = "ALLOW_METHODS" if failure.step == METHOD else "ALLOW_HEADERS"
        why = f"{failure.what[:LONGEST]!r} is not in {rehearsal.place.locate(key)}"
        refusal = Refusal(origin, policy.alias, path, method, is_rehearsal=True)
        _tell(refusal, ruling, why, audience)


def note_actual(
    request: HttpRequest,
    path: str,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    tried: Grant | None,
    audience: Audience,
) -> None:
    """As ``note_preflight``, of an actual request. ``path`` is as it came."""
    # Browsers send Origin with a page's own POST as well; that is no cross-origin request.
    if origin == f"{request.scheme}://{request.META.get('HTTP_HOST', '')}":
        return
    method = request.method or ""
    rehearsal = ruling.policy.rehearsal
    if grant is None or tried is None or rehearsal is None:
        _note(method, path, ruling, origin, grant, tried, audience)
    elif (
        grant.credentials
        and not tried.credentials
        and ("HTTP_COOKIE" in request.META or "HTTP_AUTHORIZATION" in request.META)
    ):
        refusal = Refusal(origin, ruling.policy.alias, path, method, is_rehearsal=True)
        why = f"{rehearsal.place} allows it no credentials"
        _tell(refusal, ruling, why, audience)


def _note(
    method: str,
    path: str,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    tried: Grant | None,
    audience: Audience,
) -> None:
    """Note an origin that the policy or its rehearsal does not allow at all."""
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    if grant is None:
        refusal = Refusal(origin, policy.alias, path, method)
        why = why_refused(policy, origin) if audience.log else ""
        if tried is not None and rehearsal is not None:
            why += f"; {rehearsal.place} would allow it"
        _tell(refusal, ruling, why, audience)
    elif tried is None and rehearsal is not None:
        refusal = Refusal(origin, policy.alias, path, method, is_rehearsal=True)
        _tell(refusal, ruling, why_refused(rehearsal, origin) if audience.log else "", audience)


def _failure(policy: Policy, grant: Grant, origin: str, method: str, asked: str) -> Failure | None:
    """What of a preflight's method and headers ``policy`` does not allow."""
    call = Call.of(origin, method, filter(None, asked.split(",")), credentials=grant.credentials)
    _, answer = answer_preflight(policy, grant, origin, method, asked)
    return check_preflight_lists(call, dict(answer))


_logged: set[tuple[str, str, str]] = set()
_logged_since = 0.0


def _tell(refusal: Refusal, ruling: Ruling, why: str, audience: Audience) -> None:
    if audience.recorder is not None:
        audience.recorder.record(refusal)
    if not audience.log or not _is_new((refusal.origin[:LONGEST], refusal.path[:LONGEST], why)):
        return
    logger.info(
        "CORS: %.40r %.200r from %.200r %s: %s. The policy is %r, because of %s.",
        refusal.method,
        refusal.path,
        refusal.origin,
        "would be refused" if refusal.is_rehearsal else "is refused",
        why,
        refusal.policy,
        ruling.reason,
        extra={
            "cors_origin": refusal.origin[:LONGEST],
            "cors_method": refusal.method[:LONGEST],
            "cors_path": refusal.path[:LONGEST],
            "cors_policy": refusal.policy,
            "cors_rule": ruling.reason,
            "cors_reason": why,
            "cors_is_rehearsal": refusal.is_rehearsal,
        },
    )


def _is_new(key: tuple[str, str, str]) -> bool:
    """Whether this has not been logged yet, and nobody floods the log."""
    global _logged_since
    now = time.monotonic()
    if now - _logged_since >= LOGGED_ANEW_SECONDS or not _logged:
        _logged.clear()
        _logged_since = now
    if key in _logged or len(_logged) > MOST_LOGGED:
        return False
    _logged.add(key)
    if len(_logged) > MOST_LOGGED:
        logger.info("CORS: no more refusals are logged for now; there are too many.")
        return False
    return True
