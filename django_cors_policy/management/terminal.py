"""Terminal output, shared by the management commands."""

from __future__ import annotations

import contextlib
import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, zip_longest

from django.core.management.base import BaseCommand

GAP = "  "  # between the columns of a table
HANGING = "  "  # before the rest of a wrapped text
NARROWEST_TERMINAL, NARROWEST_COLUMN = 40, 8  # what is narrower cannot be read
ELLIPSIS = "…"


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
        text = text.replace(ELLIPSIS, "...")
        command.stdout.write(text.encode("ascii", "backslashreplace").decode())


@contextlib.contextmanager
def closed_pipes_allowed(command: BaseCommand) -> Iterator[None]:
    """Stop without a traceback if a program such as ``head`` closes the pipe early."""
    try:
        yield
        command.stdout.flush()
    except BrokenPipeError:
        # Python writes what is left when it exits, and would print the same error then.
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, command.stdout.fileno())
        os.close(devnull)


def width_to_fit(command: BaseCommand) -> int | None:
    """Return the width of the terminal, or None for no limit.

    A pipe or a file has no limit, so that programs such as ``grep`` get whole lines. ``COLUMNS``
    sets a limit for both.
    """
    if os.environ.get("COLUMNS") or command.stdout.isatty():
        return max(shutil.get_terminal_size().columns, NARROWEST_TERMINAL)
    return None


def write_table(
    command: BaseCommand, heading: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]
) -> None:
    """Write a table. Each row is its cells, and whether to highlight them."""
    rows = list(rows)
    first, *others = align([heading, *(cells for cells, _highlight in rows)])
    write(command, command.style.MIGRATE_HEADING(first))
    for text, (_cells, highlight) in zip(others, rows, strict=True):
        write(command, command.style.WARNING(text) if highlight else text)


def align(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Return the text of each row of a table, with all columns aligned.

    Cells that are too long for ``width`` are wrapped, so the text of a row may have several lines.
    """
    rows = [[printable(cell) for cell in cells] for cells in rows]
    sizes = [list(map(_width, cells)) for cells in rows]
    widths = list(map(max, zip(*sizes, strict=True)))
    if width is not None:
        _shrink(widths, sizes, width - len(GAP) * (len(widths) - 1))
    texts = []
    for cells in rows:
        wrapped = (wrap(cell, column) for cell, column in zip(cells, widths, strict=True))
        lines = zip_longest(*wrapped, fillvalue="")
        texts.append("\n".join(_line(line, widths) for line in lines))
    return texts


def wrap(text: str, width: int | None) -> list[str]:
    """Split ``text`` into lines of ``width``: after a space if possible, else within a word.

    Each line after the first is indented, to show that it is not a new entry.
    """
    lines = []
    while width is not None and _width(text) > width:
        fitting = sum(used <= width for used in accumulate(map(_width, text)))
        # Not within the indentation: that would leave the next line as long as this one.
        least = len(text) - len(text.lstrip(" "))
        end = text.rfind(" ", least, fitting + 1) + 1
        end = end or max(text.rfind(char, least, fitting) for char in "/.,])") + 1
        end = end or fitting
        lines.append(text[:end].rstrip())
        text = HANGING + text[end:]
    return [*lines, text]


def _shrink(widths: list[int], rows: Sequence[Sequence[int]], available: int) -> None:
    """Make columns narrower until they fit, so that the table gets as few lines as possible."""

    def lines_without(column: int) -> int:
        """The lines of the table if a column loses one character."""
        narrower = [width - (index == column) for index, width in enumerate(widths)]
        return sum(max(map(_lines, cells, narrower)) for cells in rows)

    while sum(widths) > available:
        # Of equal ones the last: the first column says what a row is about.
        wide = [column for column, width in enumerate(widths) if width > NARROWEST_COLUMN]
        if not wide:
            break
        widths[min(reversed(wide), key=lines_without)] -= 1


def _lines(size: int, width: int) -> int:
    """About how many lines ``wrap`` makes of so many characters."""
    return 1 + -(-max(0, size - width) // (width - len(HANGING)))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = zip(cells, widths, strict=True)
    return GAP.join(cell + " " * (width - _width(cell)) for cell, width in pairs).rstrip()


def _width(text: str) -> int:
    """The number of terminal columns that ``text`` takes."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
