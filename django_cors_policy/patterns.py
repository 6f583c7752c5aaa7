"""What a regular expression lets in, found by trying.

Nobody reads a pattern as carefully as an attacker does. So origins that it matches are made up from
its parse tree, then changed in the ways that attackers change them, and tried.
"""

from __future__ import annotations

import itertools
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .exceptions import PolicyError
from .origins import OriginPattern, parse_origin
from .sites import covers_public_suffix, ip_address, is_loopback, registrable_domain

# The parser is not documented, but it is the one reader of patterns that agrees with re. Where it
# meets what it cannot sample, there is no sample, and no judgement.
if sys.version_info >= (3, 11):
    from re import _constants as sre  # type: ignore[attr-defined]
    from re import _parser as sre_parser  # type: ignore[attr-defined]
else:
    import sre_constants as sre
    import sre_parse as sre_parser

# How many texts are made of a pattern before those that are origins are kept.
_MOST_SAMPLES = 256
# Far beyond what a harmless pattern takes for 60 characters, on any machine.
_SLOW_SECONDS = 0.05
# Tried in this order where a pattern leaves the character open.
_CHARACTERS = "ab1-.:/"
# Names that have nothing in common.
_STRANGERS = ("stranger.example", "elsewhere.test")


def samples(pattern: re.Pattern[str]) -> tuple[OriginPattern, ...]:
    """Some origins that ``pattern`` matches, as different as its parts allow; maybe none."""
    found: dict[OriginPattern, None] = {}
    try:
        parser: Any = sre_parser
        tree = list(parser.parse(pattern.pattern, pattern.flags))
        for text in itertools.islice(_expand(tree), _MOST_SAMPLES):
            # Origins are in lower case, whatever a pattern with IGNORECASE looks like.
            if pattern.fullmatch(text.lower()) and (origin := _origin(text.lower())):
                found[origin] = None
    except _CannotSampleError:
        return ()
    return tuple(found)


def matches_strangers(pattern: re.Pattern[str]) -> bool:
    """Whether ``pattern`` matches about any origin of a scheme and port."""
    return any(
        all(pattern.fullmatch(str(replace(origin, host=host))) for host in _STRANGERS)
        for origin in (*samples(pattern), *map(parse_origin, ("https://a.test", "http://a.test")))
    )


def open_name(pattern: re.Pattern[str]) -> tuple[str, str] | None:
    """Two origins that ``pattern`` matches, under names that two people could have registered.

    Any name below ``github.io`` is such a case, or any that begins with ``shop-``. A pattern that
    lists the names it means is none: a name that is changed by a letter is on no list.
    """
    for origin in samples(pattern):
        if is_loopback(origin.host) or ip_address(origin.host) is not None:
            continue
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
        if origin.scheme in ("http", "https"):
            insecure = replace(origin, scheme="http")
            if insecure.is_insecure and pattern.fullmatch(str(insecure)):
                return str(insecure)
    return None


def is_slow(pattern: re.Pattern[str]) -> bool:
    """Whether a short origin that does not match takes ``pattern`` unreasonably long.

    One repetition inside of another can split a text in ever more ways, twice as many with each
    character. The texts grow until that shows, and no further.
    """
    for origin in (*samples(pattern)[:4], None):
        for filler in ("a", "a.", "1", "-a"):
            for length in range(8, 26, 2):
                host = filler * length + "!" + (f".{origin.host}" if origin is not None else "")
                started = time.perf_counter()
                pattern.fullmatch(f"https://{host}")
                if time.perf_counter() - started > _SLOW_SECONDS:
                    return True
    return False


def neighbour(pattern: re.Pattern[str]) -> tuple[str, str, str] | None:
    """An origin of somebody else's that ``pattern`` matches beside its own.

    Returns the origin meant, the origin that matches too, and why: "a dot is not escaped".
    """
    for origin in samples(pattern):
        owner = registrable_domain(origin.host)
        for host, why in _neighbours(origin.host, owner):
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


