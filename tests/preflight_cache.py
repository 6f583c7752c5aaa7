"""A browser's preflight cache, as the Fetch standard describes it, before a server in memory.

https://fetch.spec.whatwg.org/#cors-preflight-cache. Written from the standard alone: it shares
nothing with the package, so that the two can be held against each other.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.test import Client

SAFE_METHODS = {"GET", "HEAD", "POST"}
DEFAULT_MAX_AGE = 5


@dataclass(frozen=True)
class Answer:
    """What a server says to a preflight."""

    status: int
    origin: str | None
    credentials: bool
    methods: frozenset[str]
    headers: frozenset[str]
    max_age: int


def names(text: str) -> frozenset[str]:
    return frozenset(item.strip() for item in text.split(",") if item.strip())


@functools.cache
def ask(path: str, origin: str, method: str, headers: frozenset[str]) -> Answer:
    """The answer of this project to a preflight. Remembered: it depends on nothing else."""
    sent = {"origin": origin, "access-control-request-method": method}
    if headers:
        sent["access-control-request-headers"] = ",".join(sorted(headers))
    told = Client().options(path, headers=sent)
    return Answer(
        told.status_code,
        told.get("Access-Control-Allow-Origin"),
        told.get("Access-Control-Allow-Credentials") == "true",
        names(told.get("Access-Control-Allow-Methods", "")),
        frozenset(map(str.lower, names(told.get("Access-Control-Allow-Headers", "")))),
        int(told.get("Access-Control-Max-Age", DEFAULT_MAX_AGE)),
    )


@dataclass
class Browser:
    """One page, and what its browser remembers. Time stands still, so an age above 0 lasts."""

    origin: str
    credentials: bool = False
    methods: set[tuple[str, str]] = field(default_factory=set)
    headers: set[tuple[str, str]] = field(default_factory=set)
    preflights: int = 0

    def may_send(self, path: str, method: str, headers: Iterable[str] = ()) -> bool:
        """Whether a request goes out: https://fetch.spec.whatwg.org/#main-fetch, step 12."""
        wanted = frozenset(map(str.lower, headers))
        knows_method = method in SAFE_METHODS or bool({(path, method), (path, "*")} & self.methods)
        knows_headers = all(self._knows_header(path, name) for name in wanted)
        if (method in SAFE_METHODS and not wanted) or (knows_method and knows_headers):
            return True
        return self._preflight(path, method, wanted)

    def _knows_header(self, path: str, name: str) -> bool:
        # #concept-cache-match-header
        is_wild = (path, "*") in self.headers and name != "authorization"
        return (path, name) in self.headers or is_wild

    def _preflight(self, path: str, method: str, wanted: frozenset[str]) -> bool:
        # #cors-preflight-fetch-0, step 7
        self.preflights += 1
        answer = ask(path, self.origin, method, wanted)
        wild = not self.credentials
        is_allowed = (
            200 <= answer.status <= 299
            and answer.origin in ({self.origin, "*"} if wild else {self.origin})
            and (wild or answer.credentials)
            and (method in answer.methods | SAFE_METHODS or (wild and "*" in answer.methods))
            and all(
                name in answer.headers
                or (wild and "*" in answer.headers and name != "authorization")
                for name in wanted
            )
        )
        if not is_allowed:
            # #concept-cache-clear
            self.methods = {entry for entry in self.methods if entry[0] != path}
            self.headers = {entry for entry in self.headers if entry[0] != path}
            return False
        # Steps 7.12 to 7.15: a later answer sets the age of entries that are there.
        told_methods = answer.methods or {method}
        told = ((self.methods, told_methods), (self.headers, answer.headers))
        for entries, items in told:
            for item in items:
                if item == "*" and not wild:
                    continue
                (entries.add if answer.max_age > 0 else entries.discard)((path, item))
        return True
