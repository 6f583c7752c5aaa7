"""What blocks a call, and what lets it through."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from django_cors_policy import browser, fetch
from django_cors_policy.browser import Call
from django_cors_policy.conf import SETTING, policy_book
from django_cors_policy.decorators import SAME_ORIGIN
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.hooks import RowMatch, hooks
from django_cors_policy.middleware_list import CORSHEADERS, OURS, has_middleware
from django_cors_policy.origins import Entry, is_loopback, nearest_entry
from django_cors_policy.policy import DEFAULT_ALIAS, DEFAULTS, Place, Policy, Ruling, parse_entry
from django_cors_policy.refusal_log import nearest, why_refused

from .findings import Finding, Fix
from .fixes import (
    as_python,
    call_instead,
    edit_rows,
    fixes_for,
    fixes_that_add,
    omit_credentials,
    place_of,
    remove_middleware,
)
from .playback import Step, play
from .rows import rows_for
from .server import find_view
from .target import Target


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
        return Finding("mixed-content", text, (call_instead(target.over_https),))
    return None


def find_cause(steps: Sequence[Step]) -> Finding | None:
    """Why the call does not do what its author meant; None if it does."""
    first, last = steps[0], steps[-1]
    redirect = next((step for step in steps if step.location is not None), None)
    is_blocked = last.failure is not None
    if is_blocked and not has_middleware():
        text = f"{OURS!r} is not in MIDDLEWARE, so nobody answers for CORS."
        line = f'MIDDLEWARE = ["{OURS}", *MIDDLEWARE]'
        return Finding("no-middleware", text, (Fix("settings", (line,)),))
    if last.response.status_code == 500:
        text = (
            f"With DEBUG, Django answers 500 to a {last.request.method} without the slash at the "
            "end: a redirect to it would lose the body."
        )
        return Finding("append-slash", text, (call_instead(last.target.with_slash),))
    if last.failure is not None and last.failure.step == browser.REDIRECTS:
        text = f"{first.target.url} is redirected again and again, and browsers give up."
        return Finding("redirect-loop", text)
    if redirect is not None and _is_in_the_way(redirect, first, last):
        return find_redirect(redirect)
    if not is_blocked:
        return None
    return find_missing_slash(last) or _refusal(last)


def find_missing_slash(step: Step) -> Finding | None:
    """What is wrong with the URL where nobody redirects to the slash at its end."""
    better = step.target.with_slash
    if step.response.status_code != 404 or find_view(better) is None:
        return None
    text = f"No view has the path {step.path}, and one has {step.path}/."
    return Finding("not-found", text, (call_instead(better),))


def _is_in_the_way(redirect: Step, first: Step, last: Step) -> bool:
    """Whether a call would fare better without the redirect."""
    if last.failure is None:
        return last.call.method != first.call.method
    if not last.answer.is_ours or last.call.origin != first.call.origin:
        return True
    location = redirect.location
    return (
        last is redirect
        and location is not None
        and all(step.failure is None for step in play(first.call, location))
    )


def find_redirect(step: Step) -> Finding:
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
    elif not step.answer.is_ours:
        text += "That answer comes from above the CORS middleware, and carries no CORS headers."
    elif location.origin != target.origin:
        text += "After a redirect to another origin, browsers send Origin: null."
    elif step.failure is not None:
        text += "No view gives that answer, so it is judged by the path that was called."
    elif step.call.method == "POST":
        text += "Browsers repeat a redirected POST as GET, without its body."
    else:
        text += "Browsers follow, after another preflight if one is needed."
    return Finding(code, text, (call_instead(location),))


def _refusal(step: Step) -> Finding:
    """Why the browser takes the answer for a no."""
    if _is_overruled(step):
        text = f"{CORSHEADERS!r} answers as well, by other rules."
        return Finding("two-middlewares", text, (remove_middleware(CORSHEADERS),))
    ruling, failure = step.answer.ruling, step.failure
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
    theirs = CORSHEADERS
    return theirs in settings.MIDDLEWARE and step.without(theirs).failure != step.failure


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
        return Finding("no-policy", text, fixes_that_add(default, "PATHS", step.path))
    value = f'{{"ALLOW_ORIGINS": {as_python([step.call.origin])}}}'
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
    fixes = (omit_credentials(), *fixes_for(policy, change))
    return Finding("wildcard-with-credentials", text, fixes)


def _credentials(policy: Policy, call: Call) -> Finding:
    if not policy.allow_credentials:
        place = place_of(policy, "ALLOW_CREDENTIALS")
        text = f"The script asks with credentials, and {place} is False."
        fixes = fixes_for(policy, {"ALLOW_CREDENTIALS": True})
        return Finding("credentials", text, (*fixes, omit_credentials()))
    rows = rows_for(policy, call.origin) or ()
    row = next((row for row in rows if row.allows and row.is_live), None)
    if row is not None:
        text = f"The script asks with credentials, and row {row.key} allows none."
        fix = edit_rows(policy, row.entry, ("add", "--credentials", "--update"))
        return Finding("row-credentials", text, (fix,), row.key)
    text = "The script asks with credentials, and they are never granted to 'null'."
    return Finding("null", text, (omit_credentials(),))


def _method(policy: Policy, call: Call) -> Finding:
    if (finding := find_method_case(call)) is not None:
        return finding
    key = "ALLOW_METHODS"
    text = f"The method {call.method} is not in {place_of(policy, key)}."
    return Finding("method", text, fixes_that_add(policy, key, call.method))


def find_method_case(call: Call) -> Finding | None:
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
    place = place_of(policy, key)
    if fetch.WILDCARD in policy.allow_headers:
        text = f"{place} is ['*'], but so many headers are not echoed beside credentials."
        return Finding("header", text)
    missing = [name for name in call.asked_headers if name not in policy.allow_headers]
    names = " and ".join(map(repr, missing))
    subject, verb = ("header", "is") if len(missing) == 1 else ("headers", "are")
    text = f"The {subject} {names} {verb} not in {place}"
    if key in policy.config and set(missing) & set(DEFAULTS[key]):
        text += ", which takes the place of the default list"
    return Finding("header", f"{text}.", fixes_that_add(policy, key, *missing))


def _origin(ruling: Ruling, step: Step) -> Finding:
    policy, origin = ruling.policy, step.call.origin
    if ruling.closed_because:
        text = f"{ruling.closed_because} So it allows no other origin."
        fix = Fix("shell", ("python manage.py check",))
        return Finding("decorator", text, (fix,) if ruling.reason.startswith("@") else ())
    if policy.alias == SAME_ORIGIN:
        text = f"{ruling.reason} keeps other origins out."
        return Finding("same-origin-only", text, (Fix("decorator", ("@cors_policy",)),))
    rows = rows_for(policy, origin) or ()
    dead = next((row for row in rows if row.allows and not row.is_live), None)
    if dead is not None:
        text = f"The origin is not allowed: row {dead.key}, {dead.entry!r}, does not count: "
        fix = _revive(dead, policy, origin)
        return Finding("row", f"{text}{dead.state}.", (fix,), dead.key)
    fixes = fixes_that_add(policy, "ALLOW_ORIGINS", origin)
    takes_rows = policy.rows_alias is not None and hooks.origin_source is not None
    if takes_rows and origin != fetch.NULL and all(fix.where == "settings" for fix in fixes):
        fixes = (*fixes, edit_rows(policy, origin, ("add",)))
    code = "null" if origin == fetch.NULL else "origin"
    why, row = _why_refused(ruling, rows, step)
    return Finding(code, f"The origin {origin!r} is not allowed: {why}.", fixes, row)


def _why_refused(ruling: Ruling, rows: Sequence[RowMatch], step: Step) -> tuple[str, int | None]:
    """The reason, and the primary key of the row that it names."""
    policy, origin = ruling.policy, step.call.origin
    if origin == fetch.NULL:
        why = (
            "the page has no origin of its own, as a file, a sandboxed frame, or after a redirect "
            "from another origin"
        )
        return why, None
    near = nearest(policy, origin)
    for alias, other in policy_book().policies.items():
        # One for everybody is meant for something else.
        if other.grant_for(origin) is not None and (near is None or not other.any_origin):
            why = (
                f"{Place(alias)} allows it, but what governs {step.path} is {policy.alias!r}, "
                f"because of {ruling.reason}"
            )
            return why, None
    if near is None:
        entries = [(row, entry) for row in rows if (entry := _read(row.entry)) is not None]
        found = nearest_entry([entry for _, entry in entries], origin)
        if found is not None:
            index, difference = found
            row, _ = entries[index]
            return f"row {row.key} is {row.entry!r}, {difference}", row.key
    why = why_refused(policy, origin)
    if policy.allow_origin_func is not None:
        why += f", and {place_of(policy, 'ALLOW_ORIGIN_FUNC')} did not allow it"
    return why, None


def _revive(row: RowMatch, policy: Policy, origin: str) -> Fix:
    """What makes a row count again, for ``origin`` alone."""
    if row.entry != origin:
        return edit_rows(policy, origin, ("add",))
    if row.code == "expired":
        return edit_rows(policy, origin, ("add", "--expires", "never", "--update"))
    if row.code == "disabled":
        return edit_rows(policy, origin, ("remove",), ("add",))
    return edit_rows(policy, origin, ("add", "--no-credentials", "--update"))


def _read(text: str) -> Entry | None:
    try:
        return parse_entry(text)
    except PolicyError:
        return None
