"""What blocks a call, what may surprise, and what to change: in words, and in lines to paste."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http.request import validate_host
from django.urls import ResolverMatch
from django.utils.http import is_same_domain

from . import browser, checks, fetch, reasons, sources
from .browser import Call
from .conf import DEFAULT_ALIAS, SETTING, Ruling, policy_book
from .conversation import Step, Target, find_view, play
from .decorators import SAME_ORIGIN, DecoratorPlace
from .exceptions import PolicyError, PolicyErrors, short_repr
from .inspection import name_of
from .origins import Entry, split_origin
from .policy import DEFAULTS, LISTS, Place, Policy, compile_policy, parse_entry
from .sites import is_loopback, registrable_domain
from .sources import Row, UnreadableRows

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
OMIT = 'credentials: "omit"'
# A longer list, or one with patterns in it, is not written out again.
MOST_WRITTEN_OUT = 5


@dataclass(frozen=True)
class Fix:
    """What to change. ``where``: "settings" (Python lines that stand at their end), "shell",
    "decorator" (the view's, in place of the one that it has), "script" (the page's) or "server",
    whose lines are sentences.
    """

    where: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that blocks, or that may surprise. ``code`` is its name for scripts, ``row`` the
    primary key of the row that it is about.
    """

    code: str
    text: str
    fixes: tuple[Fix, ...] = ()
    row: int | None = None


# --- What blocks ----------------------------------------------------------------------------------


def find_cause_in_script(call: Call, target: Target) -> Finding | None:
    """Why the browser sends nothing at all."""
    if fetch.is_forbidden_method(call.method):
        text = f"No script may use the method {call.method}: fetch() throws a TypeError."
        return Finding("forbidden-method", text)
    if (
        call.origin.startswith("https://")
        and target.scheme == "http"
        and not is_loopback(target.host)
    ):
        text = (
            f"The page came over https and calls {target.origin}, which is http: browsers block it "
            "as mixed content before CORS is asked."
        )
        return Finding("mixed-content", text, (_call_instead(target.over_https),))
    return None


def find_cause(steps: Sequence[Step]) -> Finding | None:
    """Why the call does not do what its author meant; None if it does."""
    first, last = steps[0], steps[-1]
    redirect = next((step for step in steps if step.location is not None), None)
    is_blocked = last.failure is not None
    if is_blocked and not checks.has_middleware():
        text = f"{checks.MIDDLEWARE!r} is not in MIDDLEWARE, so nobody answers for CORS."
        line = f'MIDDLEWARE = ["{checks.MIDDLEWARE}", *MIDDLEWARE]'
        return Finding("no-middleware", text, (Fix("settings", (line,)),))
    if last.response.status_code == 500:
        text = (
            f"With DEBUG, Django answers 500 to a {last.request.method} without the slash at the "
            "end: a redirect to it would lose the body."
        )
        return Finding("append-slash", text, (_call_instead(last.target.with_slash),))
    if last.failure is not None and last.failure.step == browser.REDIRECTS:
        text = f"{first.target.url} is redirected again and again, and browsers give up."
        return Finding("redirect-loop", text)
    if redirect is not None and _is_in_the_way(redirect, first, last):
        return _redirect(redirect)
    if not is_blocked:
        return None
    return _missing_slash(last) or _refusal(last)


def _missing_slash(step: Step) -> Finding | None:
    """What is wrong with the URL where nobody redirects to the slash at its end."""
    better = step.target.with_slash
    if step.response.status_code != 404 or find_view(step.call, better) is None:
        return None
    text = f"No view has the path {step.path}, and one has {step.path}/."
    return Finding("not-found", text, (_call_instead(better),))


def _is_in_the_way(redirect: Step, first: Step, last: Step) -> bool:
    """Whether a call would fare better without the redirect."""
    if last.failure is None:
        return last.call.method != first.call.method
    if not last.is_ours or last.call.origin != first.call.origin:
        return True
    location = redirect.location
    return (
        last is redirect
        and location is not None
        and all(step.failure is None for step in play(first.call, location))
    )


def _redirect(step: Step) -> Finding:
    """What a redirect does to a call."""
    target, location = step.target, step.location or step.target
    code = "redirect"
    text = f"{target.path_and_query} is redirected to {location.url}. "
    if location.scheme != target.scheme:
        code = "https-redirect"
        text = f"SECURE_SSL_REDIRECT sends {target.url} to {location.url}. "
    elif location.path == target.with_slash.path:
        code = "append-slash"
        text = f"APPEND_SLASH sends {target.path} to {location.path}. "
    if step.kind == "preflight":
        text += "Browsers follow no redirect of a preflight."
    elif not step.is_ours:
        text += "That answer comes from above the CORS middleware, and carries no CORS headers."
    elif location.origin != target.origin:
        text += "After a redirect to another origin, browsers send Origin: null."
    elif step.failure is not None:
        text += "No view gives that answer, so it is judged by the path that was called."
    elif step.call.method == "POST":
        text += "Browsers repeat a redirected POST as GET, without its body."
    else:
        text += "Browsers follow, after another preflight if one is needed."
    return Finding(code, text, (_call_instead(location),))


