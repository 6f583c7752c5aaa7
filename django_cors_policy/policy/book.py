"""``PolicyBook``: all policies of a project, and which of them governs a path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Policy

DEFAULT_ALIAS = "default"


@dataclass(frozen=True)
class Ruling:
    """The policy that governs a request, and why. ``reason`` completes "because of ...".

    ``others``: the policies of the URL's other methods if they differ, None for no policy. Browsers
    cache a preflight for the URL, not for the method. So they may cache it only if all these
    policies grant the origin the same headers.

    ``closed_because``: a sentence that says why no other origin is allowed, if the policy is not
    the reason. Empty if the policy decides.
    """

    policy: Policy
    reason: str
    others: tuple[Policy | None, ...] = ()
    closed_because: str = ""


class PolicyBook:
    """All policies of a project, and which of them governs which path. The policies never change.

    Caches that depend on the policies are here too, so that a new book starts with empty ones:

    - ``derived``: the policies of decorators, by declaration.
    - ``views``: the rulings of views, by the ``id()`` of the view.
    - ``imported_urlconfs``: the URLconfs whose views are imported, None for ``ROOT_URLCONF``.
    - ``logged``, ``logged_since`` and ``why_refused``: what ``refusal_log`` has logged.
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
        # The ruling for all paths, if the project sets no PATHS.
        self.only_ruling = None if self._prefixes or self._patterns else self.default

    def is_uniform_below(self, beginning: str) -> bool:
        """Return whether all paths that start with ``beginning`` have the same ruling."""
        return not self._patterns and not any(
            prefix.startswith(beginning) and prefix != beginning for prefix in self._prefixes
        )

    def rulings_below(self, beginning: str) -> Iterator[Ruling | None]:
        """Yield the possible rulings of paths that start with ``beginning``."""
        yield self.rule_path(beginning)
        for prefix, ruling in self._prefixes.items():
            if prefix.startswith(beginning):
                yield ruling
        yield from (ruling for _, ruling in self._patterns)

    def rule_path(self, path: str) -> Ruling | None:
        """Return the ruling for ``path`` (without the script prefix), None if there is no policy.

        The longest prefix of all policies wins, then the first pattern in the order of the
        settings, then ``default`` if it has no ``PATHS``. One lookup for each length of a prefix.
        """
        for length in self._prefix_lengths:
            if (ruling := self._prefixes.get(path[:length])) is not None:
                return ruling
        for pattern, ruling in self._patterns:
            if pattern.match(path):
                return ruling
        return self.default
