from __future__ import annotations

from typing import Any

import pytest

from .compiled import APP, compiled
from .test_values import by_hand


@pytest.mark.parametrize(
    ("func", "origin", "asked"),
    [
        (by_hand, APP, True),
        (by_hand, "null", True),
        (by_hand, "https://a, https://b", False),
        (by_hand, "https://a\x00", False),
        (None, APP, False),
    ],
)
def test_may_ask_func(func: Any, origin: str, asked: bool) -> None:
    assert compiled({"ALLOW_ORIGIN_FUNC": func}).may_ask_func(origin) is asked


def test_func_grants_no_credentials_to_null() -> None:
    policy = compiled({"ALLOW_ORIGIN_FUNC": by_hand, "ALLOW_CREDENTIALS": True})
    assert policy.grant_by_func(APP).credentials
    assert not policy.grant_by_func("null").credentials
