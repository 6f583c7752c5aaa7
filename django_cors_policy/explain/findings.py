"""What is told of a call: findings, each with the changes that help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fix:
    """What to change. ``where``: "settings" (Python lines that stand at their end), "shell",
    "decorator" (the view's, in place of the one that it has), "script" (the page's) or "server",
    whose lines are sentences.
    """

    where: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that blocks, or that may surprise. ``code`` is its name for scripts, ``row`` the
    primary key of the row that it is about.
    """

    code: str
    text: str
    fixes: tuple[Fix, ...] = ()
    row: int | None = None
