"""Names of test cases that are the same in every process: pytest-xdist compares them."""

from __future__ import annotations

import re


def stable(value: object) -> str:
    """A case's ``repr`` without the addresses of its functions.

    Raises:
        TypeError: a set of several is in it. Its order differs from process to process.

    """
    refuse_sets(value)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def refuse_sets(value: object) -> None:
    if isinstance(value, (set, frozenset)) and len(value) > 1:
        raise TypeError(f"Name this case by hand, pytest.param(..., id=...): {value!r} is a set")
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        for item in value:
            refuse_sets(item)