def _call_instead(target: Target) -> Fix:
    return Fix("script", (target.path_and_query if target.is_guessed else target.url,))


def _refusal(step: Step) -> Finding:
    """Why the browser takes the answer for a no."""
    if _is_overruled(step):
        text = f"{checks.CORSHEADERS_MIDDLEWARE!r} answers as well, by other rules."
        return Finding("two-middlewares", text, (_leave_out(checks.CORSHEADERS_MIDDLEWARE),))
    ruling, failure = step.ruling, step.failure
    if ruling is None:
        return _no_policy(step)
    policy = ruling.policy
    match failure.step if failure is not None else "":
        case browser.WILDCARD_WITH_CREDENTIALS:
            return _wildcard_with_credentials(policy, step.call)
        case browser.CREDENTIALS:
            return _credentials(policy, step.call)
        case browser.METHOD:
            return _method(policy, step.call)
        case browser.HEADER:
            return _headers(policy, step.call)
    return _origin(ruling, step)


def _is_overruled(step: Step) -> bool:
    """Whether django-cors-headers' middleware, left in its place, makes the difference."""
    theirs = checks.CORSHEADERS_MIDDLEWARE
    return theirs in settings.MIDDLEWARE and step.without(theirs).failure != step.failure


def _leave_out(middleware: str) -> Fix:
    return Fix("settings", (f'MIDDLEWARE = [m for m in MIDDLEWARE if m != "{middleware}"]',))


def _no_policy(step: Step) -> Finding:
    policies = policy_book().policies
    default = policies.get(DEFAULT_ALIAS)
    text = f"No policy governs the path {step.path}: "
    if not policies:
        text += f"{SETTING} has none."
    elif default is not None:
        text += f"{DEFAULT_ALIAS!r} names PATHS, and neither it nor another policy names this one."
    else:
        named = [alias for alias, policy in policies.items() if policy.paths is not None]
        text += f"there is no {DEFAULT_ALIAS!r}, and "
        text += f"none of {', '.join(map(repr, named))} names it." if named else "nobody names it."
    if default is not None:
        change = {"PATHS": [*(default.config["PATHS"]), step.path]}
        return Finding("no-policy", text, _fixes(default, change))
    value = f'{{"ALLOW_ORIGINS": {_spell([step.call.origin])}}}'
    line = f'{SETTING}["{DEFAULT_ALIAS}"] = {value}'
    if not hasattr(settings, SETTING):
        line = f'{SETTING} = {{"{DEFAULT_ALIAS}": {value}}}'
    return Finding("no-policy", text, (Fix("settings", (line,)),))


def _wildcard_with_credentials(policy: Policy, call: Call) -> Finding:
    text = (
        "The script asks with credentials, and the policy answers '*': browsers never share an "
        "answer for anyone with a page that sent cookies. A list takes the place of '*', so it "
        "has to name every origin that is to be allowed."
    )
    change = {"ALLOW_ORIGINS": [call.origin], "ALLOW_CREDENTIALS": True}
    fixes = (Fix("script", (OMIT,)), *_fixes(policy, change))
    return Finding("wildcard-with-credentials", text, fixes)


def _credentials(policy: Policy, call: Call) -> Finding:
    omit = Fix("script", (OMIT,))
    if not policy.allow_credentials:
        place = policy.place.owner("ALLOW_CREDENTIALS").locate("ALLOW_CREDENTIALS")
        text = f"The script asks with credentials, and {place} is False."
        fixes = _fixes(policy, {"ALLOW_CREDENTIALS": True})
        return Finding("credentials", text, (*fixes, omit))
    row = next((row for row in rows_for(policy, call.origin) if row.allows and row.is_live), None)
    if row is not None:
        text = f"The script asks with credentials, and row {row.key} allows none."
        line = _cors_origins("add", row.entry, policy, "--credentials", "--update")
        return Finding("row-credentials", text, (Fix("shell", (line,)),), row.key)
    text = "The script asks with credentials, and they are never granted to 'null'."
    return Finding("null", text, (omit,))


def _method(policy: Policy, call: Call) -> Finding:
    if (finding := _method_case(call)) is not None:
        return finding
    key = "ALLOW_METHODS"
    text = f"The method {call.method} is not in {_owned(policy, key)}."
    change = {key: [*_in_force(policy, key), call.method]}
    return Finding("method", text, _fixes(policy, change))


