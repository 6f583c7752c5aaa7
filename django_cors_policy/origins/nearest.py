"""Find the entry of a list that is most similar to a refused origin, and how it differs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from .pattern import ANY_PORT, DEFAULT_PORTS, Entry, OriginPattern, split_origin
from .sites import is_loopback

# Callers compare only this many entries, because comparing names is slow.
MOST_COMPARED = 200
# The similarity (0 to 1) from which one host name may be a typo of the other.
ALIKE = 0.8


def nearest_entry(entries: Iterable[Entry], origin: str) -> tuple[int, str] | None:
    """Return the index of the most similar entry and how it differs, or None.

    The difference is a relative clause: "which has https instead of http".
    """
    parts = split_origin(origin)
    if parts is None:
        return None
    # Not parse_origin, which refuses some of them, such as "ws://a".
    asked = OriginPattern(*parts)
    ranked = [
        (rank, index, difference)
        for index, entry in enumerate(entries)
        for rank, difference in _differences(entry, asked)
    ]
    if not ranked:
        return None
    _, index, difference = min(ranked)
    return index, difference


def _differences(entry: Entry, asked: OriginPattern) -> Iterator[tuple[float, str]]:
    """Yield how ``entry`` differs, with a rank (lower is nearer), if that may be a mistake."""
    if isinstance(entry, str):
        return
    if isinstance(entry, re.Pattern):
        if entry.match(str(asked)):
            yield 1, "which matches only the beginning of the origin"
        return
    scheme = "" if entry.scheme == asked.scheme else f"has {entry.scheme} instead of {asked.scheme}"
    port = "" if entry.port in (asked.port, ANY_PORT) else _port_difference(entry, asked)
    also = [difference for difference in (scheme, port) if difference]
    host = _host_difference(entry, asked)
    if host is None:
        return
    rank, difference = host
    differences = [difference, *also] if difference else also
    if differences:
        yield rank + len(also), f"which {' and '.join(differences)}"


def _port_difference(entry: OriginPattern, asked: OriginPattern) -> str:
    def number(origin: OriginPattern) -> str:
        return origin.port or DEFAULT_PORTS.get(origin.scheme, "")

    if number(entry) == number(asked):
        return ""  # https://a and http://a:443 differ only by scheme
    there = f"port {number(entry)}" if number(entry) else "no port"
    return f"has {there} instead of {number(asked) or 'none'}"


def _host_difference(entry: OriginPattern, asked: OriginPattern) -> tuple[float, str] | None:
    if entry.subdomains:
        if entry.host == asked.host:
            return 0.5, f"covers only the subdomains of {entry.host}"
        if asked.host.endswith(f".{entry.host}"):
            return 0, ""
    elif entry.host == asked.host:
        return 0, ""
    elif asked.host.endswith(f".{entry.host}"):
        return 2, "does not cover subdomains"
    elif entry.host.endswith(f".{asked.host}"):
        return 2, f"is a subdomain of {asked.host}"
    elif is_loopback(entry.host) and is_loopback(asked.host):
        return 1.5, f"has {entry.host} instead of {asked.host}"
    matcher = difflib.SequenceMatcher(None, entry.host, asked.host)
    # Each measure is slower than the one before, and its result is never higher.
    alike = 1.0
    for measure in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio):
        if (alike := measure()) < ALIKE:
            return None
    return 5 - alike, "has a slightly different host"


def spell_entry(entry: Entry) -> str:
    """Return an entry as text; of a regular expression, its pattern."""
    return entry.pattern if isinstance(entry, re.Pattern) else str(entry)
