"""Report refusals: in the log, to the recorder and, with ``DEBUG``, in the response body.

Reports what ``REPORT_ONLY`` would refuse too. Nothing here decides whether an origin is allowed.
"""

from __future__ import annotations

import logging
import shlex
import time
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from . import fetch
from .browser import METHOD, Failure, check_lists
from .conf import policy_book
from .hooks import Refusal, hooks
from .origins import MAX_ORIGIN_LENGTH, split_origin
from .policy import Grant, Policy, PolicyBook, Ruling
from .protocol import answer_preflight
from .why_refused import why_refused

logger = logging.getLogger("django_cors_policy")

# A process logs at most this many different refusals in this many seconds.
MOST_LOGGED = 1000
LOGGED_ANEW_SECONDS = 3600
# Untrusted text is cut to this many characters. A cut origin is still too long to be a real one.
LONGEST = MAX_ORIGIN_LENGTH + 1
# The longest method and path, together, in the body of a refused preflight.
LONGEST_COMMAND = 300

# Schemes of HTTP authentication that browsers handle: these are credentials
# (https://fetch.spec.whatwg.org/#credentials). Other schemes, such as tokens, are headers that
# scripts set.
AUTHENTICATION = frozenset({"basic", "digest", "negotiate", "ntlm"})


def debug_body(request: HttpRequest, ruling: Ruling, origin: str) -> str:
    """Return the body of a refused preflight with ``DEBUG``, as plain text."""
    # Text from the request is untrusted, so it is quoted and cut.
    policy = ruling.policy
    lines = [
        f"Preflight refused: the origin {origin[:200]!r} is not allowed:",
        f"{why_refused(policy, origin)}.",
        f"The policy is {policy.alias!r}, because of {ruling.reason}.",
    ]
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    if command := _command(request, origin, method):
        lines.append(f"Details: {command}")
    return "".join(f"{line}\n" for line in lines)


def _command(request: HttpRequest, origin: str, method: str) -> str:
    """Return the command that explains a refusal.

    Users paste it into a shell. So it is "" if a part is not safe, or too long.
    """
    path = quote(request.path, safe="/:@!$&'()*+,;=~", errors="replace")
    if (
        split_origin(origin) is None
        or not fetch.is_token(method)
        or method.startswith("-")
        or path.startswith("//")
        or len(method) + len(path) > LONGEST_COMMAND
    ):
        return ""
    return f"python manage.py cors_explain {shlex.join((origin, method, path))}"


def log_refused_preflight(
    request: HttpRequest,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    is_logged: bool,
) -> None:
    """Report a preflight that the policy refused, or that its ``REPORT_ONLY`` would refuse.

    ``grant`` is what the policy grants, ``rehearsal_grant`` what its ``REPORT_ONLY`` would grant.
    ``is_logged``: whether to log it, or only to tell the recorder.
    """
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    names = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    lacks = ""
    if (
        (grant is not None and rehearsal is not None and rehearsal_grant is not None)
        and (failure := _failure(rehearsal, rehearsal_grant, origin, method, names)) is not None
        and _failure(policy, grant, origin, method, names) is None
    ):
        key = "ALLOW_METHODS" if failure.step == METHOD else "ALLOW_HEADERS"
        lacks = (
            f"{failure.what[:LONGEST]!r} is not in {rehearsal.place.written_at(key).locate(key)}"
        )
    refusal = Refusal(origin, policy.alias, request.path_info, method, grant is not None)
    _tell(request, refusal, ruling, rehearsal_grant, lacks, is_logged)


def log_refused_actual(
    request: HttpRequest,
    path: str,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    is_logged: bool,
) -> None:
    """Report an actual request; see ``log_refused_preflight``. ``path`` is the original path."""
    if not _is_cross_origin_call(request, origin):
        return
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    lacks = ""
    if (
        (grant is not None and rehearsal is not None and rehearsal_grant is not None)
        and (grant.credentials and not rehearsal_grant.credentials)
        and _has_credentials(request)
    ):
        place = rehearsal.place.written_at("ALLOW_CREDENTIALS")
        lacks = f"{place} does not allow credentials for it"
    refusal = Refusal(origin, policy.alias, path, request.method or "", grant is not None)
    _tell(request, refusal, ruling, rehearsal_grant, lacks, is_logged)


def _is_cross_origin_call(request: HttpRequest, origin: str) -> bool:
    """Return whether a script of another origin probably made the request.

    Browsers send ``Origin`` also with forms and with POST requests to the same origin. The request
    headers of https://w3c.github.io/webappsec-fetch-metadata/ tell them apart. They can be forged,
    but only a log line depends on them.
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
    """Return the first method or header of a preflight that ``policy`` does not allow."""
    _, answer = answer_preflight(policy, grant, origin, method, names)
    asked = [name.strip().lower() for name in names.split(",") if name.strip()]
    return check_lists(method, asked, dict(answer), credentials=grant.credentials)


def _tell(
    request: HttpRequest,
    refusal: Refusal,
    ruling: Ruling,
    rehearsal_grant: Grant | None,
    lacks: str,
    is_logged: bool,
) -> None:
    """Report ``refusal``, unless it is a rehearsal that grants the origin and ``lacks`` nothing."""
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    if refusal.is_rehearsal:
        if rehearsal is None or (rehearsal_grant is not None and not lacks):
            return
        policy = rehearsal
    if hooks.recorder is not None:
        hooks.recorder.record(refusal)
    if not is_logged or not _has_room(book := policy_book()):
        return
    origin, method, path = (
        text[:LONGEST] for text in (refusal.origin, refusal.method, refusal.path)
    )
    why = lacks or book.why_refused.get((policy, origin))
    if why is None:
        # Cached, because finding the reason costs more than the rest of the request.
        why = book.why_refused[policy, origin] = why_refused(policy, origin)
    if rehearsal is not None and rehearsal_grant is not None and not refusal.is_rehearsal:
        why += f"; {rehearsal.place.written_at('ALLOW_ORIGINS')} would allow it"
    if (origin, path, why) in book.logged:
        return
    book.logged.add((origin, path, why))
    level, command = logging.INFO, ""
    if settings.DEBUG and not refusal.is_rehearsal:
        # Without configuration, Python shows warnings on the console, and no INFO.
        level, command = logging.WARNING, _command(request, refusal.origin, refusal.method)
    logger.log(
        level,
        "CORS: %r %r from %r %s: %s. The policy is %r, because of %s.%s",
        method,
        path,
        origin,
        "would be refused" if refusal.is_rehearsal else "is refused",
        why,
        refusal.policy,
        ruling.reason,
        f"\n    {command}" if command else "",
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
    if not _has_room(book):
        logger.info("CORS: too many refusals. Logging of refusals pauses for up to an hour.")


def _printable(text: str) -> str:
    """Escape untrusted text that could forge or reorder lines of the log."""
    return text if text.isprintable() else repr(text)[1:-1]


def _has_room(book: PolicyBook) -> bool:
    """Return whether to log more refusals now. The limit keeps attackers from flooding the log."""
    now = time.monotonic()
    if now - book.logged_since >= LOGGED_ANEW_SECONDS or not book.logged:
        book.logged.clear()
        book.why_refused.clear()
        book.logged_since = now
    return len(book.logged) < MOST_LOGGED
