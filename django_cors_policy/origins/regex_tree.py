"""A regular expression as a small tree, for those who look at patterns without running them.

The tree comes from the parser of ``re``, the only reader of patterns that always agrees with it.
That parser is not documented and can change with any Python. So this module is the only one that
knows its shapes, and it reads what it knows. For all else there is no tree.
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

# The characters that are told apart: what URLs consist of, and one for all others.
ALPHABET = frozenset(string.ascii_letters + string.digits + string.punctuation + " é")
# In this order they are tried where a pattern leaves the character open.
TYPICAL = "ab1-.:/"
# Deeper than anyone writes, and far from Python's limit for recursion.
MAX_DEPTH = 60

_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda character: character.isalnum() or character == "_",
}
_BEGINNINGS = ("AT_BEGINNING", "AT_BEGINNING_STRING")


class UnreadableError(Exception):
    """The pattern has no tree: it holds what this module does not know."""


@dataclass(frozen=True)
class Characters:
    """One character out of ``admitted``. ``typical`` are those worth trying, in their order."""

    admitted: frozenset[str]
    typical: tuple[str, ...]


@dataclass(frozen=True)
class Sequence:
    """Each of ``parts``, one after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of ``branches``."""

    branches: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """``part``, at least ``least`` and at most ``most`` times; None for any number."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True)
class Atomic:
    """``part``, as it matches first: possessive repeats and atomic groups."""

    part: Node


@dataclass(frozen=True)
class Assertion:
    """A condition at a position, such as a lookahead: ``part`` is tried and consumes nothing."""

    part: Node


Node = Characters | Sequence | Choice | Repeat | Atomic | Assertion
NOTHING = Sequence(())


def read(pattern: re.Pattern[str]) -> Node:
    """The tree of ``pattern``. Raises ``UnreadableError``, and nothing else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # re.compile has given them already
            tree = _parser().parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        return _sequence(tree, pattern.flags, MAX_DEPTH)
    except UnreadableError:
        raise
    except Exception as error:
        # A tree of another shape fails in ways that nobody can foresee.
        raise UnreadableError(repr(error)) from error


def _parser() -> Any:
    for name in ("re._parser", "sre_parse"):  # from Python 3.11 on, and before
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UnreadableError("Python's parser of patterns is not where it was")


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
        # What lies behind has a fixed length, and so costs little.
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
        # A lone dot is most likely a dot that somebody forgot to escape.
        likely.insert(0, ".")
    return Characters(admitted, tuple(dict.fromkeys((*likely, *named))))


def _listed(op: str, argument: Any) -> tuple[set[str], list[str], bool]:
    """Which characters are listed, which of them by name, and whether all others are meant."""
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
