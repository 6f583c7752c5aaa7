from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.conf import compile_book, policy_book
from django_cors_policy.exceptions import PolicyErrors


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


def test_book_is_compiled_once_and_again_when_settings_change(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://a.example"]}}
    book = policy_book()
    assert policy_book() is book
    settings.USE_TZ = False
    assert policy_book() is book
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://b.example"]}}
    assert policy_book().policies["default"].grant_for("https://b.example")
    assert not policy_book().policies["default"].grant_for("https://a.example")


def test_missing_setting_allows_nobody(settings: Any) -> None:
    del settings.CORS_POLICIES
    assert policy_book().policies == {}
    assert policy_book().rule_path("/") is None


def test_wrong_setting_is_never_kept(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"MAX_AGE": "1"}}
    for _ in range(2):
        with pytest.raises(PolicyErrors):
            policy_book()
