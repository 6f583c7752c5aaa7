"""Which entry comes nearest to an origin that is refused, and by what it differs."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import fetch
from .origins import DEFAULT_PORTS, Entry, OriginPattern, guess_origin, split_origin
from .policy import Policy
from .sites import is_loopback

# So many entries of a list are compared; a longer one is no list that people read.
MOST_COMPARED = 200
# How alike two host names are for one to be a slip of the other.
ALIKE = 0.8


class Near(NamedTuple):
    """An entry that nearly allows an origin: where it stands, and how it differs."""

    place: str
    entry: str
    difference: str


def nearest(policy: Policy, origin: str) -> Near | None:
    """The entry of ``ALLOW_ORIGINS`` that comes nearest to ``origin``, which it refuses."""
    place = policy.place.written_at("ALLOW_ORIGINS")
    entries = itertools.islice(policy.origins, MOST_COMPARED)
    found = compare(entries, origin)
    if found is None:
        return None
    index, difference = found
    return Near(place.locate("ALLOW_ORIGINS", index), spell(policy.origins[index]), difference)


def compare(entries: Iterable[Entry], origin: str) -> tuple[int, str] | None:
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
    port = "" if entry.port in (asked.port, "*") else _port_difference(entry, asked)
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


def spell(entry: Entry) -> str:
    """An entry as it is written, patterns without ``re.compile``."""
    return entry.pattern if isinstance(entry, re.Pattern) else str(entry)


def suggest(text: str) -> str | None:
    """The origin that was meant where ``text`` is none, such as a URL."""
    guess = guess_origin(text)
    return guess if guess not in (None, fetch.WILDCARD) else None
