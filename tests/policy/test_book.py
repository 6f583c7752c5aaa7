from __future__ import annotations

import re
from typing import Any

import pytest

from django_cors_policy.conf import compile_book
from django_cors_policy.policy import PolicyBook


def ruled(book: PolicyBook, path: str) -> str | None:
    ruling = book.rule_path(path)
    return ruling and ruling.policy.alias


BOOK = {
    "default": {},
    "api": {"PATHS": ["/api/", re.compile(r"/v\d+/")]},
    "public": {"PATHS": ["/api/public/", "/api/public/deep/", re.compile(r"/.*\.json$")]},
    "hooks": {"PATHS": [re.compile(r"/v1/hooks/"), "/hook", "/größe/"]},
}


@pytest.mark.parametrize(
    ("path", "alias"),
    [
        ("/", "default"),
        ("", "default"),
        ("/other/", "default"),
        ("/api/", "api"),
        ("/api", "default"),
        ("/api/x", "api"),
        # the longest prefix over all policies
        ("/api/public/", "public"),
        ("/api/public/x", "public"),
        ("/api/public/deep/x", "public"),
        ("/api/publi", "api"),
        # a prefix is one, whatever comes behind it
        ("/hook/", "hooks"),
        ("/hooks/", "hooks"),
        ("/größe/1", "hooks"),
        # prefixes before patterns; patterns in the order written
        ("/api/x.json", "api"),
        ("/x.json", "public"),
        ("/v1/hooks/", "api"),
        # a pattern is matched from the start of the path, and need not reach its end
        ("/x/v1/hooks/", "default"),
        ("/x.json/y", "default"),
    ],
)
def test_path(path: str, alias: str) -> None:
    assert ruled(compile_book(BOOK), path) == alias


def test_order_of_aliases_does_not_matter_to_prefixes() -> None:
    book = compile_book(dict(reversed(BOOK.items())))
    assert ruled(book, "/api/public/x") == "public"


@pytest.mark.parametrize(
    ("config", "path", "alias"),
    [
        ({}, "/", None),
        ({"public": {"PATHS": ["/public/"]}}, "/", None),
        # without PATHS, only the default governs; others wait for a decorator
        ({"public": {}}, "/", None),
        ({"default": {"PATHS": ["/api/"]}}, "/", None),
        ({"default": {"PATHS": ["/api/"]}}, "/api/", "default"),
    ],
)
def test_no_policy(config: Any, path: str, alias: str | None) -> None:
    assert ruled(compile_book(config), path) == alias


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "CORS_POLICIES['default']"),
        ("/api/", "CORS_POLICIES['api']['PATHS'][0]"),
        ("/v1/", "CORS_POLICIES['api']['PATHS'][1]"),
    ],
)
def test_ruling_says_why(path: str, reason: str) -> None:
    ruling = compile_book(BOOK).rule_path(path)
    assert ruling
    assert ruling.reason.startswith(reason)


def test_work_for_a_path_does_not_grow_with_prefixes() -> None:
    """One lookup for each length that prefixes have, however many there are."""

    class Counting(dict[str, Any]):
        lookups = 0

        def get(self, *args: Any) -> Any:
            self.lookups += 1
            return super().get(*args)

    paths = [f"/{number:04}/" for number in range(1000)]
    book = compile_book({"many": {"PATHS": paths}})
    counting = book._prefixes = Counting(book._prefixes)
    assert ruled(book, "/0999/" + "x" * 100_000) == "many"
    assert ruled(book, "/none/" * 10_000) is None
    assert counting.lookups == 2


def test_a_path_may_stand_twice_in_one_policy() -> None:
    """Settings put together from lists need not be weeded."""
    assert ruled(compile_book({"a": {"PATHS": ["/a/", "/a/"]}}), "/a/") == "a"
