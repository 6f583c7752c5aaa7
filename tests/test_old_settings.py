"""What the settings of django-cors-headers mean as a policy."""

from __future__ import annotations

import re
from typing import Any

import pytest

from django_cors_policy.conf import compile_book
from django_cors_policy.old_settings import as_code, translate_settings

from .ids import stable

APP, ADMIN = "https://app.example.com", "https://admin.example.com"
PATTERN = r"^https://\w+\.example\.com$"

CASES: list[Any] = [
    ({}, {}),
    ({"CORS_ALLOWED_ORIGINS": [APP]}, {"ALLOW_ORIGINS": [APP]}),
    ({"CORS_ORIGIN_WHITELIST": (APP,)}, {"ALLOW_ORIGINS": [APP]}),
    # Named by hand: the repr of a set differs from process to process.
    pytest.param({"CORS_ALLOWED_ORIGINS": {APP, ADMIN}}, {"ALLOW_ORIGINS": [ADMIN, APP]}, id="set"),
    # The newer name wins, as there.
    ({"CORS_ALLOWED_ORIGINS": [APP], "CORS_ORIGIN_WHITELIST": [ADMIN]}, {"ALLOW_ORIGINS": [APP]}),
    ({"CORS_ALLOWED_ORIGINS": []}, {}),
    ({"CORS_ALLOWED_ORIGIN_REGEXES": [PATTERN]}, {"ALLOW_ORIGINS": [re.compile(PATTERN)]}),
    ({"CORS_ORIGIN_REGEX_WHITELIST": [PATTERN]}, {"ALLOW_ORIGINS": [re.compile(PATTERN)]}),
    (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [re.compile(PATTERN, re.IGNORECASE)]},
        {"ALLOW_ORIGINS": [re.compile(PATTERN, re.IGNORECASE)]},
    ),
    ({"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ALLOWED_ORIGINS": [APP]}, {"ALLOW_ORIGINS": ["*"]}),
    ({"CORS_ORIGIN_ALLOW_ALL": True}, {"ALLOW_ORIGINS": ["*"]}),
    ({"CORS_ALLOW_ALL_ORIGINS": False, "CORS_ORIGIN_ALLOW_ALL": True}, {}),
    ({"CORS_ALLOW_CREDENTIALS": True}, {"ALLOW_CREDENTIALS": True}),
    ({"CORS_ALLOW_METHODS": ("GET", "PUT")}, {"ALLOW_METHODS": ["GET", "PUT"]}),
    ({"CORS_ALLOW_HEADERS": ["x-a"]}, {"ALLOW_HEADERS": ["x-a"]}),
    ({"CORS_EXPOSE_HEADERS": ["x-b"]}, {"EXPOSE_HEADERS": ["x-b"]}),
    ({"CORS_PREFLIGHT_MAX_AGE": 60}, {"MAX_AGE": 60}),
    ({"CORS_PREFLIGHT_MAX_AGE": 0}, {"MAX_AGE": None}),
    ({"CORS_ALLOW_PRIVATE_NETWORK": True}, {"ALLOW_PRIVATE_NETWORK": True}),
    ({"CORS_URLS_REGEX": r"^/api/.*$"}, {"PATHS": ["/api/"]}),
    ({"CORS_URLS_REGEX": r"/api/v2"}, {"PATHS": ["/api/v2"]}),
    ({"CORS_URLS_REGEX": r"^/api/$"}, {"PATHS": [re.compile("^/api/$")]}),
    ({"CORS_URLS_REGEX": r"^/v[12]/"}, {"PATHS": [re.compile("^/v[12]/")]}),
    ({"CORS_URLS_REGEX": re.compile("^/api/")}, {"PATHS": [re.compile("^/api/")]}),
    ({"CORS_URLS_REGEX": r"^.*$"}, {}),
    ({"CORS_REPLACE_HTTPS_REFERER": True}, {}),
]


def use(settings: Any, old: dict[str, Any]) -> None:
    for name, value in old.items():
        setattr(settings, name, value)


@pytest.mark.parametrize(("old", "policy"), CASES, ids=stable)
def test_translation(settings: Any, old: dict[str, Any], policy: dict[str, Any]) -> None:
    use(settings, old)
    assert translate_settings() == policy
    # What is printed means the same, and is accepted.
    printed = eval(as_code({"default": policy}), {"re": re})  # noqa: S307 -- our own code
    assert printed == {"default": policy}
    assert compile_book(printed).policies


@pytest.mark.parametrize("value", [None, 3, "https://app.example.com"], ids=stable)
def test_values_of_a_wrong_type(settings: Any, value: Any) -> None:
    use(settings, {"CORS_ALLOWED_ORIGINS": value, "CORS_ALLOW_HEADERS": value})
    assert translate_settings() == {}


@pytest.mark.parametrize("value", ["https://(", 3], ids=stable)
def test_a_wrong_pattern_stays(settings: Any, value: Any) -> None:
    use(settings, {"CORS_ALLOWED_ORIGIN_REGEXES": [value]})
    assert translate_settings() == {"ALLOW_ORIGINS": [value]}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (re.compile(r"https://\d"), r"re.compile(r'https://\d')"),
        (re.compile(r"'\d"), r"""re.compile("'\\d")"""),
        (re.compile("a'\\"[:-1] + "x"), r"""re.compile("a'x")"""),
        (re.compile("(?i)a"), "re.compile(r'(?i)a', re.IGNORECASE)"),
        (re.compile("a", re.IGNORECASE | re.VERBOSE), "re.compile(r'a', re.IGNORECASE|re.VERBOSE)"),
        ([APP] * 20, f"[{', '.join([repr(APP)] * 20)}]"),
    ],
    ids=stable,
)
def test_code(value: object, code: str) -> None:
    assert as_code(value) == code
    assert eval(code, {"re": re}) == value  # noqa: S307 -- our own code
