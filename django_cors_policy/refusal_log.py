"""Refusals in words: once each in the log, for the recorder, and in the body under ``DEBUG``.

What a policy's rehearsal (``REPORT_ONLY``) would have refused is told in the same way. Nothing here
decides whether an origin is allowed.
"""

from __future__ import annotations

import itertools
import logging
import shlex
import time
from typing import NamedTuple
from urllib.parse import quote

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from . import fetch
from .browser import METHOD, Failure, check_lists
from .conf import policy_book
from .exceptions import short_repr
from .hooks import Refusal, hooks
from .origins import MAX_ORIGIN_LENGTH, MOST_COMPARED, nearest_entry, spell_entry, split_origin
from .policy import Grant, Policy, PolicyBook, Ruling
from .protocol import answer_preflight

logger = logging.getLogger("django_cors_policy")

# So many different refusals are logged within so many seconds, by each process.
MOST_LOGGED = 1000
LOGGED_ANEW_SECONDS = 3600
# What a stranger sent is cut to so many characters. An origin that is cut is still too long to be
# taken for one that a browser sends.
LONGEST = MAX_ORIGIN_LENGTH + 1
# What a refused preflight's body may hold of a stranger's method and path.
LONGEST_COMMAND = 300

# HTTP authentication that browsers see to themselves, which makes it credentials
# (https://fetch.spec.whatwg.org/#credentials). A token is a header that a script sets.
AUTHENTICATION = frozenset({"basic", "digest", "negotiate", "ntlm"})


class Near(NamedTuple):
    """An entry that nearly allows an origin: where it is written, and how it differs."""

    place: str
    entry: str
    difference: str


def nearest(policy: Policy, origin: str) -> Near | None:
    """The entry of ``ALLOW_ORIGINS`` that comes nearest to ``origin``, which it refuses."""
    place = policy.place.written_at("ALLOW_ORIGINS")
    entries = itertools.islice(policy.origins, MOST_COMPARED)
    found = nearest_entry(entries, origin)
    if found is None:
        return None
    index, difference = found
    return Near(
        place.locate("ALLOW_ORIGINS", index), spell_entry(policy.origins[index]), difference
    )


def why_refused(policy: Policy, origin: str) -> str:
    """The end of the sentence "The origin is not allowed: ..."."""
    if origin != fetch.NULL and split_origin(origin) is None:
        return "no browser sends such an origin"
    has_rows = policy.rows_alias is not None and hooks.origin_source is not None
    if not policy.origins and not has_rows and policy.allow_origin_func is None:
        return "the policy allows no other origin"
    if (near := nearest(policy, origin)) is not None:
        return f"{near.place} is {short_repr(near.entry)}, {near.difference}"
    place = policy.place.written_at("ALLOW_ORIGINS").locate("ALLOW_ORIGINS")
    if origin == fetch.NULL:
        return f"pages without an origin of their own send it, and it is not in {place}"
    return f"nothing in {place} comes near it"


def debug_body(request: HttpRequest, ruling: Ruling, origin: str) -> str:
    """What a refused preflight says under ``DEBUG``."""
    # What comes from the request is quoted and cut, and nobody may take it for HTML.
    policy = ruling.policy
    lines = [
        f"Preflight refused: the origin {origin[:200]!r} is not allowed here:",
        f"{why_refused(policy, origin)}.",
        f"The policy is {policy.alias!r}, because of {ruling.reason}.",
    ]
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    path = quote(request.path, safe="/:@!$&'()*+,;=~", errors="replace")
    # Somebody may paste it: nothing in it is cut, breaks a line, or is taken for something else.
    if (
        split_origin(origin) is not None
        and fetch.is_token(method)
        and not method.startswith("-")
        and not path.startswith("//")
        and len(method) + len(path) <= LONGEST_COMMAND
    ):
        words = shlex.join((origin, method, path))
        lines.append(f"More: python manage.py cors_explain {words}")
    return "".join(f"{line}\n" for line in lines)


def log_refused_preflight(
    request: HttpRequest,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    is_logged: bool,
) -> None:
    """Tell of a preflight that was refused, or that the rehearsal would have refused.

    ``grant`` is what the policy in force grants, ``rehearsal_grant`` what its rehearsal would.
    ``is_logged``: whether the log is told, and not the recorder alone.
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
    _tell(refusal, ruling, rehearsal_grant, lacks, is_logged)


def log_refused_actual(
    request: HttpRequest,
    path: str,
    ruling: Ruling,
    origin: str,
    grant: Grant | None,
    rehearsal_grant: Grant | None,
    is_logged: bool,
) -> None:
    """As ``log_refused_preflight``, of an actual request. ``path`` is as it came."""
    if not _is_cross_origin_call(request, origin):
        return
    policy, rehearsal = ruling.policy, ruling.policy.rehearsal
    lacks = ""
    if (
        (grant is not None and rehearsal is not None and rehearsal_grant is not None)
        and (grant.credentials and not rehearsal_grant.credentials)
        and _has_credentials(request)
    ):
        lacks = f"{rehearsal.place.written_at('ALLOW_CREDENTIALS')} allows it no credentials"
    refusal = Refusal(origin, policy.alias, path, request.method or "", grant is not None)
    _tell(refusal, ruling, rehearsal_grant, lacks, is_logged)


def _is_cross_origin_call(request: HttpRequest, origin: str) -> bool:
    """Whether a script of another origin called, as far as can be told.

    Browsers send ``Origin`` with a page's own POST and with forms, too. What they say of it
    (https://w3c.github.io/webappsec-fetch-metadata/) is believed: only a log line depends on it.
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


def _tell(
    refusal: Refusal, ruling: Ruling, rehearsal_grant: Grant | None, lacks: str, is_logged: bool
) -> None:
    """Tell of ``refusal``; a rehearsal's is none if it grants the origin and ``lacks`` nothing."""
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
        # Kept, for to find it out again and again would cost more than to serve the request.
        why = book.why_refused[policy, origin] = why_refused(policy, origin)
    if rehearsal is not None and rehearsal_grant is not None and not refusal.is_rehearsal:
        why += f"; {rehearsal.place.written_at('ALLOW_ORIGINS')} would allow it"
    if (origin, path, why) in book.logged:
        return
    book.logged.add((origin, path, why))
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
    if not _has_room(book):
        logger.info("CORS: no more refusals are logged for now; there are too many.")


def _printable(text: str) -> str:
    """What a stranger sent, so that it can forge no line of a log and turn none around."""
    return text if text.isprintable() else repr(text)[1:-1]


def _has_room(book: PolicyBook) -> bool:
    """Whether any more is logged for now, so that a stranger cannot flood the log."""
    now = time.monotonic()
    if now - book.logged_since >= LOGGED_ANEW_SECONDS or not book.logged:
        book.logged.clear()
        book.why_refused.clear()
        book.logged_since = now
    return len(book.logged) < MOST_LOGGED
