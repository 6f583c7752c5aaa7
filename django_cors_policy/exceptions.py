"""The exceptions for wrong policies: one problem, or several together."""

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
# Printable ASCII with a backslash, without a single quote, and not ending in a backslash.
_RAW = re.compile(r"[ -&(-~]*\\[ -&(-~]*[ -&(-\[\]-~]")


def short_repr(value: object) -> str:
    """Return ``repr(value)``, shortened if it is long.

    Backslashes stay single, so that you can copy a pattern from a message.
    """
    if isinstance(value, re.Pattern) and not value.flags & ~re.UNICODE:
        return f"re.compile({short_repr(value.pattern)})"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return "A very large number"  # Python limits the digits that it converts to a string
    text = _repr.repr(value)
    if isinstance(value, str) and _RAW.fullmatch(value) and len(text) < _repr.maxstring:
        return f"r'{value}'"
    return text


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return a hint with the known word most similar to ``word``, or with all of them."""
    # Compare without case: keys are in upper case, keyword arguments in lower case.
    by_folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), by_folded, n=1)
    if near:
        return f"Did you mean {by_folded[near[0]]!r}?"
    return f"Choose from {', '.join(by_folded.values())}." if by_folded else "None is defined."


class PolicyError(ImproperlyConfigured):
    """One problem of a policy, in parts that a form or a system check can show.

    - ``key``: the place, such as ``CORS_POLICIES['default']['MAX_AGE']``; empty if it is not known.
    - ``value``: the wrong value.
    - ``reason``: the rest of the sentence that starts with the value.
    - ``hint``: what to write instead.
    - ``id``: the id of the system check, such as ``E005``.
    """

    def __init__(self, value: object, reason: str, hint: str, id: str, key: str = "") -> None:
        super().__init__(value, reason, hint, id, key)
        self.key = key
        self.value = value
        self.reason = reason
        self.hint = hint
        self.id = id

    def at(self, key: str) -> PolicyError:
        """Return the same problem with the place ``key``."""
        return PolicyError(self.value, self.reason, self.hint, self.id, key)

    @property
    def message(self) -> str:
        """Return the problem without place and hint: ``-1 is negative.``"""
        return f"{short_repr(self.value)} {self.reason}."

    def __str__(self) -> str:
        place = f"{self.key}: " if self.key else ""
        return f"{place}{self.message} {self.hint}"


class PolicyErrors(ImproperlyConfigured):
    """All problems of one or more policies, so that you can fix them all at once."""

    def __init__(self, errors: Iterable[PolicyError]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        if len(self.errors) == 1:
            return str(self.errors[0])
        lines = [f"{len(self.errors)} problems:", *(f"- {error}" for error in self.errors)]
        return "\n".join(lines)
