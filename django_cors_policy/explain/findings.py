"""Findings about a call, each with its fixes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fix:
    """A change that helps. ``where`` says where ``lines`` belong: "settings" (Python, at the end of
    the file), "shell", "decorator" (replaces the view's decorator), "script" (the page's) or
    "server" (sentences instead of code).
    """

    where: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A problem that blocks the call, or that may surprise you. ``code`` identifies it for
    programs. ``row`` is the primary key of the allowlist row that it is about.
    """

    code: str
    text: str
    fixes: tuple[Fix, ...] = ()
    row: int | None = None