def _method_case(call: Call) -> Finding | None:
    upper = call.method.upper()
    if call.method == upper or upper not in fetch.WELL_KNOWN_METHODS:
        return None
    text = (
        f"The method is written {call.method!r}. Methods are case-sensitive, and browsers put only "
        "some of them into upper case."
    )
    return Finding("method-case", text, (Fix("script", (f'method: "{upper}"',)),))


def _headers(policy: Policy, call: Call) -> Finding:
    key = "ALLOW_HEADERS"
    place = _owned(policy, key)
    if fetch.WILDCARD in policy.allow_headers:
        text = f"{place} is ['*'], but so many headers are not echoed beside credentials."
        return Finding("header", text)
    missing = [name for name in call.asked_headers if name not in policy.allow_headers]
    names = " and ".join(map(repr, missing))
    text = f"The header {names} is not in {place}"
    if len(missing) > 1:
        text = f"The headers {names} are not in {place}"
    if key in policy.config and set(missing) & set(DEFAULTS[key]):
        text += ", which takes the place of the default list"
    change = {key: [*_in_force(policy, key), *missing]}
    return Finding("header", f"{text}.", _fixes(policy, change))


def _origin(ruling: Ruling, step: Step) -> Finding:
    policy, origin = ruling.policy, step.call.origin
    if ruling.closed_because:
        text = f"{ruling.closed_because} So it allows no other origin."
        fix = Fix("shell", ("python manage.py check",))
        return Finding("decorator", text, (fix,) if ruling.reason.startswith("@") else ())
    if policy.alias == SAME_ORIGIN:
        text = f"{ruling.reason} keeps other origins out."
        return Finding("same-origin-only", text, (Fix("decorator", ("@cors_policy",)),))
    rows = rows_for(policy, origin)
    dead = next((row for row in rows if row.allows and not row.is_live), None)
    if dead is not None:
        text = f"The origin is not allowed: row {dead.key}, {dead.entry!r}, does not count: "
        fix = _revive(dead, policy, origin)
        return Finding("row", f"{text}{dead.state}.", (fix,), dead.key)
    change = {"ALLOW_ORIGINS": [*_in_force(policy, "ALLOW_ORIGINS"), origin]}
    fixes = _fixes(policy, change)
    takes_rows = policy.rows_alias is not None and sources.source is not None
    if takes_rows and origin != fetch.NULL and all(fix.where == "settings" for fix in fixes):
        fixes = (*fixes, Fix("shell", (_cors_origins("add", origin, policy),)))
    code = "null" if origin == fetch.NULL else "origin"
    why, row = _why_refused(ruling, rows, step)
    return Finding(code, f"The origin {origin!r} is not allowed: {why}.", fixes, row)


def _why_refused(ruling: Ruling, rows: Sequence[Row], step: Step) -> tuple[str, int | None]:
    """The reason, and the primary key of the row that it names."""
    policy, origin = ruling.policy, step.call.origin
    if origin == fetch.NULL:
        why = (
            "the page has no origin of its own, as a file, a sandboxed frame, or after a redirect "
            "from another origin"
        )
        return why, None
    near = reasons.nearest(policy, origin)
    for alias, other in policy_book().policies.items():
        # One for everybody is meant for something else.
        if other.judge(origin) is not None and (near is None or not other.any_origin):
            why = (
                f"{Place(alias)} allows it, but what governs {step.path} is {policy.alias!r}, "
                f"because of {ruling.reason}"
            )
            return why, None
    if near is None:
        entries = [(row, entry) for row in rows if (entry := _read(row.entry)) is not None]
        found = reasons.compare([entry for _, entry in entries], origin)
        if found is not None:
            index, difference = found
            row, _ = entries[index]
            return f"row {row.key} is {row.entry!r}, {difference}", row.key
    why = reasons.why_refused(policy, origin)
    if policy.allow_origin_func is not None:
        why += f", and {_owned(policy, 'ALLOW_ORIGIN_FUNC')} did not allow it"
    return why, None


def _revive(row: Row, policy: Policy, origin: str) -> Fix:
    """What makes a row count again, for ``origin`` alone."""
    if row.entry != origin:
        return Fix("shell", (_cors_origins("add", origin, policy),))
    if row.code == "expired":
        line = _cors_origins("add", origin, policy, "--expires", "never", "--update")
        return Fix("shell", (line,))
    if row.code == "disabled":
        lines = [_cors_origins(what, origin, policy) for what in ("remove", "add")]
        return Fix("shell", tuple(lines))
    return Fix("shell", (_cors_origins("add", origin, policy, "--no-credentials", "--update"),))


