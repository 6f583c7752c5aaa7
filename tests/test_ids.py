"""The names of test cases are the same in every process, or pytest-xdist refuses to run them."""

from __future__ import annotations

import pytest

from .ids import stable


def test_addresses_are_left_out() -> None:
    assert stable(lambda: None) == "<function test_addresses_are_left_out.<locals>.<lambda>>"


@pytest.mark.parametrize("members", [{"a", "b"}, frozenset("ab")], ids=["set", "frozenset"])
def test_a_set_has_to_be_named_by_hand(members: object) -> None:
    for value in (members, [members], {"a": (1, members)}):
        with pytest.raises(TypeError, match="by hand"):
            stable(value)