def _neighbours(host: str, owner: str) -> Iterator[tuple[str, str]]:
    for index, character in enumerate(host):
        if character == ".":
            yield f"{host[:index]}x{host[index + 1 :]}", "a dot is not escaped"
    yield f"evil{owner}", "anything may stand before the name"
    yield f"{host}.evil.example", "the end is open"
    yield f"{host}evil.example", "the end is open"


class _CannotSampleError(Exception):
    pass


def _expand(tree: list[Any]) -> Iterator[str]:
    """Texts that the parse tree may match; ``fullmatch`` has the last word on its assertions."""
    if not tree:
        yield ""
        return
    choices = [list(itertools.islice(_choices(*node), 16)) for node in tree]
    if not all(choices):
        return
    # All parts by their first choice, then one part after the other by its other choices, then all
    # combinations: what matters is found early.
    first = [choice[0] for choice in choices]
    yield "".join(first)
    for index, others in enumerate(choices):
        for other in others[1:]:
            yield "".join([*first[:index], other, *first[index + 1 :]])
    for combination in itertools.product(*choices):
        yield "".join(combination)


def _choices(op: Any, argument: Any) -> Iterator[str]:
    if op is sre.LITERAL:
        yield chr(argument)
    elif op is sre.ANY:
        # A lone dot is most likely a dot that somebody forgot to escape.
        yield "."
        yield from _CHARACTERS
    elif op is sre.NOT_LITERAL:
        yield from (c for c in _CHARACTERS if ord(c) != argument)
    elif op is sre.IN:
        yield from (c for c in _CHARACTERS if _admits(argument, c))
        yield from (chr(value) for kind, value in argument if kind is sre.LITERAL)
        yield from (chr(value[0]) for kind, value in argument if kind is sre.RANGE)
    elif op is sre.BRANCH:
        # In turns: the second branch is not to wait until the first has run out.
        branches = [itertools.islice(_expand(list(branch)), 8) for branch in argument[1]]
        for texts in itertools.zip_longest(*branches):
            yield from (text for text in texts if text is not None)
    elif op is sre.SUBPATTERN:
        yield from _expand(list(argument[-1]))
    elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, getattr(sre, "POSSESSIVE_REPEAT", None)):
        yield from _repeats(*argument)
    elif op is getattr(sre, "ATOMIC_GROUP", None):
        yield from _expand(list(argument))
    elif op in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
        yield ""
    else:
        raise _CannotSampleError(op)


def _repeats(least: int, most: int, tree: Any) -> Iterator[str]:
    texts = list(itertools.islice(_expand(list(tree)), 9))
    if not texts or least > 64:
        return
    if texts[0] == ".":
        texts.append(texts.pop(0))
    if least == 0:
        yield ""
    yield texts[0] * max(least, 1)
    if {":", "/"} <= set(texts):
        # ".*" may stand for the scheme, or for its end, and for the host as well as for a label.
        yield from ("https://a", "http://a", "https", "http", "s://a", "://a", "https://a.b")
    for text in texts[1:]:
        yield text * max(least, 1)


def _admits(items: Any, character: str) -> bool:
    """Whether a character class admits ``character``: one compiled node, asked."""
    code = ord(character)
    negated = False
    for kind, value in items:
        if kind is sre.NEGATE:
            negated = True
        elif (
            (kind is sre.LITERAL and value == code)
            or (kind is sre.RANGE and value[0] <= code <= value[1])
            or (kind is sre.CATEGORY and _in_category(value, character))
        ):
            return not negated
    return negated


def _in_category(category: Any, character: str) -> bool:
    return {
        sre.CATEGORY_DIGIT: character.isdigit(),
        sre.CATEGORY_NOT_DIGIT: not character.isdigit(),
        sre.CATEGORY_WORD: character.isalnum(),
        sre.CATEGORY_NOT_WORD: not character.isalnum(),
        sre.CATEGORY_SPACE: False,
        sre.CATEGORY_NOT_SPACE: True,
    }[category]
