"""What the commands share to write to a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from django.core.management.base import BaseCommand


def printable(text: str) -> str:
    """The text without what could move the cursor, or turn the line around."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def write(command: BaseCommand, text: str) -> None:
    """Write to standard output, with escapes for what its encoding does not have."""
    try:
        command.stdout.write(text)
    except UnicodeEncodeError:
        command.stdout.write(text.encode("ascii", "backslashreplace").decode())


def write_table(
    command: BaseCommand, heading: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]
) -> None:
    """Write cells in columns. Each row comes with whether it is to stand out in colour."""
    lines = [([printable(cell) for cell in cells], stands_out) for cells, stands_out in rows]
    columns = zip(heading, *(cells for cells, _stands_out in lines), strict=True)
    widths = [max(map(_width, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    write(command, command.style.MIGRATE_HEADING(line(heading)))
    for cells, stands_out in lines:
        write(command, command.style.WARNING(line(cells)) if stands_out else line(cells))


def _width(text: str) -> int:
    """How many columns a terminal needs for the text."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
