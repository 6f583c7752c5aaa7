"""What does not block a call but may surprise you: CSRF, hosts, headers, rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings
from django.http.request import validate_host
from django.urls import ResolverMatch
from django.utils.http import is_same_domain

from django_cors_policy import browser, fetch
from django_cors_policy.browser import Call
from django_cors_policy.checks import find_misplaced
from django_cors_policy.inspection import name_of
from django_cors_policy.middleware_list import (
    CORSHEADERS,
    CSRF,
    OURS,
    csrf_header,
)

from .causes import find_method_case, find_missing_slash, find_redirect
from .cookies import SAFE_METHODS
from .findings import Finding
from .fixes import (
    add_to_setting,
    fixes_that_add,
    include_credentials,
    move_middleware_first,
    place_of,
    remove_middleware,
)
from .ownership import if_yours
from .playback import Step
from .project import setting, uses
from .rows import rows_for


def find_notes(
    call: Call, steps: Sequence[Step], *, may_read: bool, is_allowed: bool, reads: Iterable[str]
) -> Iterator[Finding]:
    """Yield findings that do not block the call."""
    for name in call.dropped_headers:
        text = f"Scripts cannot set the header {name!r}. Browsers ignore it without an error."
        yield Finding("forbidden-header", text)
    if steps and may_read:
        yield from _about_answer(steps, is_allowed=is_allowed)
        yield from _about_csrf(call, steps[-1].answer.match)
        yield from _about_reading(steps[-1], reads)
    if steps:
        yield from _about_rows(steps[-1])
    yield from _about_middleware(steps)


def _about_answer(steps: Sequence[Step], *, is_allowed: bool) -> Iterator[Finding]:
    last = steps[-1]
    if is_allowed:
        if (finding := find_method_case(last.call)) is not None:
            yield finding
        yield from (find_redirect(step) for step in steps if step.location is not None)
    target = last.target
    if not target.is_guessed and not validate_host(target.host, _allowed_hosts()):
        text = (
            f"{target.host!r} is not in ALLOWED_HOSTS. Django answers with status 400, unless a "
            "proxy replaces the host name."
        )
        hosts: tuple[str, ...] = (target.host,)
        if not setting("ALLOWED_HOSTS"):  # what an empty list allows under DEBUG
            hosts = (*_allowed_hosts(), target.host)
        yield Finding("allowed-hosts", text, (add_to_setting("ALLOWED_HOSTS", *hosts),))
    status = last.response.status_code
    if status == 404 and settings.STATIC_URL and last.request.path.startswith(settings.STATIC_URL):
        text = (
            f"No URL pattern matches {last.path}. Files below STATIC_URL are served by runserver, "
            "WhiteNoise or another server. Policies do not apply to them."
        )
        yield Finding("static", text)
    elif status == 404:
        text = f"No URL pattern matches {last.path}, so the script gets a 404."
        yield find_missing_slash(last) or Finding("not-found", text)
    elif status == 405 and (match := last.answer.match) is not None:
        text = (
            f"{name_of(match.func)} does not handle {last.request.method}, so the script gets a "
            "405."
        )
        yield Finding("method-not-allowed", text)


def _allowed_hosts() -> list[str]:
    # The same hosts as in HttpRequest.get_host().
    if settings.DEBUG and not setting("ALLOWED_HOSTS"):
        return [".localhost", "127.0.0.1", "[::1]"]
    return list(setting("ALLOWED_HOSTS"))


def _about_csrf(call: Call, match: ResolverMatch | None) -> Iterator[Finding]:
    if (
        call.method.upper() in SAFE_METHODS
        or match is None
        or not uses(CSRF)
        or getattr(match.func, "csrf_exempt", False)
    ):
        return
    if not _is_csrf_trusted(call.origin):
        text = (
            f"Django's CSRF protection answers this {call.method} with status 403: {call.origin} "
            "is not in CSRF_TRUSTED_ORIGINS."
        )
        fix = add_to_setting("CSRF_TRUSTED_ORIGINS", call.origin)
        fixes = () if call.origin == fetch.NULL else if_yours((fix,), call.origin, None)
        yield Finding("csrf", text, fixes)
    header = csrf_header()
    if not call.credentials:
        text = (
            f"Django's CSRF protection answers this {call.method} with status 403: without "
            "credentials, the browser does not send the CSRF cookie."
        )
        yield Finding("csrf-token", text, (include_credentials(),))
    elif header not in call.headers:
        text = (
            f"Django's CSRF protection answers this {call.method} with status 403 if it has no "
            f"CSRF token. The script does not set the header {header!r}. If it sends a form, the "
            "token can be in the field 'csrfmiddlewaretoken'."
        )
        yield Finding("csrf-token", text)


def _is_csrf_trusted(origin: str) -> bool:
    """Whether Django trusts ``origin``: ``CSRF_TRUSTED_ORIGINS`` may contain ``https://*.host``."""
    scheme, _, host = origin.partition("://")
    for trusted in setting("CSRF_TRUSTED_ORIGINS"):
        trusted_scheme, _, trusted_host = trusted.partition("://")
        if scheme == trusted_scheme and is_same_domain(host, trusted_host.removeprefix("*")):
            return True
    return False


def _about_reading(step: Step, reads: Iterable[str]) -> Iterator[Finding]:
    readable = browser.readable_headers(step.call, dict(step.response.items()))
    known = {name.lower() for name in readable}
    names = [name.strip().lower() for name in reads]
    hidden = sorted({name for name in names if name in fetch.FORBIDDEN_RESPONSE_HEADERS})
    if hidden:
        text = f"Scripts can never read the response header {hidden[0]!r}."
        yield Finding("forbidden-response-header", text)
    missing = sorted({*names} - known - {*hidden})
    if not missing or fetch.WILDCARD in known or step.answer.ruling is None:
        return
    policy, key = step.answer.ruling.policy, "EXPOSE_HEADERS"
    text = (
        f"The script cannot read the response header {' or '.join(map(repr, missing))}: "
        f"{place_of(policy, key)} does not list it."
    )
    yield Finding("expose", text, fixes_that_add(policy, key, *missing))


def _about_rows(step: Step) -> Iterator[Finding]:
    ruling = step.answer.ruling
    if ruling is not None and rows_for(ruling.policy, step.call.origin) is None:
        text = (
            "The allowlist rows cannot be read from the database, so this explanation ignores "
            "them. Run migrate if you have not done so. The server's log has the error."
        )
        yield Finding("rows-unreadable", text)


def _about_middleware(steps: Sequence[Step]) -> Iterator[Finding]:
    theirs = CORSHEADERS
    if theirs in setting("MIDDLEWARE") and uses():
        text = f"{theirs!r} is in MIDDLEWARE too, and applies its own rules."
        yield Finding("two-middlewares", text, (remove_middleware(theirs),))
    misplaced = [f"MIDDLEWARE[{index}]" for index, *_ in find_misplaced(setting("MIDDLEWARE"))]
    if misplaced:
        places = ", ".join(misplaced)
        verb = "are" if len(misplaced) > 1 else "is"
        text = (
            f"{places} {verb} before {OURS!r}, so browsers can get responses without CORS headers, "
            "or with outdated ones."
        )
        yield Finding("middleware-order", text, (move_middleware_first(OURS),))
