"""Names of test cases that are the same in every process: pytest-xdist compares them."""

from __future__ import annotations

import re


def stable(value: object) -> str:
    """A case's ``repr`` without the addresses of its functions."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
