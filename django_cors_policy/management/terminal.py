"""Terminal output, shared by the management commands."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from django.core.management.base import BaseCommand


def printable(text: str) -> str:
    """Return ``text`` with escapes for characters that move the cursor or reverse the line."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def write(command: BaseCommand, text: str) -> None:
    """Write to standard output, with escapes for characters that its encoding lacks."""
    try:
        command.stdout.write(text)
    except UnicodeEncodeError:
        command.stdout.write(text.encode("ascii", "backslashreplace").decode())


def write_table(
    command: BaseCommand, heading: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]
) -> None:
    """Write a table. Each row is its cells, and whether to highlight them."""
    lines = [([printable(cell) for cell in cells], highlight) for cells, highlight in rows]
    columns = zip(heading, *(cells for cells, _highlight in lines), strict=True)
    widths = [max(map(_width, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    write(command, command.style.MIGRATE_HEADING(line(heading)))
    for cells, highlight in lines:
        write(command, command.style.WARNING(line(cells)) if highlight else line(cells))


def _width(text: str) -> int:
    """The number of terminal columns that ``text`` takes."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
