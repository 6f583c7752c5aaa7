"""The page "Test a request": what becomes of a call from another origin, told and drawn.

What is told comes from ``explain``, which asks the middleware that serves requests. Here it is put
into the order of a page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cors_policy.exceptions import PolicyError
from django_cors_policy.explain import Explanation, Finding, Fix

from ..coverage import samples
from ..models import AllowedOrigin, RefusedOrigin
from ..rows import parse_row

# Of each ``Fix.where``: what stands above its lines.
WHERE = {
    "settings": gettext_lazy("at the end of your settings"),
    "shell": gettext_lazy("in a shell"),
    "decorator": gettext_lazy("on the view, in place of the decorator that it has"),
    "script": gettext_lazy("in the page's script"),
    "server": gettext_lazy("on the server"),
}


class DiagramStep(NamedTuple):
    """A step of the conversation: ``kind`` says where it stands in the picture, and how.

    "page" and "request" and "response" hold lines as they are written; "goes-on" and "stops" are
    what the browser concludes, "allowed" and "blocked" what the script gets.
    """

    kind: str
    title: str
    lines: tuple[str, ...] = ()
    text: str = ""


def call_by(row: AllowedOrigin) -> dict[str, str]:
    """What the form is filled in with for a row: an origin that it stands for."""
    try:
        origin = samples(parse_row(row.origin))[0]
    except PolicyError:
        origin = row.origin
    return {"origin": origin}


def refused_call(row: RefusedOrigin) -> dict[str, str]:
    """What the form is filled in with for the last request that was refused."""
    return {"origin": row.origin, "method": row.method, "url": row.path}


def page_context(explanation: Explanation) -> dict[str, object]:
    """What the template shows."""
    return {
        "explanation": explanation,
        "causes": [_show(cause) for cause in explanation.causes],
        "notes": [_show(note) for note in explanation.notes],
        "steps": list(diagram(explanation)),
        "server": "://".join(urlsplit(explanation.url)[:2]),
    }


def _show(finding: Finding) -> dict[str, object]:
    """A finding, with what introduces each of its fixes."""
    befores = (None, *finding.fixes)
    leads = (_lead(fix, before) for fix, before in zip(finding.fixes, befores, strict=False))
    return {"text": finding.text, "fixes": list(zip(leads, finding.fixes, strict=True))}


def _lead(fix: Fix, before: Fix | None) -> str:
    """What introduces the lines of ``fix``, after another one of the same finding."""
    where = str(WHERE[fix.where])
    if before is None:
        return f"{capfirst(where)}:"
    # A policy that stands in a decorator and in settings is changed in both; else one will do.
    is_half = (before.where, fix.where) == ("decorator", "settings")
    text = _("And %(where)s:") if is_half else _("Or %(where)s:")
    return text % {"where": where}


# --- The picture ---------------------------------------------------------------------------------


def diagram(explanation: Explanation) -> Iterator[DiagramStep]:
    """The conversation of page and server, in its order."""
    script = tuple(_script(explanation))
    yield DiagramStep("page", _("The script calls"), script, _before(explanation))
    last = len(explanation.exchanges)
    for number, exchange in enumerate(explanation.exchanges, 1):
        is_preflight = exchange.kind == "preflight"
        if is_preflight:
            titles = _("Preflight, to the server"), _("Answer to the preflight, to the browser")
        else:
            titles = _("Request, to the server"), _("Answer, to the browser")
        request, response = exchange.request, exchange.response
        yield DiagramStep("request", titles[0], _lines(request.line, request.headers))
        yield DiagramStep("response", titles[1], _lines(response.line, response.headers))
        if exchange.failure:
            yield DiagramStep("stops", _("The browser stops here"), text=exchange.failure)
        elif is_preflight or number < last:
            why = (
                _("The server allows the call.") if is_preflight else _("It follows the redirect.")
            )
            yield DiagramStep("goes-on", _("The browser goes on"), text=why)
    if explanation.may_read:
        text = _("The script gets the answer.")
    else:
        text = _(
            "The script gets a TypeError that gives no reason; the browser's console has more."
        )
    kind = "allowed" if explanation.is_allowed else "blocked"
    yield DiagramStep(kind, explanation.verdict, text=text)


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
    """What the browser does first."""
    if not explanation.exchanges:
        return ""
    if explanation.exchanges[0].kind == "preflight":
        text = _("The browser asks first, in a preflight, because of %(what)s.")
        return text % {"what": ", ".join(explanation.preflight_needed_for)}
    return _("The browser sends it at once: nothing in it needs a preflight.")


def _lines(line: str, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return (line, *(f"{name}: {value}" for name, value in headers))


# --- The rows ------------------------------------------------------------------------------------


def deciding_row(explanation: Explanation) -> int | None:
    """The primary key of the row that allows the origin, or would with a change."""
    rows = (explanation.row, *(cause.row for cause in explanation.causes))
    return next((row for row in rows if row is not None), None)


def new_row(explanation: Explanation, row: AllowedOrigin | None) -> Mapping[str, str] | None:
    """What the form for a new row is filled in with; None where no new row would help."""
    call = {"origin": explanation.call.origin, "policy": explanation.policy}
    if any(note.code == "rows-unreadable" for note in explanation.notes):
        return None
    if _has_cause("row", explanation):
        # A wildcard that does not count is left alone; a row for this origin alone will do.
        helps = row is not None and row.origin != call["origin"]
    else:
        helps = _has_cause("origin", explanation, where="shell")
    return call if helps else None


def _has_cause(code: str, explanation: Explanation, where: str = "") -> bool:
    return any(
        cause.code == code and (not where or any(fix.where == where for fix in cause.fixes))
        for cause in explanation.causes
    )
