"""Which entry of a list comes nearest to an origin that the list refuses, and how it differs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from .pattern import ANY_PORT, DEFAULT_PORTS, Entry, OriginPattern, split_origin
from .sites import is_loopback

# So many entries of a list are compared; a longer one is no list that people read.
MOST_COMPARED = 200
# How alike two host names are for one to be a slip of the other.
ALIKE = 0.8


def nearest_entry(entries: Iterable[Entry], origin: str) -> tuple[int, str] | None:
    """The index of the entry that comes nearest, and how it differs; None if none does."""
    parts = split_origin(origin)
    if parts is None:
        return None
    # Not parse_origin, which refuses what has the shape of an origin and is none: "ws://a".
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
    """How ``entry`` differs from ``asked`` if that can be a slip; the lower, the nearer."""
    if isinstance(entry, str):
        return
    if isinstance(entry, re.Pattern):
        if entry.match(str(asked)):
            yield 1, "which has to match to the end, and stops before it"
        return
    scheme = "" if entry.scheme == asked.scheme else f"{entry.scheme} instead of {asked.scheme}"
    port = "" if entry.port in (asked.port, ANY_PORT) else _port_difference(entry, asked)
    also = [difference for difference in (scheme, port) if difference]
    host = _host_difference(entry, asked)
    if host is None:
        return
    rank, difference = host
    differences = [difference, *also] if difference else also
    if differences:
        yield rank + len(also), " and ".join(differences)


def _port_difference(entry: OriginPattern, asked: OriginPattern) -> str:
    def number(origin: OriginPattern) -> str:
        return origin.port or DEFAULT_PORTS.get(origin.scheme, "")

    if number(entry) == number(asked):
        return ""  # https://a and http://a:443: the scheme says it
    there = f"port {number(entry)}" if number(entry) else "no port"
    return f"{there} instead of {number(asked) or 'none'}"


def _host_difference(entry: OriginPattern, asked: OriginPattern) -> tuple[float, str] | None:
    if entry.subdomains:
        if entry.host == asked.host:
            return 0.5, "which stands for the names below it and not for itself"
        if asked.host.endswith(f".{entry.host}"):
            return 0, ""
    elif entry.host == asked.host:
        return 0, ""
    elif asked.host.endswith(f".{entry.host}"):
        return 2, "which does not stand for the names below it"
    elif entry.host.endswith(f".{asked.host}"):
        return 2, "which is a name below it"
    elif is_loopback(entry.host) and is_loopback(asked.host):
        return 1.5, f"{entry.host} instead of {asked.host}"
    matcher = difflib.SequenceMatcher(None, entry.host, asked.host)
    # Each is slower than the one before, and never more.
    alike = 1.0
    for measure in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio):
        if (alike := measure()) < ALIKE:
            return None
    return 5 - alike, "another name"


def spell_entry(entry: Entry) -> str:
    """An entry as it is written, patterns without ``re.compile``."""
    return entry.pattern if isinstance(entry, re.Pattern) else str(entry)
