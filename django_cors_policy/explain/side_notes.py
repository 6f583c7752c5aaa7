"""What blocks nothing and may surprise all the same: cookies, CSRF, hosts, headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings
from django.http.request import validate_host
from django.urls import ResolverMatch
from django.utils.http import is_same_domain

from django_cors_policy import browser, checks, fetch
from django_cors_policy.browser import Call
from django_cors_policy.inspection import name_of
from django_cors_policy.origins import is_loopback, registrable_domain, split_origin
from django_cors_policy.sources import UnreadableRows

from .causes import find_method_case, find_missing_slash, find_redirect
from .findings import Finding, Fix
from .fixes import call_instead, fixes_for, in_force, leave_out, owned, spell
from .playback import Step, Target
from .rows import read_rows

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def find_notes(
    call: Call, steps: Sequence[Step], *, may_read: bool, is_allowed: bool, reads: Iterable[str]
) -> Iterator[Finding]:
    """What does not block, and matters all the same."""
    for name in call.dropped_headers:
        text = f"No script can set the header {name!r}: browsers leave it out without a word."
        yield Finding("forbidden-header", text)
    if steps and may_read:
        yield from _about_answer(steps, is_allowed=is_allowed)
        yield from _about_csrf(call, steps[-1].match)
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
        line = f"ALLOWED_HOSTS = [*ALLOWED_HOSTS, {spell(target.host)}]"
        text = (
            f"{target.host!r} is not in ALLOWED_HOSTS. Unless a proxy puts another name in its "
            "place, Django answers 400."
        )
        yield Finding("allowed-hosts", text, (Fix("settings", (line,)),))
    status = last.response.status_code
    if status == 404 and settings.STATIC_URL and last.request.path.startswith(settings.STATIC_URL):
        text = (
            f"No view has the path {last.path}. Below STATIC_URL, files are answered by "
            "runserver, by WhiteNoise or by another server: no policy reaches them."
        )
        yield Finding("static", text)
    elif status == 404:
        text = f"No view has the path {last.path}: the script may read a 404."
        yield find_missing_slash(last) or Finding("not-found", text)
    elif status == 405 and last.match is not None:
        text = (
            f"{name_of(last.match.func)} has nothing for {last.request.method}: the script may "
            "read a 405."
        )
        yield Finding("method-not-allowed", text)


def _allowed_hosts() -> list[str]:
    # As HttpRequest.get_host() has it.
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return [".localhost", "127.0.0.1", "[::1]"]
    return list(settings.ALLOWED_HOSTS)


def _about_csrf(call: Call, match: ResolverMatch | None) -> Iterator[Finding]:
    if (
        call.method.upper() in SAFE_METHODS
        or match is None
        or not checks.has_middleware(checks.CSRF_MIDDLEWARE)
        or getattr(match.func, "csrf_exempt", False)
    ):
        return
    if not _is_csrf_trusted(call.origin):
        text = (
            f"Django's CSRF protection answers 403 to a {call.method} from {call.origin}: it is "
            "not in CSRF_TRUSTED_ORIGINS."
        )
        line = f"CSRF_TRUSTED_ORIGINS = [*CSRF_TRUSTED_ORIGINS, {spell(call.origin)}]"
        fixes = () if call.origin == fetch.NULL else (Fix("settings", (line,)),)
        yield Finding("csrf", text, fixes)
    header = settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").lower()
    if not call.credentials:
        text = (
            f"Django's CSRF protection answers 403 to a {call.method} without its cookie, and "
            "without credentials none is sent."
        )
        yield Finding("csrf-token", text, (Fix("script", ('credentials: "include"',)),))
    elif header not in call.headers:
        text = (
            f"Django's CSRF protection answers 403 to a {call.method} without its token. The "
            f"script does not set {header!r}; a form may send the field 'csrfmiddlewaretoken'."
        )
        yield Finding("csrf-token", text)


def _is_csrf_trusted(origin: str) -> bool:
    """As Django judges: the list holds origins, and hosts that begin with ``*.``."""
    scheme, _, host = origin.partition("://")
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
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
        text = f"No script may read the response header {hidden[0]!r}, whatever a server says."
        yield Finding("forbidden-response-header", text)
    missing = sorted({*names} - known - {*hidden})
    if not missing or fetch.WILDCARD in known or step.ruling is None:
        return
    policy, key = step.ruling.policy, "EXPOSE_HEADERS"
    text = (
        f"The script does not see the response header {' nor '.join(map(repr, missing))}: it is "
        f"not in {owned(policy, key)}."
    )
    change = {key: [*in_force(policy, key), *missing]}
    yield Finding("expose", text, fixes_for(policy, change))


def _about_rows(step: Step) -> Iterator[Finding]:
    if step.ruling is None:
        return
    try:
        read_rows(step.ruling.policy, step.call.origin)
    except UnreadableRows:
        text = (
            "The allowlist's rows cannot be read from the database, so they are left out here. Run "
            "migrate if you have not; the log of the server has the error."
        )
        yield Finding("rows-unreadable", text)


def _about_middleware(steps: Sequence[Step]) -> Iterator[Finding]:
    theirs = checks.CORSHEADERS_MIDDLEWARE
    if theirs in settings.MIDDLEWARE and checks.has_middleware():
        text = f"{theirs!r} stands in MIDDLEWARE as well, and answers by other rules."
        yield Finding("two-middlewares", text, (leave_out(theirs),))
    problems = checks.misplaced_middleware()
    if problems:
        places = ", ".join(str(problem.obj) for problem in problems)
        verb = "stand" if len(problems) > 1 else "stands"
        text = (
            f"{places} {verb} before {checks.MIDDLEWARE!r}: browsers can get answers without CORS "
            "headers, or with outdated ones."
        )
        ours = f'"{checks.MIDDLEWARE}"'
        line = f"MIDDLEWARE = [{ours}, *(m for m in MIDDLEWARE if m != {ours})]"
        yield Finding("middleware-order", text, (Fix("settings", (line,)),))


def judge_cookies(call: Call, target: Target, *, may_send: bool) -> tuple[str, Finding | None]:
    """Whether the session cookie travels, in a sentence; and what to change if it does not."""
    if not call.credentials:
        return "No cookies: the script does not ask with credentials.", None
    if not may_send:
        return "No cookies: the request is not sent.", None
    page = split_origin(call.origin)
    if page is None:
        return "No cookies that are SameSite: a page without an origin is of no site.", None
    samesite, is_secure = settings.SESSION_COOKIE_SAMESITE, settings.SESSION_COOKIE_SECURE
    if target.is_guessed:
        secure = "Secure" if is_secure else "not Secure"
        text = (
            "Cookies: tell the whole URL in place of a path, and they are judged. The session "
            f"cookie is SameSite={samesite}, {secure}."
        )
        return text, None
    if is_secure and target.scheme == "http" and not is_loopback(target.host):
        text = "The session cookie is Secure, and the call goes over http: it stays behind."
        return text, Finding("secure-cookie", text, (call_instead(target.over_https),))
    # https://html.spec.whatwg.org/#same-site: the scheme counts.
    site = (target.scheme, registrable_domain(target.host))
    if site == (page[0], registrable_domain(page[1])):
        return "Cookies travel: the page and this server are one site.", None
    # Django takes any case. Without the attribute (False), Chromium acts as if it were Lax.
    if not samesite or samesite.lower() != "none":
        text = (
            f"The session cookie stays behind: it is SameSite={samesite}, and the page is of "
            "another site."
        )
    elif not is_secure:
        text = "The session cookie stays behind: SameSite=None counts only where it is Secure."
    else:
        return "Cookies travel, but for browsers that block those of third parties.", None
    names = ["SESSION"]
    if checks.has_middleware(checks.CSRF_MIDDLEWARE) and call.method.upper() not in SAFE_METHODS:
        names.append("CSRF")
    lines = [
        line
        for name in names
        for line in (f'{name}_COOKIE_SAMESITE = "None"', f"{name}_COOKIE_SECURE = True")
    ]
    return text, Finding("cookies", text, (Fix("settings", tuple(lines)),))
