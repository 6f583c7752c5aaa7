"""What is wrong with a policy: one problem, or all of them together."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable

from django.core.exceptions import ImproperlyConfigured

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 120
_repr.maxlist = _repr.maxdict = _repr.maxtuple = _repr.maxset = 4


_MOST_BITS = 256
# What a raw string can hold, and is worth one.
_RAW = re.compile(r"[ -&(-~]*\\[ -&(-~]*[ -&(-\[\]-~]")


def short_repr(value: object) -> str:
    """``repr(value)`` as one would write it in a source file, cut where it would fill the screen.

    Backslashes stay single, so that a pattern can be copied from a message.
    """
    if isinstance(value, re.Pattern) and not value.flags & ~re.UNICODE:
        return f"re.compile({short_repr(value.pattern)})"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return "A very large number"  # Python refuses to write one of thousands of digits
    text = _repr.repr(value)
    if isinstance(value, str) and _RAW.fullmatch(value) and len(text) < _repr.maxstring:
        return f"r'{value}'"
    return text


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint that names the nearest of the known words, or all of them."""
    # Keys come in upper case, keywords in lower, risks with hyphens: the case is not the mistake.
    by_folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), by_folded, n=1)
    if near:
        return f"Did you mean {by_folded[near[0]]!r}?"
    return f"Known are {', '.join(by_folded.values())}." if by_folded else "None is known."


class PolicyError(ImproperlyConfigured):
    """One thing that is wrong with a policy, in parts that a form or a system check can show.

    ``key`` is the place (``CORS_POLICIES['default']['MAX_AGE']``; empty while nobody has said where
    the value stands), ``value`` what stands there, ``reason`` goes on the sentence that begins with
    the value, ``hint`` says what to write instead, ``id`` is the system check's (``E005``).
    """

    def __init__(self, value: object, reason: str, hint: str, id: str, key: str = "") -> None:
        super().__init__(value, reason, hint, id, key)
        self.key = key
        self.value = value
        self.reason = reason
        self.hint = hint
        self.id = id

    def at(self, key: str) -> PolicyError:
        """The same problem, said of the place ``key``."""
        return PolicyError(self.value, self.reason, self.hint, self.id, key)

    @property
    def message(self) -> str:
        """The problem without place and hint: ``'https://a/' has a path; an origin has none.``"""
        return f"{short_repr(self.value)} {self.reason}."

    def __str__(self) -> str:
        place = f"{self.key}: " if self.key else ""
        return f"{place}{self.message} {self.hint}"


class PolicyErrors(ImproperlyConfigured):
    """Every problem of one or more policies, gathered so that all can be mended at once."""

    def __init__(self, errors: Iterable[PolicyError]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        if len(self.errors) == 1:
            return str(self.errors[0])
        lines = [f"{len(self.errors)} problems:", *(f"- {error}" for error in self.errors)]
        return "\n".join(lines)
