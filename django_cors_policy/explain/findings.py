"""Findings about a call, each with its fixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Fix:
    """A change that helps. ``where`` says where it belongs: "settings", "shell", "decorator" (the
    view's), "script" (the page's) or "server" (not a change: why the policy cannot change).

    ``text`` says the change that you make by hand; if it ends in a colon, ``code`` follows: lines
    to write or run. ``lines`` are the same change for programs. In "settings" these are lines of
    Python to run after the settings. ``is_guess``: whether the change was not tried.
    """

    where: str
    lines: tuple[str, ...]
    text: str
    code: tuple[str, ...] = ()
    is_guess: bool = False


@dataclass(frozen=True)
class Finding:
    """A problem that blocks the call, or that may surprise you. ``code`` identifies it for
    programs. ``row`` is the primary key of the allowlist row that it is about.
    """

    code: str
    text: str
    fixes: tuple[Fix, ...] = ()
    row: int | None = None

    def advice(self) -> Iterator[tuple[str, Fix]]:
        """Yield each fix after the sentence that introduces it."""
        before: Fix | None = None
        for fix in self.fixes:
            yield _lead(fix, before), fix
            before = fix


def _lead(fix: Fix, before: Fix | None) -> str:
    text = f"Not tried: {_uncapitalized(fix.text)}" if fix.is_guess else fix.text
    if before is None or fix.where == "server":
        return text
    # A policy in a decorator and in settings needs both fixes. Otherwise one is enough.
    is_half = (before.where, fix.where) == ("decorator", "settings")
    return f"{'And' if is_half else 'Or'} {_uncapitalized(text)}"


def _uncapitalized(text: str) -> str:
    return text[:1].lower() + text[1:]
