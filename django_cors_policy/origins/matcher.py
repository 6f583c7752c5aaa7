"""Find the entry of a list that allows an origin. Every cross-origin request runs this code."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from .pattern import ANY_PORT, MAX_ORIGIN_LENGTH, Entry, OriginPattern, split_origin

# How many results are cached for each list with wildcards or patterns.
REMEMBERED = 1024


class OriginMatcher:
    """Immutable lookup of the entry that allows an origin.

    Exact origins take one set lookup. Wildcards take one dictionary lookup per label, up to the
    number of labels of the longest wildcard. Only regular expressions are tried one by one, each
    against the whole origin.
    """

    __slots__ = ("_inexact", "_match_inexact", "exact", "is_exact")

    def __init__(self, entries: Iterable[Entry]) -> None:
        exact: set[str] = set()
        wildcards: dict[str, dict[tuple[str, str], OriginPattern]] = {}
        patterns: list[re.Pattern[str]] = []
        for entry in entries:
            if isinstance(entry, re.Pattern):
                patterns.append(entry)
            elif isinstance(entry, str) or entry.is_exact:
                exact.add(str(entry))
            else:
                host = f".{entry.host}" if entry.subdomains else entry.host
                wildcards.setdefault(host, {})[entry.scheme, entry.port] = entry
        self.exact = frozenset(exact)
        # Whether all entries are exact.
        self.is_exact = not wildcards and not patterns
        self._inexact = _InexactEntries(wildcards, tuple(patterns))
        # Ten patterns cost as much as the rest of a request, and users come from few origins. If an
        # attacker sends random origins, the cache only loses those of the users. The cache refers
        # to the entries, not to this object: a cycle would keep a replaced matcher, and with it all
        # its origins, in memory until the next full garbage collection.
        self._match_inexact = functools.lru_cache(maxsize=REMEMBERED)(self._inexact.first)

    def match(self, origin: str) -> Entry | None:
        """Return the most specific entry that allows ``origin``, or None."""
        if origin in self.exact:
            return origin
        if self.is_exact or len(origin) > MAX_ORIGIN_LENGTH:
            return None
        return self._match_inexact(origin)

    def matches(self, origin: str) -> Iterator[Entry]:
        """Yield all entries that allow ``origin``, the most specific first."""
        if origin in self.exact:
            yield origin
        if not self.is_exact:
            yield from self._inexact.matches(origin)


class _InexactEntries:
    """The wildcards and patterns of a matcher.

    ``wildcards``: ".example.com" (subdomains) or "localhost" (any port), then (scheme, port).
    """

    __slots__ = ("_depth", "_patterns", "_wildcards")

    def __init__(
        self,
        wildcards: Mapping[str, Mapping[tuple[str, str], OriginPattern]],
        patterns: tuple[re.Pattern[str], ...],
    ) -> None:
        self._wildcards = wildcards
        self._depth = max((host.count(".") for host in wildcards if host[0] == "."), default=0)
        self._patterns = patterns

    def first(self, origin: str) -> Entry | None:
        return next(self.matches(origin), None)

    def matches(self, origin: str) -> Iterator[Entry]:
        if (parts := split_origin(origin)) is None:
            return
        scheme, host, port = parts
        # Split from the right, only as often as the longest wildcard needs: a host with a hundred
        # labels costs as little as one with three.
        labels = host.rsplit(".", self._depth)
        suffixes = ("." + ".".join(labels[index:]) for index in range(1, len(labels)))
        for name in (host, *suffixes):
            ports = self._wildcards.get(name, {})
            for key in ((scheme, port), (scheme, ANY_PORT)):
                if key in ports:
                    yield ports[key]
        for pattern in self._patterns:
            if pattern.fullmatch(origin):
                yield pattern
