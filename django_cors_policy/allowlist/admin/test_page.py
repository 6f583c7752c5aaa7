"""The page "Test a request": the result of a call from another origin, as text and as a diagram.

The result comes from ``explain``, which uses the middleware's own code. This module prepares it for
the template.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from django_cors_policy.exceptions import PolicyError
from django_cors_policy.explain import Explanation, Finding

from ..coverage import samples
from ..models import AllowedOrigin, RefusedOrigin
from ..rows import parse_row
from .english import in_english


class DiagramStep(NamedTuple):
    """A step of the diagram; ``kind`` is part of its CSS class.

    "page", "request" and "response" have lines of code or HTTP; "goes-on" and "stops" are decisions
    of the browser; "allowed", "doubtful" and "blocked" are results for the script.
    """

    kind: str
    title: str
    lines: tuple[str, ...] = ()
    text: str = ""


def call_by(row: AllowedOrigin) -> dict[str, str]:
    """Return the initial values of the form for a row: an origin that the row allows."""
    try:
        origin = samples(parse_row(row.origin))[0]
    except PolicyError:
        origin = row.origin
    return {"origin": origin}


def refused_call(row: RefusedOrigin) -> dict[str, str]:
    """Return the initial values of the form for the last refused request."""
    return {"origin": row.origin, "method": row.method, "url": row.path}


def page_context(explanation: Explanation) -> dict[str, object]:
    """Return the template context."""
    return {
        "explanation": explanation,
        "findings": [_show(finding) for finding in explanation.findings],
        "notes": [_show(note) for note in explanation.other_notes],
        "steps": list(diagram(explanation)),
        "server": "://".join(urlsplit(explanation.url)[:2]),
    }


def _show(finding: Finding) -> dict[str, object]:
    """Return a finding, with the text above each of its fixes."""
    return {"text": finding.text, "fixes": list(finding.advice())}


# --- The diagram ---------------------------------------------------------------------------------


def diagram(explanation: Explanation) -> Iterator[DiagramStep]:
    """Yield the steps between page and server, in order."""
    script = tuple(_script(explanation))
    yield DiagramStep("page", _("The script calls"), script, _before(explanation))
    last = len(explanation.exchanges)
    for number, exchange in enumerate(explanation.exchanges, 1):
        is_preflight = exchange.kind == "preflight"
        if is_preflight:
            titles = _("Preflight request, to the server"), _("Preflight response, to the browser")
        else:
            titles = _("Request, to the server"), _("Response, to the browser")
        request, response = exchange.request, exchange.response
        yield DiagramStep("request", titles[0], _lines(request.line, request.headers))
        yield DiagramStep("response", titles[1], _lines(response.line, response.headers))
        if exchange.failure:
            yield DiagramStep(
                "stops", _("The browser stops here"), text=in_english(exchange.failure)
            )
        elif is_preflight or number < last:
            why = (
                _("The server allows the call.")
                if is_preflight
                else _("The browser follows the redirect.")
            )
            yield DiagramStep("goes-on", _("The browser continues"), text=why)
    if explanation.may_read:
        text = _("The script gets the response.")
    else:
        text = _("The script gets a TypeError without a reason. The browser's console shows more.")
    kind = {"allowed": "allowed", "blocked": "blocked"}.get(explanation.outcome, "doubtful")
    yield DiagramStep(kind, in_english(explanation.verdict), text=text)


def _script(explanation: Explanation) -> Iterator[str]:
    call = explanation.call
    yield f"fetch({_quote(explanation.url)}, {{"
    yield f"  method: {_quote(call.method)},"
    if call.headers:
        yield "  headers: {"
        for name in call.headers:
            value = call.content_type if name == "content-type" else "…"
            yield f"    {_quote(name)}: {_quote(value)},"
        yield "  },"
    if call.credentials:
        yield '  credentials: "include",'
    yield "})"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _before(explanation: Explanation) -> str:
    """Return what the browser does first."""
    if not explanation.exchanges:
        return ""
    if explanation.exchanges[0].kind == "preflight":
        what = ", ".join(explanation.preflight_needed_for)
        return in_english(f"The browser sends a preflight first, because of {what}.")
    return _("The browser sends the request at once: nothing in it needs a preflight.")


def _lines(line: str, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return (line, *(f"{name}: {value}" for name, value in headers))


# --- The rows ------------------------------------------------------------------------------------


def deciding_row(explanation: Explanation) -> int | None:
    """Return the primary key of the row that allows the origin, or would after a change."""
    rows = (explanation.row, *(cause.row for cause in explanation.causes))
    return next((row for row in rows if row is not None), None)


def new_row(explanation: Explanation, row: AllowedOrigin | None) -> Mapping[str, str] | None:
    """Return the initial values of a new row; ``None`` if a new row would not help."""
    call = {"origin": explanation.call.origin, "policy": explanation.policy}
    if any(note.code == "rows-unreadable" for note in explanation.notes):
        return None
    if _has_cause("row", explanation):
        # Do not change a wildcard row that has no effect; add a row for this origin only.
        helps = row is not None and row.origin != call["origin"]
    else:
        helps = _has_cause("origin", explanation, where="shell")
    if not explanation.call.credentials:
        call["allow_credentials"] = ""  # unticked
    return call if helps else None


def _has_cause(code: str, explanation: Explanation, where: str = "") -> bool:
    return any(
        cause.code == code and (not where or any(fix.where == where for fix in cause.fixes))
        for cause in explanation.causes
    )
