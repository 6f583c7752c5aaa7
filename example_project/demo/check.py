"""Make the demo's calls over HTTP as the page does, with the simulated ``Browser``."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.request import urlopen

from .browser import Browser
from .calls import GROUPS, Call
from .verdict import Finding, filled


@dataclass(frozen=True)
class Result:
    call: Call
    findings: list[Finding]
    blocked_because: str | None
    """The reason that a browser shows in its console but not to scripts."""
    seconds: float | None = None
    """How long ``play_until_passed`` waited for the expected result."""

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)


class Player:
    """Makes the calls of the demo whose page is at this URL, as one visitor in one browser."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.demo = load(f"{page}/demo.json")
        self.memory: dict[str, str] = self.demo["memory"]
        self.browser = Browser()

    def play_all(self) -> list[Result]:
        return [self.play(call) for group in GROUPS for call in group.calls]

    def play(self, call: Call) -> Result:
        demo, memory = self.demo, self.memory
        tag = f"{secrets.token_hex(3)}.{call.id}"
        script = self.browser.fetch(
            demo["origins"][call.origin],
            f"{demo['api']}{filled(call.path, memory)}?{demo['tag']}={tag}",
            method=call.method,
            headers=filled(call.headers, memory),
            json_body=filled(call.json, memory),
            form=filled(call.form, memory),
            credentials=call.credentials == "include",
        )
        if isinstance(script.get("body"), dict):
            for name, member in call.remember.items():
                memory[name] = script["body"].get(member, "")
        told = {"call": call.id, "tag": tag, "script": script, "memory": memory}
        verdict = load(f"{self.page}/judge", json.dumps(told).encode())
        findings = [Finding(f["what"], f["expected"], f["seen"]) for f in verdict["findings"]]
        return Result(call, findings, script.get("error"))

    def play_until_passed(self, call: Call, patience: float = 10) -> Result:
        """Repeat the call until it passes, for at most ``patience`` seconds."""
        start = time.monotonic()
        while True:
            result = self.play(call)
            seconds = time.monotonic() - start
            if result.passed or seconds > patience:
                return replace(result, seconds=seconds)
            time.sleep(0.1)


def load(address: str, data: bytes | None = None) -> Any:
    with urlopen(address, data, timeout=10) as response:  # noqa: S310
        return json.load(response)


def table(results: list[Result]) -> Iterator[str]:
    """Yield lines for a terminal, with the expected and the actual results."""
    row = "{:4}  {:20}  {:8}  {:27}  {}".format
    stations = "preflight / answer / script"
    yield row("", "", "", "EXPECTED", "ACTUAL")
    yield row("", "call", "from", stations, stations)
    for result in results:
        three, more = result.findings[:3], result.findings[3:]
        yield row(
            "ok" if result.passed else "FAIL",
            result.call.id,
            result.call.origin,
            " / ".join(finding.expected for finding in three),
            " / ".join(finding.seen for finding in three) + after(result.seconds),
        )
        for finding in more:
            yield row("", f"  {finding.what}", "", finding.expected, finding.seen)
        if result.blocked_because and not result.passed:
            yield row("", "", "", "", f"({result.blocked_because})")


def after(seconds: float | None) -> str:
    return "" if seconds is None else f", after {seconds:.1f} s"