def _cors_origins(what: str, origin: str, policy: Policy, *options: str) -> str:
    words = ["python", "manage.py", "cors_origins", what, origin]
    if policy.alias != DEFAULT_ALIAS:
        words += ["--policy", policy.alias]
    return shlex.join([*words, *options])


def rows_for(policy: Policy, origin: str) -> Sequence[Row]:
    """The rows of the allowlist that cover ``origin`` or come near; none where no row counts.

    Also none while they cannot be read; a note says so.
    """
    try:
        return _read_rows(policy, origin)
    except UnreadableRows:
        return ()


def _read_rows(policy: Policy, origin: str) -> Sequence[Row]:
    if sources.source is None or policy.rows_alias is None:
        return ()
    return sources.source.rows(policy, origin)


def _read(text: str) -> Entry | None:
    try:
        return parse_entry(text)
    except PolicyError:
        return None


# --- What may surprise ----------------------------------------------------------------------------


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
        if (finding := _method_case(last.call)) is not None:
            yield finding
        yield from (_redirect(step) for step in steps if step.location is not None)
    target = last.target
    if not target.is_guessed and not validate_host(target.host, _allowed_hosts()):
        line = f"ALLOWED_HOSTS = [*ALLOWED_HOSTS, {_spell(target.host)}]"
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
        yield _missing_slash(last) or Finding("not-found", text)
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
        line = f"CSRF_TRUSTED_ORIGINS = [*CSRF_TRUSTED_ORIGINS, {_spell(call.origin)}]"
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
        f"not in {_owned(policy, key)}."
    )
    change = {key: [*_in_force(policy, key), *missing]}
    yield Finding("expose", text, _fixes(policy, change))


def _about_rows(step: Step) -> Iterator[Finding]:
    if step.ruling is None:
        return
    try:
        _read_rows(step.ruling.policy, step.call.origin)
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
        yield Finding("two-middlewares", text, (_leave_out(theirs),))
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
        return text, Finding("secure-cookie", text, (_call_instead(target.over_https),))
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


# --- Lines to paste -------------------------------------------------------------------------------


def _owned(policy: Policy, key: str) -> str:
    return policy.place.owner(key).locate(key)


def _in_force(policy: Policy, key: str) -> list[Any]:
    """The list that ``key`` holds, to be written with more in it; "*" stands alone."""
    return [item for item in policy.config.get(key, DEFAULTS[key]) if item != fetch.WILDCARD]


def _fixes(policy: Policy, change: Mapping[str, Any]) -> tuple[Fix, ...]:
    """Lines that make the change, or the reason why a policy would refuse it."""
    config = {**policy.config, **change}
    try:
        compile_policy(policy.alias, config, policy.place)
    except PolicyErrors as refused:
        hints = tuple(f"{error.message} {error.hint}" for error in refused.errors)
        return (Fix("server", hints),)
    by_decorator = {key for key in change if isinstance(policy.place.owner(key), DecoratorPlace)}
    fixes = []
    if by_decorator:
        place = policy.place
        words = [_spell(policy.alias)] if policy.alias != DEFAULT_ALIAS else []
        words += [
            f"{key.lower()}={_spell(value)}"
            for key, value in config.items()
            if isinstance(place.owner(key), DecoratorPlace)
        ]
        line = f"@cors_policy({', '.join(words)})"
        fixes.append(Fix("decorator", (f"# {place}", line)))
    lines = [
        _assign(policy, key, value) for key, value in change.items() if key not in by_decorator
    ]
    if lines:
        fixes.append(Fix("settings", tuple(lines)))
    return tuple(fixes)


def _assign(policy: Policy, key: str, value: Any) -> str:
    name = f'{SETTING}[{_spell(policy.alias)}]["{key}"]'
    old = policy.config.get(key)
    if isinstance(old, LISTS) and isinstance(value, list):
        count = len(old)
        is_plain = all(isinstance(item, str) for item in old)
        if value[:count] == list(old) and (count > MOST_WRITTEN_OUT or not is_plain):
            more = ", ".join(map(_spell, value[count:]))
            return f"{name} = [*{name}, {more}]"
    return f"{name} = {_spell(value)}"


def _spell(value: object) -> str:
    """``value`` as one writes it in Python, with double quotes."""
    if isinstance(value, LISTS):
        return f"[{', '.join(map(_spell, value))}]"
    if isinstance(value, re.Pattern):
        return short_repr(value)
    if callable(value):
        return f'"{name_of(value)}"'
    text = repr(value)
    if isinstance(value, str) and '"' not in text and "\\" not in text:
        return f'"{text[1:-1]}"'
    return text
