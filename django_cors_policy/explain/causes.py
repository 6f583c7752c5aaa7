"""What blocks a call, and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence

from django_cors_policy import browser, fetch
from django_cors_policy.browser import Call
from django_cors_policy.conf import SETTING
from django_cors_policy.decorators import SAME_ORIGIN
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.hooks import RowChange, RowMatch, hooks
from django_cors_policy.middleware_list import CORSHEADERS, OURS
from django_cors_policy.origins import Entry, is_loopback, nearest_entry
from django_cors_policy.policy import DEFAULT_ALIAS, DEFAULTS, Place, Policy, Ruling, parse_entry
from django_cors_policy.why_refused import nearest, why_refused

from .findings import Finding, Fix
from .fixes import (
    add_default_policy,
    add_row,
    add_to_setting,
    call_instead,
    edit_row,
    fixes_for,
    fixes_that_add,
    omit_credentials,
    place_of,
    reactivate_row,
    remove_middleware,
    replace_decorator,
    run_check,
    use_method,
)
from .ownership import if_yours
from .playback import Step, play
from .project import project_book, setting, uses
from .rows import rows_for
from .server import find_view
from .target import Target


def find_cause_in_script(call: Call, target: Target) -> Finding | None:
    """Return why the browser sends no request at all; None if it sends one."""
    if fetch.is_forbidden_method(call.method):
        text = f"Scripts cannot use the method {call.method}: fetch() throws a TypeError."
        return Finding("forbidden-method", text)
    if (
        call.origin.startswith("https://")
        and target.scheme == "http"
        and not is_loopback(target.host)
    ):
        text = (
            f"The page uses https, but it calls {target.origin} over http. Browsers block this as "
            "mixed content, before they check CORS."
        )
        return Finding("mixed-content", text, (call_instead(target.over_https),))
    return None


def find_cause(steps: Sequence[Step]) -> Finding | None:
    """Return why the call does not work as its author intended; None if it does."""
    first, last = steps[0], steps[-1]
    redirect = next((step for step in steps if step.location is not None), None)
    is_blocked = last.failure is not None
    if is_blocked and not uses():
        text = f"{OURS!r} is not in MIDDLEWARE, so responses have no CORS headers."
        return Finding("no-middleware", text, (add_to_setting("MIDDLEWARE", OURS, first=True),))
    if last.response.status_code == 500:
        text = (
            f"With DEBUG, Django answers this {last.request.method} with status 500: the path has "
            "no slash at its end, and a redirect would lose the body."
        )
        return Finding("append-slash", text, (call_instead(last.target.with_slash),))
    if last.failure is not None and last.failure.step == browser.REDIRECTS:
        text = f"{first.target.url} is redirected too many times, so the browser gives up."
        return Finding("redirect-loop", text)
    if redirect is not None and _breaks_call(redirect, first, last):
        return find_redirect(redirect)
    if not is_blocked:
        return None
    return find_missing_slash(last) or _refusal(last)


def find_missing_slash(step: Step) -> Finding | None:
    """Return a finding if the path matches no view, but would with a slash at its end."""
    better = step.target.with_slash
    if step.response.status_code != 404 or find_view(better) is None:
        return None
    text = f"No URL pattern matches {step.path}, but one matches {step.path}/."
    return Finding("not-found", text, (call_instead(better),))


def _breaks_call(redirect: Step, first: Step, last: Step) -> bool:
    """Whether the redirect is the reason why the call does not work."""
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
    """Describe what a redirect does to a call."""
    target, location = step.target, step.location or step.target
    code = "redirect"
    text = f"Django redirects {target.path_and_query} to {location.url}. "
    if location.scheme != target.scheme:
        code = "https-redirect"
        text = f"SECURE_SSL_REDIRECT redirects {target.url} to {location.url}. "
    elif location.path == target.with_slash.path:
        code = "append-slash"
        text = f"APPEND_SLASH redirects {target.path} to {location.path}. "
    if step.kind == "preflight":
        text += "Browsers do not follow redirects of preflights."
    elif not step.answer.is_ours:
        text += "Middleware above the CORS middleware does this, so CORS headers are missing."
    elif location.origin != target.origin:
        text += "After a redirect to another origin, browsers send 'Origin: null'."
    elif step.failure is not None:
        text += "No view sends this redirect, so the policy for the called path applies to it."
    elif step.call.method == "POST":
        text += "Browsers repeat a redirected POST as a GET, without the body."
    else:
        text += "Browsers follow it, after another preflight if one is needed."
    return Finding(code, text, (call_instead(location),))


def _refusal(step: Step) -> Finding:
    """Return why the browser rejects the response."""
    if _is_overruled(step):
        text = f"{CORSHEADERS!r} is in MIDDLEWARE too, and its own rules change this response."
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
    """Whether the outcome depends on the middleware of django-cors-headers."""
    theirs = CORSHEADERS
    return theirs in setting("MIDDLEWARE") and step.without(theirs).failure != step.failure


def _no_policy(step: Step) -> Finding:
    policies = project_book().policies
    default = policies.get(DEFAULT_ALIAS)
    text = f"No policy governs the path {step.path}: "
    if not policies:
        text += f"{SETTING} defines no policies."
    elif default is not None:
        text += f"it is not in the PATHS of {DEFAULT_ALIAS!r} or of another policy."
    else:
        named = [alias for alias, policy in policies.items() if policy.paths is not None]
        text += f"there is no policy {DEFAULT_ALIAS!r}, and "
        aliases = ", ".join(map(repr, named))
        text += f"the path is not in the PATHS of {aliases}." if named else "no policy has PATHS."
    if default is not None:
        return Finding("no-policy", text, fixes_that_add(default, "PATHS", step.path))
    # For this path only: a policy without PATHS would govern the admin too.
    config = {"ALLOW_ORIGINS": [step.call.origin], "PATHS": [step.path]}
    fixes = if_yours((add_default_policy(config),), step.call.origin, None)
    return Finding("no-policy", text, fixes)


def _wildcard_with_credentials(policy: Policy, call: Call) -> Finding:
    text = (
        "The script sends credentials, but the policy allows any origin with '*'. Browsers reject "
        "'*' in responses to requests with credentials. To allow credentials, replace '*' with a "
        "list of all origins that you want to allow."
    )
    change = {"ALLOW_ORIGINS": [call.origin], "ALLOW_CREDENTIALS": True}
    fixes = (omit_credentials(), *fixes_for(policy, change))
    return Finding("wildcard-with-credentials", text, fixes)


def _credentials(policy: Policy, call: Call) -> Finding:
    if not policy.allow_credentials:
        place = place_of(policy, "ALLOW_CREDENTIALS")
        text = f"The script sends credentials, but {place} is False."
        fixes = fixes_for(policy, {"ALLOW_CREDENTIALS": True})
        return Finding("credentials", text, (omit_credentials(), *fixes))
    rows = rows_for(policy, call.origin) or ()
    row = next((row for row in rows if row.allows and row.is_live), None)
    if row is not None:
        text = f"The script sends credentials, but row {row.key} does not allow them."
        change = RowChange(row.entry, {"allow_credentials": True})
        fix = edit_row(policy, change, "add", "--credentials", "--update")
        return Finding("row-credentials", text, (omit_credentials(), fix), row.key)
    text = "The script sends credentials, but the origin 'null' can never use them."
    return Finding("null", text, (omit_credentials(),))


def _method(policy: Policy, call: Call) -> Finding:
    if (finding := find_method_case(call)) is not None:
        return finding
    key = "ALLOW_METHODS"
    text = f"The method {call.method} is not in {place_of(policy, key)}."
    return Finding("method", text, fixes_that_add(policy, key, call.method))


def find_method_case(call: Call) -> Finding | None:
    """Return a finding if the method would be a well-known one in upper case."""
    upper = call.method.upper()
    if call.method == upper or upper not in fetch.WELL_KNOWN_METHODS:
        return None
    text = (
        f"The script writes the method as {call.method!r}. Methods are case-sensitive, and "
        "browsers convert only some of them to upper case."
    )
    return Finding("method-case", text, (use_method(upper),))


def _headers(policy: Policy, call: Call) -> Finding:
    key = "ALLOW_HEADERS"
    place = place_of(policy, key)
    if fetch.WILDCARD in policy.allow_headers:
        text = (
            f"{place} is ['*'], but the list of request headers is too long to be allowed with "
            "credentials."
        )
        return Finding("header", text)
    missing = [name for name in call.asked_headers if name not in policy.allow_headers]
    names = " and ".join(map(repr, missing))
    subject, verb = ("header", "is") if len(missing) == 1 else ("headers", "are")
    text = f"The {subject} {names} {verb} not in {place}"
    if key in policy.config and set(missing) & set(DEFAULTS[key]):
        text += ", which replaces the default list"
    return Finding("header", f"{text}.", fixes_that_add(policy, key, *missing))


def _origin(ruling: Ruling, step: Step) -> Finding:
    policy, origin = ruling.policy, step.call.origin
    if ruling.closed_because:
        text = f"{ruling.closed_because} So the view allows no other origin."
        return Finding("decorator", text, (run_check(),) if ruling.reason.startswith("@") else ())
    if policy.alias == SAME_ORIGIN:
        text = f"{ruling.reason} blocks all other origins."
        fix = replace_decorator(ruling.reason, "@cors_policy", None)
        return Finding("same-origin-only", text, (fix,))
    rows = rows_for(policy, origin) or ()
    dead = next((row for row in rows if row.allows and not row.is_live), None)
    if dead is not None:
        state = dead.state.removesuffix(".")
        text = f"Row {dead.key} ({dead.entry!r}) covers the origin, but has no effect: {state}."
        return Finding("row", text, (_allow_again(dead, policy, step.call),), dead.key)
    fixes = fixes_that_add(policy, "ALLOW_ORIGINS", origin)
    takes_rows = policy.rows_alias is not None and hooks.origin_source is not None
    if takes_rows and origin != fetch.NULL:
        # First, because it gives less: it expires, and has credentials only if the script needs it.
        fixes = (add_row(policy, origin, credentials=step.call.credentials), *fixes)
    fixes = if_yours(fixes, origin, policy)
    code = "null" if origin == fetch.NULL else "origin"
    why, row = _why_refused(ruling, rows, step)
    return Finding(code, f"The origin {origin!r} is not allowed: {why}.", fixes, row)


def _why_refused(ruling: Ruling, rows: Sequence[RowMatch], step: Step) -> tuple[str, int | None]:
    """Return the reason, and the primary key of the row that it names."""
    policy, origin = ruling.policy, step.call.origin
    if origin == fetch.NULL:
        why = (
            "browsers send it for local files, for sandboxed frames, and after a redirect to "
            "another origin"
        )
        return why, None
    near = nearest(policy, origin)
    for alias, other in project_book().policies.items():
        # A near miss explains more than another policy that allows any origin.
        if other.grant_for(origin) is not None and (near is None or not other.any_origin):
            why = (
                f"{Place(alias)} allows it, but {step.path} is governed by {policy.alias!r}, "
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


def _allow_again(row: RowMatch, policy: Policy, call: Call) -> Fix:
    """Return a fix that allows the origin, and no other origin that the row covers."""
    if row.entry != call.origin:
        return add_row(policy, call.origin, credentials=call.credentials)
    return reactivate_row(policy, row)


def _read(text: str) -> Entry | None:
    try:
        return parse_entry(text)
    except PolicyError:
        return None
