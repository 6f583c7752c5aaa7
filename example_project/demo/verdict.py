"""Compare the expected and the actual result of a call, for the page and ``--check``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .calls import Call
from .wire import Exchange


@dataclass(frozen=True)
class Finding:
    what: str
    expected: str
    seen: str

    @property
    def passed(self) -> bool:
        return self.expected == self.seen


@dataclass(frozen=True)
class Verdict:
    """The first three findings are about preflight, answer and script."""

    findings: list[Finding]
    exchanges: list[Exchange]

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "findings": [{**asdict(f), "passed": f.passed} for f in self.findings],
            "exchanges": [exchange.as_json() for exchange in self.exchanges],
        }


def judge(
    call: Call, exchanges: list[Exchange], script: Mapping[str, Any], memory: Mapping[str, Any]
) -> Verdict:
    """Compare the recorded exchanges and the script's result with the expected result.

    ``script`` is the result of ``fetch()``: ``{"status", "headers", "body"}`` or ``{"error"}``.
    ``memory`` has the values of placeholders.
    """
    preflight = next((e for e in exchanges if e.is_preflight), None)
    answer = next((e for e in exchanges if not e.is_preflight), None)
    headers = script.get("headers") or {}
    body = script.get("body")

    findings = [
        Finding("preflight", told(call.preflight, "none"), told(status_of(preflight), "none")),
        Finding("answer", told(call.answer, "not sent"), told(status_of(answer), "not sent")),
        Finding("script", reads(call.script), reads(script.get("status"))),
    ]
    if call.cookie is not None:
        findings.append(
            Finding(
                "cookie",
                "sent" if call.cookie else "none",
                "not sent" if answer is None else "sent" if answer.has_cookie else "none",
            )
        )
    for name in call.readable:
        findings.append(Finding(name, "readable", visibility(name, answer, headers)))
    for name in call.hidden:
        findings.append(Finding(name, "hidden", visibility(name, answer, headers)))
    for name, value in call.body.items():
        seen = body[name] if isinstance(body, dict) and name in body else "nothing"
        findings.append(Finding(name, str(filled(value, memory)), str(seen)))
    return Verdict(findings, exchanges)


def status_of(exchange: Exchange | None) -> int | None:
    return exchange.status if exchange else None


def told(status: int | None, otherwise: str) -> str:
    return otherwise if status is None else str(status)


def reads(status: int | None) -> str:
    return "blocked" if status is None else f"reads {status}"


def visibility(name: str, answer: Exchange | None, headers: Mapping[str, str]) -> str:
    sent = answer.response_headers.get(name.lower()) if answer else None
    if sent is None:
        return "not sent"
    return "readable" if headers.get(name.lower()) == sent else "hidden"


def filled(value: Any, memory: Mapping[str, Any]) -> Any:
    """Return ``value`` with each ``{name}`` in its strings replaced by its value in ``memory``."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: str(memory.get(match[1], "")), value)
    if isinstance(value, dict):
        return {name: filled(inner, memory) for name, inner in value.items()}
    return value
