"""``PolicyBook``: which policy governs which path. This is what a request asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Policy

DEFAULT_ALIAS = "default"


@dataclass(frozen=True)
class Ruling:
    """The policy that governs a request, and why, in words that follow "because of".

    ``others``: the policies of the URL's other methods where they differ, None for no policy.
    Browsers keep the answer to a preflight for the URL and not for a method, so such an answer may
    be kept only where all of them give the origin the same.

    ``closed_because``: why no other origin is allowed here, although no policy says so, in a
    sentence. Empty if the policy decides.
    """

    policy: Policy
    reason: str
    others: tuple[Policy | None, ...] = ()
    closed_because: str = ""


class PolicyBook:
    """All policies of a project, and which of them governs which path. Immutable.

    What depends on the policies is kept here and goes with them. ``derived`` is what decorators
    make of the policies, by what each decorator says. ``resolution`` keeps in ``views`` what it has
    found out about views, by their ``id()``, and in ``imported_urlconfs`` the URLconfs whose views
    are imported (None for the project's). The other three are what ``refusal_log`` has told.
    """

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self.policies = policies
        self.derived: dict[object, Policy] = {}
        self.views: dict[int, Any] = {}
        self.imported_urlconfs: set[object] = set()
        self.logged: set[tuple[str, str, str]] = set()
        self.logged_since = 0.0
        self.why_refused: dict[tuple[Policy, str], str] = {}
        self._prefixes: dict[str, Ruling] = {}
        self._patterns: list[tuple[re.Pattern[str], Ruling]] = []
        for policy in policies.values():
            for index, path in enumerate(policy.paths or ()):
                ruling = Ruling(policy, policy.place.locate("PATHS", index))
                if isinstance(path, str):
                    self._prefixes[path] = ruling
                else:
                    self._patterns.append((path, ruling))
        self._prefix_lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)
        default = policies.get(DEFAULT_ALIAS)
        self.default: Ruling | None = None
        if default is not None and default.paths is None:
            self.default = Ruling(default, str(default.place))
        # The ruling for all paths alike, where there is one: most projects name no paths.
        self.only_ruling = None if self._prefixes or self._patterns else self.default

    def is_uniform_below(self, beginning: str) -> bool:
        """Whether all paths that begin so are ruled alike."""
        return not self._patterns and not any(
            prefix.startswith(beginning) and prefix != beginning for prefix in self._prefixes
        )

    def rulings_below(self, beginning: str) -> Iterator[Ruling | None]:
        """The rulings that paths with this beginning can have."""
        yield self.rule_path(beginning)
        for prefix, ruling in self._prefixes.items():
            if prefix.startswith(beginning):
                yield ruling
        yield from (ruling for _, ruling in self._patterns)

    def rule_path(self, path: str) -> Ruling | None:
        """The ruling for ``path`` (without the script prefix), None if no policy governs it.

        The longest prefix over all policies, else the first pattern in the order written, else
        ``default`` if it names no paths. One lookup for each length that prefixes have.
        """
        for length in self._prefix_lengths:
            if (ruling := self._prefixes.get(path[:length])) is not None:
                return ruling
        for pattern, ruling in self._patterns:
            if pattern.match(path):
                return ruling
        return self.default
