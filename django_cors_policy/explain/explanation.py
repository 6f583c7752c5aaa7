"""Explain why a call from another origin is blocked, and what to change.

``explain`` simulates the browser, and asks the middleware that serves real requests. It changes
nothing, logs and records nothing, and runs no view. A terminal, an admin page or a program can show
the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.urls import ResolverMatch

from django_cors_policy import browser, fetch
from django_cors_policy.browser import Call
from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.inspection import name_of
from django_cors_policy.origins import guess_origin, spell_entry, split_origin

from .findings import Finding
from .fixes import place_of
from .playback import Exchange, Step
from .rows import rows_for
from .server import find_view
from .target import Target, read_target
from .trial import Diagnosis, diagnose, keep_fixes_that_work

# In characters. Servers reject longer headers.
LONGEST_CONTENT_TYPE = 8000

# The notes about a call that CORS allows and that does not reach a view, and its outcome.
_OUTCOMES = {
    "csrf": "csrf",
    "csrf-token": "csrf",
    "not-found": "not-found",
    "static": "not-found",
}
# Causes that say themselves where the view is.
_ABOUT_THE_PATH = ("append-slash", "https-redirect", "not-found", "redirect", "redirect-loop")


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The outcome of a call, and the reasons.

    ``causes`` block the call; ``notes`` do not, but may surprise you. Only the first cause is
    listed: another one may appear after you fix it.

    ``path`` is the path as URLconfs and ``PATHS`` see it. ``view`` is the name of the view, empty
    if there is none. ``policy`` is the alias of the policy that governs the call, and
    ``because_of`` what selected it; both are empty if no policy governs it. ``allowed_by`` says
    what allows the origin. If that is an allowlist row, ``row`` is its primary key.

    ``may_send``: whether the browser sends the request itself, and not only a preflight.
    ``may_read``: whether the script can read the response. ``readable_headers`` are the response
    headers that it can read, ``*`` for all. ``cookies`` says whether the session cookie is sent.
    """

    call: Call
    url: str
    path: str
    view: str
    policy: str = ""
    because_of: str = ""
    preflight_needed_for: tuple[str, ...] = ()
    allowed_by: str = ""
    row: int | None = None
    exchanges: tuple[Exchange, ...] = ()
    may_send: bool
    may_read: bool
    readable_headers: tuple[str, ...]
    cookies: str
    causes: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether CORS lets the call work as its author intended."""
        return not self.causes

    @property
    def outcome(self) -> str:
        """The verdict for programs: "blocked"; "csrf" if CORS allows the call, but Django's CSRF
        protection answers 403; "not-found" if CORS allows it, but the path has no view; "allowed".
        """
        if self.causes:
            return "blocked"
        return _OUTCOMES[self._decisive_notes[0].code] if self._decisive_notes else "allowed"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the verdict is about: the causes, or the notes on why Django refuses the call."""
        return self.causes or self._decisive_notes

    @property
    def other_notes(self) -> tuple[Finding, ...]:
        """The notes that are not in ``findings``."""
        return tuple(note for note in self.notes if note not in self.findings)

    @property
    def _decisive_notes(self) -> tuple[Finding, ...]:
        # A path without a view never gets a CSRF note: without a view Django checks no token.
        return tuple(note for note in self.notes if note.code in _OUTCOMES)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence, or two."""
        match self.outcome:
            case "allowed":
                return "Allowed: the request is sent, and the script can read the response."
            case "csrf":
                return self._csrf_verdict
            case "not-found" if self.findings[0].code == "static":
                return f"No view is at {self.path}, and policies do not apply to static files."
            case "not-found":
                return f"No view is at {self.path}: CORS allows the call, but it gets a 404."
        if self.may_read:
            text = "Blocked: the request does not reach the view as intended."
        elif self.may_send:
            text = "Blocked: the request is sent, but the script cannot read the response."
        else:
            text = "Blocked: the browser does not send the request."
        if self.view or self.causes[0].code in _ABOUT_THE_PATH:
            return text
        return f"{text} No view is at {self.path}."

    @property
    def _csrf_verdict(self) -> str:
        codes = {note.code for note in self.findings}
        condition = ""
        if codes == {"csrf-token"} and self.call.credentials:
            # The page may send it in a form.
            condition = " unless the request has a CSRF token"
        return f"Allowed by CORS, but Django answers 403 (CSRF){condition}."

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        return {
            **asdict(self),
            "is_allowed": self.is_allowed,
            "outcome": self.outcome,
            "verdict": self.verdict,
        }


def explain(
    origin: str,
    method: str,
    url: str,
    *,
    headers: Iterable[str] = (),
    content_type: str = "",
    credentials: bool = False,
    reads: Iterable[str] = (),
) -> Explanation:
    """Explain a call by a script of a page on ``origin``.

    ``url`` is the whole URL that the script calls, or a path of this server. ``headers`` are the
    names of the request headers that the script sets, ``reads`` of the response headers that it
    wants to read. This reads allowlist rows and calls ``ALLOW_ORIGIN_FUNC``, so use
    ``sync_to_async`` in async code.

    Raises ``PolicyError`` if an argument is invalid, and ``PolicyErrors`` if ``CORS_POLICIES`` is.
    """
    policy_book()
    page = _read_origin(origin)
    call = _read_call(page, method, headers, content_type, credentials=credentials)
    target = read_target(url, page)
    notes = []
    if page != origin:
        text = f"{origin!r} is not an origin, so {page!r} is used instead."
        notes.append(Finding("taken-for", text))
    if not target.is_guessed and target.origin == page:
        text = "The page and the URL have the same origin, so CORS does not apply."
        notes.append(Finding("same-origin", text))
        match = find_view(target)
        if match is None:
            notes.append(Finding("not-found", f"No URL pattern matches {target.path}."))
        return Explanation(
            call=call,
            url=target.url,
            path=target.path,
            view=_name_view(match),
            may_send=True,
            may_read=True,
            readable_headers=(fetch.WILDCARD,),
            cookies="Cookies are sent: the page and the server have the same origin.",
            notes=tuple(notes),
        )
    reads = tuple(reads)
    diagnosis = keep_fixes_that_work(diagnose(call, target, reads), call, target, reads)
    return _put_together(call, target, diagnosis, notes)


def _read_origin(text: str) -> str:
    if text == fetch.NULL or split_origin(text) is not None:
        return text
    suggestion = guess_origin(text)
    if suggestion is None or "*" in suggestion:
        hint = "Write what location.origin shows in the browser's console."
        raise PolicyError(text, "is not an origin", hint, id="")
    return suggestion


def _read_call(
    page: str, method: str, headers: Iterable[str], content_type: str, *, credentials: bool
) -> Call:
    call = Call(page, method, tuple(headers), content_type, credentials=credentials)
    for name in (call.method, *call.headers):
        if not fetch.is_token(name):
            hint = "Write a name without spaces and colons, such as 'PUT' or 'x-requested-with'."
            raise PolicyError(name, "is not a method or a header name", hint, id="")
    if not re.fullmatch(r"[\t -~]*", content_type) or len(content_type) > LONGEST_CONTENT_TYPE:
        hint = "Write a content type such as 'application/json'."
        raise PolicyError(content_type, "is not a content type", hint, id="")
    return call


def _put_together(
    call: Call, target: Target, diagnosis: Diagnosis, notes: Sequence[Finding]
) -> Explanation:
    last = diagnosis.steps[-1] if diagnosis.steps else None
    ruling = last.answer.ruling if last is not None else None
    match = (last.answer.match if last is not None else None) or find_view(target)
    allowed_by, row = _find_what_allows(last)
    readable: tuple[str, ...] = ()
    if last is not None and diagnosis.may_read:
        readable = browser.readable_headers(last.call, dict(last.response.items()))
    return Explanation(
        call=call,
        url=target.url,
        path=last.path if last is not None else target.path,
        view=_name_view(match),
        policy=ruling.policy.alias if ruling is not None else "",
        because_of=ruling.reason if ruling is not None else "",
        preflight_needed_for=_needs_preflight_for(call),
        allowed_by=allowed_by,
        row=row,
        exchanges=tuple(step.as_exchange() for step in diagnosis.steps),
        may_send=diagnosis.may_send,
        may_read=diagnosis.may_read,
        readable_headers=readable,
        cookies=diagnosis.cookies,
        causes=(diagnosis.cause,) if diagnosis.cause is not None else (),
        notes=(*notes, *diagnosis.notes),
    )


def _name_view(match: ResolverMatch | None) -> str:
    return name_of(match.func) if match is not None else ""


def _needs_preflight_for(call: Call) -> tuple[str, ...]:
    reasons = [] if call.method in fetch.SAFELISTED_METHODS else [f"the method {call.method}"]
    for name in call.asked_headers:
        value = f": {call.content_type}" if name == "content-type" and call.content_type else ""
        reasons.append(f"the header {name}{value}")
    return tuple(reasons)


def _find_what_allows(step: Step | None) -> tuple[str, int | None]:
    """Return what allows the origin, and its primary key if that is a row."""
    if step is None or step.answer.ruling is None or fetch.ALLOW_ORIGIN not in step.response:
        return "", None
    policy, origin = step.answer.ruling.policy, step.call.origin
    owner = policy.place.written_at("ALLOW_ORIGINS")
    if policy.any_origin:
        return f"{owner.locate('ALLOW_ORIGINS', 0)}: '*'", None
    entry = policy.matcher.match(origin)
    if entry is not None:
        index = list(map(str, policy.origins)).index(str(entry))
        return f"{owner.locate('ALLOW_ORIGINS', index)}: {spell_entry(entry)!r}", None
    for row in rows_for(policy, origin) or ():
        if row.allows and row.is_live:
            return f"row {row.key} of the allowlist: {row.entry!r}", row.key
    if policy.allow_origin_func is not None:
        return place_of(policy, "ALLOW_ORIGIN_FUNC"), None
    return "", None
