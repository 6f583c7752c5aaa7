"""Fold the URL patterns below one prefix into one line, where all of them have the same policy."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

# Fewer paths than this are listed one by one: the names of two say more than one line saves.
FOLD_FROM = 3


class Foldable(Protocol):
    """A row for one URL pattern."""

    @property
    def path(self) -> str:
        """The URL pattern."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that the row is about; empty for all."""

    @property
    def fold_key(self) -> Hashable:
        """Rows with the same value have the same policy."""


Row = TypeVar("Row", bound=Foldable)


@dataclass(frozen=True)
class Line(Generic[Row]):
    """One line of the listing: equal rows of one path, or all rows below a prefix."""

    path: str
    is_prefix: bool
    rows: tuple[Row, ...]

    @property
    def count(self) -> int:
        """How many paths it has. Some frameworks have several URL patterns with one path."""
        return len({row.path for row in self.rows})

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of all rows, or none if they differ: then the line is for any method."""
        first, *others = {row.methods for row in self.rows}
        return () if others else first


def fold(rows: Sequence[Row], below: str = "") -> list[Line[Row]]:
    """Return one line for each prefix with one policy, and one for each other path.

    The shortest prefix wins, but it names all that its paths have in common. It is longer than
    ``below``: a prefix that you ask for is listed, not folded.
    """
    paths: dict[str, set[str]] = {}
    keys: dict[str, set[Hashable]] = {}
    for row in rows:
        for prefix in _prefixes(row.path):
            paths.setdefault(prefix, set()).add(row.path)
            keys.setdefault(prefix, set()).add(row.fold_key)
    shortest = len(below.rstrip("/")) + 1 if below else 0

    def prefix_of(path: str) -> str | None:
        found = [
            prefix
            for prefix in _prefixes(path)
            if len(prefix) > shortest and len(paths[prefix]) >= FOLD_FROM and len(keys[prefix]) == 1
        ]
        return next((p for p in reversed(found) if paths[p] == paths[found[0]]), None)

    lines: dict[Hashable, tuple[str, bool, list[Row]]] = {}
    for row in rows:
        beginning = prefix_of(row.path)
        if beginning is None:
            key = (row.path, row.methods, row.fold_key)
            lines.setdefault(key, (row.path, False, []))[2].append(row)
        else:
            lines.setdefault(beginning, (beginning, True, []))[2].append(row)
    return [Line(path, is_prefix, tuple(found)) for path, is_prefix, found in lines.values()]


def unfolded(rows: Sequence[Row]) -> list[Line[Row]]:
    """Return one line for each row."""
    return [Line(row.path, False, (row,)) for row in rows]


def _prefixes(path: str) -> Iterator[str]:
    """Yield the beginnings of ``path`` that end in a slash, the shortest first.

    A slash within a converter, a group or a character class does not count.
    """
    depth, is_escaped = 0, False
    for index, char in enumerate(path):
        if is_escaped:
            is_escaped = False
        elif char == "\\":
            is_escaped = True
        elif char in "<([":
            depth += 1
        elif char in ">)]":
            depth -= 1
        elif char == "/" and not depth:
            yield path[: index + 1]
