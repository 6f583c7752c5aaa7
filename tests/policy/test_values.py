"""What an item of a list, or a function, becomes. How a refusal is worded: test_checks."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from django_cors_policy.exceptions import PolicyErrors

from .compiled import compiled, refused


def by_hand(origin: str, request: object) -> bool:
    return False


async def by_hand_async(origin: str, request: object) -> bool:
    return False


def by_yielding(origin: str, request: object) -> Iterator[bool]:
    yield False


async def by_yielding_async(origin: str, request: object) -> AsyncIterator[bool]:
    yield False


class Yields:
    def __call__(self, origin: str, request: object) -> Iterator[bool]:
        yield False

    async def method(self, origin: str, request: object) -> AsyncIterator[bool]:
        yield False


class Callable:
    def __call__(self, origin: str, request: object, extra: int = 0) -> bool:
        return False

    def method(self, origin: str, request: object) -> bool:
        return False

    def narrow(self, origin: str) -> bool:
        return False


@pytest.mark.parametrize(
    "func",
    [
        Callable(),
        Callable().method,
        functools.partial(by_hand),
        lambda origin, request: True,
        lambda *args: True,
        max,  # written in C, and tells nobody what it takes
    ],
)
def test_any_callable_of_two_arguments_will_do(func: Any) -> None:
    assert compiled({"ALLOW_ORIGIN_FUNC": func}).allow_origin_func is func


@pytest.mark.parametrize(
    "func",
    [
        5,
        "",
        "tests.policy.test_values.by_yielding",
        by_yielding,
        by_yielding_async,
        functools.partial(functools.partial(by_yielding), request=None),
        functools.partial(Yields()),
        Yields(),
        Yields().method,
        "nowhere",
        "nowhere.at_all",
        "tests.policy.test_values.missing",
        "tests.policy.test_values",
        "not a path",
        Callable().narrow,
        lambda: True,
        lambda origin, *, request: True,
    ],
)
def test_no_function_of_two_arguments(func: Any) -> None:
    assert refused({"ALLOW_ORIGIN_FUNC": func}) == [("E013", "['ALLOW_ORIGIN_FUNC']")]


@pytest.mark.parametrize("path", ["*/api", "/api/(", "/api/[", "/a\\", "/*/x", "^/api/.*$"])
def test_hints_for_paths_can_be_followed(path: str) -> None:
    """A hint that writes a regular expression writes a valid one."""
    with pytest.raises(PolicyErrors) as caught:
        compiled({"PATHS": [path]})
    (error,) = caught.value.errors
    if found := re.search(r"re\.compile\((.*?)\), or", error.hint):
        re.compile(eval(found[1]))  # noqa: S307 -- a literal, by the line above
