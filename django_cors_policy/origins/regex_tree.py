"""Read a regular expression as a small tree, to analyze it without running it.

The tree comes from the parser of ``re``, so it always agrees with ``re``. That parser is not
documented and can change in any Python version. Only this module knows its output, and patterns
with unknown parts have no tree.
"""

from __future__ import annotations

import functools
import importlib
import re
import string
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# The characters of URLs, and "é", which represents all others.
ALPHABET = frozenset(string.ascii_letters + string.digits + string.punctuation + " é")
# Where a pattern allows several characters, they are tried in this order.
TYPICAL = "ab1-.:/"
# Deeper than any real pattern, and far below Python's recursion limit.
MAX_DEPTH = 60

_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda character: character.isalnum() or character == "_",
}
_BEGINNINGS = ("AT_BEGINNING", "AT_BEGINNING_STRING")


class UnreadableError(Exception):
    """The pattern has no tree, because this module does not know some part of it."""


@dataclass(frozen=True)
class Characters:
    """One character of ``admitted``. ``typical`` lists those worth trying, in that order."""

    admitted: frozenset[str]
    typical: tuple[str, ...]


@dataclass(frozen=True)
class Sequence:
    """All ``parts``, one after another."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of ``branches``."""

    branches: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """``part``, at least ``least`` and at most ``most`` times (None: no limit)."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True)
class Atomic:
    """``part`` without backtracking into it: possessive repeats and atomic groups."""

    part: Node


@dataclass(frozen=True)
class Assertion:
    """A condition at a position, such as a lookahead: ``part`` is tried and consumes nothing."""

    part: Node


Node = Characters | Sequence | Choice | Repeat | Atomic | Assertion
NOTHING = Sequence(())


def read(pattern: re.Pattern[str]) -> Node:
    """Return the tree of ``pattern``. Raise only ``UnreadableError``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # re.compile has already issued them
            tree = _parser().parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        return _sequence(tree, pattern.flags, MAX_DEPTH)
    except UnreadableError:
        raise
    except Exception as error:
        # An unknown output of the parser can raise any exception.
        raise UnreadableError(repr(error)) from error


def _parser() -> Any:
    for name in ("re._parser", "sre_parse"):  # since Python 3.11, and before
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UnreadableError("Python's parser of regular expressions was not found")


def _sequence(tree: Iterable[Any], flags: int, depth: int) -> Node:
    parts = tuple(_node(str(op), argument, flags, depth) for op, argument in tree)
    return parts[0] if len(parts) == 1 else Sequence(parts)


def _node(op: str, argument: Any, flags: int, depth: int) -> Node:
    if op in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
        items = tuple(argument) if op == "IN" else argument
        return _characters(op, items, bool(flags & re.IGNORECASE))
    if op == "AT":
        return NOTHING if str(argument) in _BEGINNINGS else Assertion(NOTHING)
    if not depth:
        raise UnreadableError("too deeply nested")
    depth -= 1
    if op == "BRANCH":
        return Choice(tuple(_sequence(branch, flags, depth) for branch in argument[1]))
    if op == "SUBPATTERN":
        _, added, removed, part = argument
        return _sequence(part, flags & ~removed | added, depth)
    if op == "ATOMIC_GROUP":
        return Atomic(_sequence(argument, flags, depth))
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, part = argument
        unlimited = str(most) == "MAXREPEAT"
        repeat = Repeat(_sequence(part, flags, depth), int(least), None if unlimited else int(most))
        return Atomic(repeat) if op == "POSSESSIVE_REPEAT" else repeat
    if op in ("ASSERT", "ASSERT_NOT"):
        direction, part = argument
        # A lookbehind has a fixed length, so it costs little.
        return Assertion(_sequence(part, flags, depth) if direction > 0 else NOTHING)
    raise UnreadableError(op)


@functools.lru_cache(maxsize=1024)
def _characters(op: str, argument: Any, ignores_case: bool) -> Characters:
    listed, named, is_negated = _listed(op, argument)
    if ignores_case:
        variants = {text for item in listed for text in (item.lower(), item.upper())}
        listed = {variant for variant in variants if len(variant) == 1}
    admitted = frozenset(ALPHABET - listed if is_negated else listed)
    likely = [character for character in TYPICAL if character in admitted]
    if op == "ANY":
        # A single dot is most likely a literal dot that is not escaped.
        likely.insert(0, ".")
    return Characters(admitted, tuple(dict.fromkeys((*likely, *named))))


def _listed(op: str, argument: Any) -> tuple[set[str], list[str], bool]:
    """Return the listed characters, those listed one by one, and whether they are excluded."""
    if op == "ANY":
        return set(), [], True
    if op != "IN":
        return {chr(argument)}, [chr(argument)] if op == "LITERAL" else [], op == "NOT_LITERAL"
    listed: set[str] = set()
    named: list[str] = []
    is_negated = False
    for kind, value in argument:
        if str(kind) == "NEGATE":
            is_negated = True
        elif str(kind) == "LITERAL":
            named.append(chr(value))
        elif str(kind) == "RANGE":
            named.append(chr(value[0]))
            listed.update(item for item in ALPHABET if value[0] <= ord(item) <= value[1])
        else:
            listed.update(_category(str(value)))
    listed.update(named)
    return listed, [] if is_negated else named, is_negated


def _category(name: str) -> Iterator[str]:
    holds = _CATEGORIES[name.replace("_NOT_", "_")]
    return (character for character in ALPHABET if holds(character) != ("_NOT_" in name))
