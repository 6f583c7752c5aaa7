"""What a regular expression lets in, found by trying.

Nobody reads a pattern as carefully as an attacker does. So origins that it matches are made up from
its tree, then changed in the ways that attackers change them, and tried. A pattern that could take
very long is not tried: that is counted first.
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

# Each branch of a pattern is tried, up to so many; and so many combinations of its parts.
_MOST_ALTERNATIVES = 1_000
_MOST_COMBINATIONS = 256
# Of one part of a pattern, so many combinations.
_MOST_COMBINATIONS_OF_A_PART = 16
# A step takes Python 1 to 10 nanoseconds. More of them cost more than the rest of a request.
SLOW_STEPS = 500_000
# No text that is made up comes near. So much longer, and no longer, may a pattern take for texts of
# that length if it is to be tried on hundreds of them.
_TRIED_LENGTH = 64
_TRIED_STEPS = 5_000_000
# What one of these texts may really take.
_SAMPLE_STEPS = 100_000
# What most servers accept of a path at least: gunicorn's limit for the whole line is 4094.
_PATH_LENGTH = 4_000
_PERIODIC_FROM = 100
# How often a part is repeated at most while steps are counted: no text is longer. Where that is too
# much work, less often, for repetitions that multiply do so with a few as well.
_REPEATS = (MAX_HOST_LENGTH, 16, 4)
# Names that have nothing in common, and shorter ones for patterns that may take long.
_STRANGERS = ("stranger.example", "elsewhere.test")
_SHORT_STRANGERS = ("https://ab.io", "https://xy.de")


def samples(pattern: re.Pattern[str]) -> tuple[OriginPattern, ...]:
    """Some origins that ``pattern`` matches, as different as its parts allow; maybe none."""
    return _try(pattern).samples


def why_untried(pattern: re.Pattern[str]) -> str | None:
    """Why there are no samples, as the end of a sentence; None if there are."""
    return _try(pattern).why_untried


def matches_strangers(pattern: re.Pattern[str]) -> bool:
    """Whether ``pattern`` matches about any origin of a scheme and port."""
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
    """Two origins that ``pattern`` matches, under names that two people could have registered.

    Any name below ``github.io`` is such a case, or any that begins with ``shop-``. A pattern that
    lists the names it means is none: a name that is changed by a letter is on no list.
    """
    seen: set[str] = set()
    for origin in samples(pattern):
        if origin.host in seen or is_loopback(origin.host) or ip_address(origin.host) is not None:
            continue
        seen.add(origin.host)  # what goes for a host goes for it with other ports and schemes
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
    """An http origin beyond loopback that ``pattern`` matches, if one was found."""
    for origin in samples(pattern):
        # Whatever its scheme: "[a-z]+" was tried as "a", and admits "http".
        insecure = replace(origin, scheme="http")
        if insecure.is_insecure and pattern.fullmatch(str(insecure)):
            return str(insecure)
    return None


def is_slow(pattern: re.Pattern[str]) -> bool:
    """Whether an origin that does not match takes ``pattern`` unreasonably many steps.

    Of all that ``split_origin`` lets through, those that lead to the most steps are looked for.
    False where that is unknown: then there are no samples either.
    """
    return bool(_has_slow_text(pattern, _origin_texts(MAX_ORIGIN_LENGTH)))


def is_slow_on_paths(pattern: re.Pattern[str]) -> bool | None:
    """Whether a path takes ``pattern``, matched from its start, unreasonably many steps.

    None where that is unknown.
    """
    return _has_slow_text(pattern, _path_texts(pattern.pattern))


def lookalike(pattern: re.Pattern[str]) -> tuple[str, str, str] | None:
    """An origin of somebody else's that ``pattern`` matches beside its own.

    Returns the origin meant, the origin that matches too, and why: "a dot is not escaped".
    """
    for origin in samples(pattern):
        owner = registrable_domain(origin.host)
        for host, why in _lookalike_hosts(origin.host, owner):
            if re.search(r"(^|\.)(?!xn--)[a-z-]*[0-9][a-z0-9-]*$", host):
                continue  # no top-level name has a digit in it
            other = str(replace(origin, host=host))
            if registrable_domain(host) != owner and pattern.fullmatch(other) and _origin(other):
                return str(origin), other, why
    return None


def _owned_name(host: str) -> str:
    """What somebody may have registered of ``host``: the shortest part that can be told apart."""
    owner = registrable_domain(host)
    while covers_public_suffix(owner) and len(owner) < len(host):
        # Below amazonaws.com lie suffixes: nobody owns all of it but Amazon.
        rest = host[: -len(owner) - 1].rpartition(".")[2]
        owner = f"{rest}.{owner}"
    return owner


def _origin(text: str) -> OriginPattern | None:
    try:
        return parse_origin(text)
    except PolicyError:
        return None


def _changed_names(name: str) -> Iterator[str]:
    """``name`` with one character more, or another one, at each place but the dots."""
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
    yield f"evil{owner}", "anything may stand before the name"
    yield f"{host}.evil.example", "the end is open"
    yield f"{host}evil.example", "the end is open"


class _Trial(NamedTuple):
    samples: tuple[OriginPattern, ...]
    why_untried: str | None


_TOO_LARGE = _Trial((), "it is too large")
_TOO_SLOW = _Trial((), "it takes too many steps")
_UNREADABLE = _Trial((), "the check cannot read all of it, nor tell how long it takes")


@functools.lru_cache(maxsize=256)  # each of the questions above asks for it
def _try(pattern: re.Pattern[str]) -> _Trial:
    try:
        tree = read(pattern)
        # Each repetition in full: what is too large to be counted is not tried.
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
    return _Trial(origins, None if origins else "no origin was found that it matches")


def _sendable(texts: list[str]) -> list[str]:
    # Origins are in lower case, whatever a pattern with IGNORECASE looks like.
    return [text for text in map(str.lower, texts) if split_origin(text)]


def _is_quick(pattern: re.Pattern[str], text: str) -> bool:
    """Whether one attempt at ``text`` does no harm."""
    try:
        automaton = Automaton(read(pattern), _ALPHABET, MAX_HOST_LENGTH)
        return automaton.count_steps(text) <= _TRIED_STEPS
    except UnreadableError:
        return True  # nothing is known, and the text is short
    except BudgetSpentError:
        return False


def _has_slow_text(pattern: re.Pattern[str], texts: Texts) -> bool | None:
    """Whether one of ``texts`` is found to be slow; None if the pattern cannot be judged."""
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
# A port is too short to matter: it is one of the endings.
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
    """Texts that a node may match: with each of its branches once, and more of them.

    Conditions are taken for fulfilled; ``fullmatch`` has the last word.
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
            # In turns: the second branch is not to wait until the first has run out.
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
    """All parts by their first texts, then one after the other by its other texts, then all."""
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
        # Where any character may be repeated, a label is likelier than dots.
        needed, more = more[:1], [*more[1:], *needed]
    if {":", "/"} <= {*needed, *more}:
        # ".*" may stand for the scheme, or for its end, and for the host as well as for a label.
        wide = ["https://a", "http://a", "https", "http", "s://a", "://a", "https://a.b"]
        more = [*wide, *more]
    nothing = [""] if not node.least else []
    times = max(node.least, 1)
    return _Variety([*nothing, *_multiply(needed, times)], _multiply(more, times))


def _multiply(texts: list[str], times: int) -> list[str]:
    # Looked at before it is written out: it may be more than any memory holds.
    return [text * times for text in texts if len(text) * times <= MAX_ORIGIN_LENGTH]


def _short_enough(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if len(text) <= MAX_ORIGIN_LENGTH]
