"""Find out which origins a regular expression allows, by trying examples.

The examples are made from the tree of the pattern, then changed in the ways that attackers use. A
pattern that could take very long is not tried: its steps are counted first.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from django_cors_policy.exceptions import PolicyError

from .backtracking import Automaton, BudgetSpentError, Texts
from .parser import parse_origin
from .pattern import (
    MAX_HOST_LENGTH,
    MAX_LABEL_LENGTH,
    MAX_LABELS,
    MAX_ORIGIN_LENGTH,
    MAX_SCHEME_LENGTH,
    OriginPattern,
    split_origin,
)
from .regex_tree import (
    ALPHABET,
    Atomic,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
    UnreadableError,
    read,
)
from .sites import covers_public_suffix, ip_address, is_loopback, registrable_domain

# Limits for the branches of a pattern, and for the combinations of its parts.
_MOST_ALTERNATIVES = 1_000
_MOST_COMBINATIONS = 256
# Limit for the combinations within one part.
_MOST_COMBINATIONS_OF_A_PART = 16
# A step takes 1 to 10 nanoseconds. More steps than this cost more than the rest of a request.
SLOW_STEPS = 500_000
# A pattern is tried on hundreds of examples only if no text up to this length, which is longer than
# the examples, takes more steps than this.
_TRIED_LENGTH = 64
_TRIED_STEPS = 5_000_000
# Limit for the steps of one example.
_SAMPLE_STEPS = 100_000
# Most servers accept paths of this length: gunicorn's limit for the request line is 4094.
_PATH_LENGTH = 4_000
_PERIODIC_FROM = 100
# How often a part is repeated at most while steps are counted. Hosts are not longer than the first
# limit. If that is too much work, the next limit is used: a few repetitions also show whether the
# steps multiply.
_REPEATS = (MAX_HOST_LENGTH, 16, 4)
# Unrelated names, and short ones for patterns that may take long.
_STRANGERS = ("stranger.example", "elsewhere.test")
_SHORT_STRANGERS = ("https://ab.io", "https://xy.de")


def samples(pattern: re.Pattern[str]) -> tuple[OriginPattern, ...]:
    """Return origins that ``pattern`` matches, as varied as its parts allow; maybe none."""
    return _try(pattern).samples


def why_untried(pattern: re.Pattern[str]) -> str | None:
    """Return why there are no samples, as the end of a sentence; None if there are some."""
    return _try(pattern).why_untried


def matches_strangers(pattern: re.Pattern[str]) -> bool:
    """Return whether ``pattern`` matches unrelated hosts, and so probably any host."""
    found = samples(pattern)
    if not found:
        return all(
            _is_quick(pattern, origin) and pattern.fullmatch(origin) for origin in _SHORT_STRANGERS
        )
    kinds = {(origin.scheme, origin.port) for origin in found} | {("https", ""), ("http", "")}
    return any(
        all(pattern.fullmatch(str(OriginPattern(scheme, host, port))) for host in _STRANGERS)
        for scheme, port in kinds
    )


def registrable_by_anyone(pattern: re.Pattern[str]) -> tuple[str, str] | None:
    """Return two origins that ``pattern`` matches and that may have different owners, or None.

    A pattern for all names below ``github.io`` matches such origins, or one for all names that
    begin with ``shop-``. A pattern that lists its names does not: no name that differs by a
    character is in the list.
    """
    seen: set[str] = set()
    for origin in samples(pattern):
        if origin.host in seen or is_loopback(origin.host) or ip_address(origin.host) is not None:
            continue
        seen.add(origin.host)  # ports and schemes do not change the owner
        owner = _owned_name(origin.host)
        rest = origin.host.removesuffix(owner)
        others = {
            str(other)
            for name in _changed_names(owner)
            if pattern.fullmatch(str(other := replace(origin, host=rest + name)))
        }
        if len(others) > 1:
            return str(origin), min(others)
    return None


def insecure_sample(pattern: re.Pattern[str]) -> str | None:
    """Return an http origin that ``pattern`` matches and that is not loopback, or None."""
    for origin in samples(pattern):
        # Try "http" on every sample: "[a-z]+" has samples with the scheme "a", but matches "http".
        insecure = replace(origin, scheme="http")
        if insecure.is_insecure and pattern.fullmatch(str(insecure)):
            return str(insecure)
    return None


def is_slow(pattern: re.Pattern[str]) -> bool:
    """Return whether ``pattern`` takes too many steps to reject some origin.

    It searches all texts that ``split_origin`` accepts. Return False if the answer is unknown: then
    there are no samples either.
    """
    return bool(_has_slow_text(pattern, _origin_texts(MAX_ORIGIN_LENGTH)))


def is_slow_on_paths(pattern: re.Pattern[str]) -> bool | None:
    """Return whether ``pattern``, matched from the start, takes too many steps to reject some path.

    Return None if the answer is unknown.
    """
    return _has_slow_text(pattern, _path_texts(pattern.pattern))


def lookalike(pattern: re.Pattern[str]) -> tuple[str, str, str] | None:
    """Return an origin with another owner that ``pattern`` matches by mistake, or None.

    The result is the intended origin, the other origin and the reason: "a dot is not escaped".
    """
    for origin in samples(pattern):
        owner = registrable_domain(origin.host)
        for host, why in _lookalike_hosts(origin.host, owner):
            if re.search(r"(^|\.)(?!xn--)[a-z-]*[0-9][a-z0-9-]*$", host):
                continue  # top-level names have no digits
            other = str(replace(origin, host=host))
            if registrable_domain(host) != owner and pattern.fullmatch(other) and _origin(other):
                return str(origin), other, why
    return None


def _owned_name(host: str) -> str:
    """Return the shortest end of ``host`` that belongs to a single owner."""
    owner = registrable_domain(host)
    while covers_public_suffix(owner) and len(owner) < len(host):
        # amazonaws.com has public suffixes below it, so names below it have different owners.
        rest = host[: -len(owner) - 1].rpartition(".")[2]
        owner = f"{rest}.{owner}"
    return owner


def _origin(text: str) -> OriginPattern | None:
    try:
        return parse_origin(text)
    except PolicyError:
        return None


def _changed_names(name: str) -> Iterator[str]:
    """Yield ``name`` with a character added or replaced, at each place except the dots."""
    for index, character in enumerate(name):
        if character != ".":
            for other in "ax07":
                yield f"{name[:index]}{other}{name[index:]}"
                if other != character:
                    yield f"{name[:index]}{other}{name[index + 1 :]}"


def _lookalike_hosts(host: str, owner: str) -> Iterator[tuple[str, str]]:
    for index, character in enumerate(host):
        if character == ".":
            yield f"{host[:index]}x{host[index + 1 :]}", "a dot is not escaped"
    yield f"evil{owner}", "other text can come before the name"
    yield f"{host}.evil.example", "other text can come after the name"
    yield f"{host}evil.example", "other text can come after the name"


class _Trial(NamedTuple):
    samples: tuple[OriginPattern, ...]
    why_untried: str | None


_TOO_LARGE = _Trial((), "it is too large")
_TOO_SLOW = _Trial((), "it takes too many steps")
_UNREADABLE = _Trial((), "the check cannot analyze what it matches or how long it takes")


@functools.lru_cache(maxsize=256)  # most functions above call it
def _try(pattern: re.Pattern[str]) -> _Trial:
    try:
        tree = read(pattern)
        # Count all repetitions: a pattern that is too large to count is not tried.
        automaton = Automaton(tree, _ALPHABET, MAX_HOST_LENGTH)
        if automaton.costly_text(_origin_texts(_TRIED_LENGTH), _TRIED_STEPS):
            return _TOO_SLOW
        variety = _vary(tree, _MOST_COMBINATIONS)
        if len(variety.needed) > _MOST_ALTERNATIVES:
            return _TOO_LARGE

        def is_harmless(text: str) -> bool:
            return not automaton.is_ambiguous or automaton.count_steps(text) <= _SAMPLE_STEPS

        needed, more = map(_sendable, variety)
        if not all(map(is_harmless, needed)):
            return _TOO_SLOW
        texts = [*needed, *filter(is_harmless, more)]
    except UnreadableError:
        return _UNREADABLE
    except BudgetSpentError:
        return _TOO_LARGE
    found = (_origin(text) for text in texts if pattern.fullmatch(text))
    origins = tuple(dict.fromkeys(filter(None, found)))
    return _Trial(origins, None if origins else "no origin that it matches was found")


def _sendable(texts: list[str]) -> list[str]:
    # Origins are in lower case, even if a pattern with IGNORECASE is not.
    return [text for text in map(str.lower, texts) if split_origin(text)]


def _is_quick(pattern: re.Pattern[str], text: str) -> bool:
    """Return whether matching ``text`` once is fast enough."""
    try:
        automaton = Automaton(read(pattern), _ALPHABET, MAX_HOST_LENGTH)
        return automaton.count_steps(text) <= _TRIED_STEPS
    except UnreadableError:
        return True  # unknown, but the text is short
    except BudgetSpentError:
        return False


def _has_slow_text(pattern: re.Pattern[str], texts: Texts) -> bool | None:
    """Return whether one of ``texts`` takes too many steps; None if the answer is unknown."""
    try:
        tree = read(pattern)
    except UnreadableError:
        return None
    for most_repeats in _REPEATS:
        with contextlib.suppress(BudgetSpentError):
            automaton = Automaton(tree, texts.alphabet, most_repeats)
            return automaton.costly_text(texts, SLOW_STEPS) is not None
    return None


_ALPHABET = f"{string.ascii_lowercase}{string.digits}-_.:/"


_LABEL = f"[a-z0-9_-]{{1,{MAX_LABEL_LENGTH}}}"
# Ports are left to the endings: they are too short to add many steps.
_BEGINNING = re.compile(
    rf"[a-z][a-z0-9.-]{{0,{MAX_SCHEME_LENGTH - 1}}}(?::|:/|://(?![^:]{{{MAX_HOST_LENGTH + 1}}})"
    rf"(?:{_LABEL}\.){{0,{MAX_LABELS - 1}}}(?:{_LABEL}:?)?)?"
)


def _origin_texts(longest: int) -> Texts:
    endings = ("", "a", "-", "0", ".a", ":1", "/a", "//a", "://a")
    longest_beginning = longest - len(max(endings, key=len))
    return Texts(
        alphabet=_ALPHABET,
        is_beginning=lambda text: (
            len(text) <= longest_beginning and _BEGINNING.fullmatch(text) is not None
        ),
        endings=endings,
        is_text=lambda text: split_origin(text) is not None,
        is_prefix=False,
        periodic_from=longest,
    )


def _path_texts(written: str) -> Texts:
    return Texts(
        alphabet="".join(sorted(ALPHABET.union(written))),
        is_beginning=lambda text: text.startswith("/") and len(text) <= _PATH_LENGTH,
        endings=("",),
        is_text=lambda text: True,
        is_prefix=True,
        periodic_from=_PERIODIC_FROM,
    )


class _Variety(NamedTuple):
    """Texts that a node may match: ``needed`` takes each branch once, ``more`` adds variants.

    Conditions count as fulfilled, so callers check the texts with ``fullmatch``.
    """

    needed: list[str]
    more: list[str]


def _vary(node: Node, most: int = _MOST_COMBINATIONS_OF_A_PART) -> _Variety:
    match node:
        case Characters():
            return _Variety(list(node.typical[:1]), list(node.typical[1:]))
        case Sequence():
            return _combine([_vary(part) for part in node.parts], most)
        case Choice():
            # Take turns, so that the first branch does not use up the limit alone.
            branches = [_vary(branch) for branch in node.branches]
            return _Variety(
                _in_turns(branch.needed for branch in branches),
                _in_turns(branch.more for branch in branches)[:most],
            )
        case Repeat():
            return _repeat(node, _vary(node.part, most))
        case Atomic():
            return _vary(node.part, most)
        case _:  # Assertion
            return _Variety([""], [])


def _in_turns(lists: Iterable[list[str]]) -> list[str]:
    rounds = itertools.zip_longest(*lists)
    return [text for texts in rounds for text in texts if text is not None]


def _combine(parts: list[_Variety], most: int) -> _Variety:
    """Join the parts: first texts only, then one part varied at a time, then all combinations."""
    if not all(part.needed for part in parts):
        return _Variety([], [])
    first = [part.needed[0] for part in parts]

    def each(kind: Iterable[list[str]]) -> Iterator[str]:
        for index, others in enumerate(kind):
            before, after = "".join(first[:index]), "".join(first[index + 1 :])
            yield from (f"{before}{other}{after}" for other in others)

    needed = _short_enough(["".join(first), *each(part.needed[1:] for part in parts)])
    combinations = itertools.product(
        *([*part.needed, *part.more][:_MOST_COMBINATIONS_OF_A_PART] for part in parts)
    )
    more = itertools.chain(each(part.more for part in parts), map("".join, combinations))
    return _Variety(needed, _short_enough(itertools.islice(more, most)))


def _repeat(node: Repeat, part: _Variety) -> _Variety:
    needed, more = part
    if needed[:1] == ["."] and more:
        # A repeated "any character" is more likely a label than dots.
        needed, more = more[:1], [*more[1:], *needed]
    if {":", "/"} <= {*needed, *more}:
        # ".*" can match a scheme or the end of one, and a whole host or a single label.
        wide = ["https://a", "http://a", "https", "http", "s://a", "://a", "https://a.b"]
        more = [*wide, *more]
    nothing = [""] if not node.least else []
    times = max(node.least, 1)
    return _Variety([*nothing, *_multiply(needed, times)], _multiply(more, times))


def _multiply(texts: list[str], times: int) -> list[str]:
    # Check the length first: the repeated text may be larger than the memory.
    return [text * times for text in texts if len(text) * times <= MAX_ORIGIN_LENGTH]


def _short_enough(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if len(text) <= MAX_ORIGIN_LENGTH]
