from __future__ import annotations

import re
from typing import Any

import pytest

from django_cors_policy.conf import PolicyBook, compile_book, policy_book
from django_cors_policy.exceptions import PolicyErrors


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


def test_a_policy_takes_nothing_from_another() -> None:
    book = compile_book(
        {"default": {"MAX_AGE": 1, "ALLOW_HEADERS": []}, "public": {"ALLOW_ORIGINS": ["*"]}}
    )
    assert book.policies["public"].max_age == 3600
    assert "content-type" in book.policies["public"].allow_headers


@pytest.mark.parametrize("config", [None, [], "default", [{"ALLOW_ORIGINS": []}]])
def test_no_dictionary(config: object) -> None:
    with pytest.raises(PolicyErrors, match="is not a dictionary of policies"):
        compile_book(config)


def test_every_problem_of_every_policy_is_named() -> None:
    with pytest.raises(PolicyErrors) as caught:
        compile_book(
            {
                "default": {"MAX_AGE": -1, "ALLOW_ORIGINS": ["https://a.example/", "b.example"]},
                7: {},
                "public": {"ALLOW_CREDENTIALS": 1, "TYPO": 1, "PATHS": ["/a/"]},
                "third": [],
                "fine": {"PATHS": ["/b/"]},
                "fourth": {"PATHS": ["/b/"]},
            }
        )
    assert [(error.id, error.key) for error in caught.value.errors] == [
        ("E005", "CORS_POLICIES['default']['ALLOW_ORIGINS'][0]"),
        ("E005", "CORS_POLICIES['default']['ALLOW_ORIGINS'][1]"),
        ("E004", "CORS_POLICIES['default']['MAX_AGE']"),
        ("E001", "CORS_POLICIES"),
        ("E002", "CORS_POLICIES['public']"),
        ("E003", "CORS_POLICIES['public']['ALLOW_CREDENTIALS']"),
        ("E001", "CORS_POLICIES['third']"),
        ("E015", "CORS_POLICIES['fourth']['PATHS'][0]"),
    ]


def test_a_path_may_stand_twice_in_one_policy() -> None:
    """Settings put together from lists need not be weeded."""
    assert ruled(compile_book({"a": {"PATHS": ["/a/", "/a/"]}}), "/a/") == "a"


def test_book_is_compiled_once_and_again_when_settings_change(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://a.example"]}}
    book = policy_book()
    assert policy_book() is book
    settings.USE_TZ = False
    assert policy_book() is book
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://b.example"]}}
    assert policy_book().policies["default"].judge("https://b.example")
    assert not policy_book().policies["default"].judge("https://a.example")


def test_missing_setting_allows_nobody(settings: Any) -> None:
    del settings.CORS_POLICIES
    assert policy_book().policies == {}
    assert policy_book().rule_path("/") is None


def test_wrong_setting_is_never_kept(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"MAX_AGE": "1"}}
    for _ in range(2):
        with pytest.raises(PolicyErrors):
            policy_book()
