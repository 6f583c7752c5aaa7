"""W007, W011, W013, W018 and W019: origins and patterns that allow other sites than was meant."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any

import pytest
from django.core import checks
from django.urls import path

from django_cors_policy.checks import check_local_origins, check_origins
from django_cors_policy.decorators import cors_policy
from tests.views import hello

from .common import CREDENTIALS, GOOD, ids, warning, warnings_about


def test_w007_neighbour(settings: Any) -> None:
    pattern = re.compile(r"https://app.example\.com")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://example.com", pattern]}}
    assert check_origins() == [
        warning(
            "W007",
            "CORS_POLICIES['default']['ALLOW_ORIGINS'][1]",
            r"re.compile(r'https://app.example\.com') matches 'https://app.example.com', "
            "but also 'https://appxexample.com': a dot is not escaped.",
            r"Escape each dot of the name (\.) and end the pattern with the name. Or write a "
            "wildcard such as 'https://*.example.com', which needs neither.",
        )
    ]


def test_w007_the_last_of_many_branches(settings: Any) -> None:
    names = "|".join(rf"name{number}\.example\.com" for number in range(40))
    pattern = re.compile(rf"https://(?:{names}|app.example\.com)")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [pattern]}}
    [found] = check_origins()
    assert found.id == "django_cors_policy.W007"
    assert "matches 'https://app.example.com', but also 'https://appxexample.com'" in found.msg


SLOW = [
    (r"https://([a-z]+)*\.example\.com", ["W011", "W013"]),
    (r"https://([a-z-]+\.?)+\.example\.com", ["W011", "W013"]),
    (r"(?:[a-z0-9]+-?){20,}\.example\.com", ["W011", "W013"]),
    (r"https://.*-.*-.*-.*\.preview\.example\.com", ["W013"]),
    (
        r"https://(?:[a-z0-9-]*-)?(?:[a-z0-9-]*-)?(?:[a-z0-9-]*-)?[a-z0-9-]*\.example\.com",
        ["W013"],
    ),
    (r"https://[\w-]*[\w.-]*[\w.-]*[\w.-]*\.example\.com", ["W013"]),
    # too large to be tried, and not slow
    (r"(?:(?:(?:a{64}){64}){64}){64}", ["W011"]),
    (r"https://[a-z0-9-]+-[a-z0-9-]+\.example\.com", []),
]


@pytest.mark.parametrize(("pattern", "expected"), SLOW)
def test_w013_slow_patterns(settings: Any, pattern: str, expected: list[str]) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [re.compile(pattern)]}}
    assert ids(check_origins()) == expected


def test_w011_and_w013(settings: Any) -> None:
    pattern = re.compile(r"https://([a-z]+)*\.example\.com")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [pattern]}}
    where = "CORS_POLICIES['default']['ALLOW_ORIGINS'][0]"
    assert check_origins() == [
        warning(
            "W011",
            where,
            r"re.compile(r'https://([a-z]+)*\.example\.com') could not be tested, because it "
            "takes too many steps.",
            "Origins are in lower case and have no path and no trailing slash. If the pattern "
            "matches only origins that you trust, silence this check. A list of origins or a "
            "wildcard is easier to check.",
        ),
        warning(
            "W013",
            where,
            r"re.compile(r'https://([a-z]+)*\.example\.com') takes more than 500,000 steps to "
            "reject some origins.",
            "An attacker can slow your server down with such origins. Avoid adjacent or nested "
            "repetitions that can match the same characters, or write a wildcard such as "
            "'https://*.example.com'.",
        ),
    ]


def test_w013_on_paths(settings: Any) -> None:
    paths = ["/api/", re.compile(r"/v\d+/"), re.compile(r"/(?:[a-z]+)+/x")]
    origins = ["https://app.example.com"]
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": origins, "PATHS": paths}}
    assert check_origins() == [
        warning(
            "W013",
            "CORS_POLICIES['default']['PATHS'][2]",
            "re.compile('/(?:[a-z]+)+/x') takes more than 500,000 steps to reject some paths.",
            "An attacker can slow your server down with such paths. Avoid adjacent or nested "
            "repetitions that can match the same characters, or write a prefix such as '/api/'.",
        )
    ]


@pytest.mark.parametrize("text", [r"/([a-z]+)*/(x)\2$", r"/(a)?(?:\w+)*(?(1)b|c)$"])
def test_w011_on_paths(text: str, settings: Any) -> None:
    """What cannot be judged is not passed over."""
    settings.CORS_POLICIES = {"default": {"PATHS": [re.compile(text)]}}
    [message] = check_origins()
    assert (message.id, message.obj) == (
        "django_cors_policy.W011",
        "CORS_POLICIES['default']['PATHS'][0]",
    )
    assert "It may take very long for some paths." in message.msg
    assert (message.hint or "").startswith("Write a prefix such as '/api/'.")


def test_w018_null(settings: Any) -> None:
    assert warnings_about(settings, ALLOW_ORIGINS=["https://app.example.com", "null"]) == [
        warning(
            "W018",
            "CORS_POLICIES['default']['ALLOW_ORIGINS'][1]",
            "'null' allows any site: every site can send it from a sandboxed frame.",
            "Write ['*'] if every site may read the responses. If not, remove 'null' and serve "
            "your own page from an origin such as 'http://localhost:3000'.",
        )
    ]


def test_w019_all_local_origins_of_a_policy(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {
            "ALLOW_ORIGINS": [
                "https://app.example.com",
                "http://localhost:*",
                "capacitor://localhost",
                re.compile(r"https?://127\.0\.0\.1(:\d+)?"),
            ],
            **CREDENTIALS,
        },
        "public": {"ALLOW_ORIGINS": ["http://localhost:*"], "PATHS": ["/public/"]},
    }
    assert check_local_origins() == [
        warning(
            "W019",
            "CORS_POLICIES['default']",
            "Credentials are allowed for 'http://localhost:*', 'capacitor://localhost', "
            r"re.compile(r'https?://127\.0\.0\.1(:\d+)?'): any program on a user's device can use "
            "such an origin and act as that user.",
            "For development, add such origins only if DEBUG is True, or read the list from the "
            "environment. In an app, send a token instead of cookies. If you accept the risk, "
            "silence this check.",
        )
    ]
    settings.DEBUG = True
    assert check_local_origins() == []


@pytest.mark.parametrize(
    ("origin", "is_local"),
    [
        ("http://localhost:3000", True),
        ("http://localhost", True),  # web views on Android
        ("https://localhost", True),
        ("http://127.0.0.1:3000", True),
        ("http://[::1]:3000", True),
        ("http://*.localhost:*", True),
        ("https://tauri.localhost", True),
        ("capacitor://localhost", True),
        ("ionic://localhost", True),
        ("tauri://localhost", True),
        (re.compile(r"http://localhost:\d+"), True),
        (re.compile(r"(capacitor|ionic)://localhost"), True),
        (re.compile(r"https://app\.example\.com|http://localhost:3000"), True),
        ("https://app.example.com", False),
        ("https://localhost.example.com", False),
        ("https://*.example.com", False),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", False),  # one extension's own
        (re.compile(r"https://\w+\.example\.com"), False),
    ],
)
def test_w019(settings: Any, origin: Any, is_local: bool) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [origin], **CREDENTIALS}}
    assert ids(check_local_origins()) == ["W019"] * is_local


def test_w019_comes_with_deploy_alone(settings: Any) -> None:
    settings.CORS_POLICIES = GOOD
    for deploy in (False, True):
        found = ids(checks.run_checks(include_deployment_checks=deploy))
        assert ("W019" in found) == deploy


def test_w019_in_decorators(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one allows the credentials or the origins, and not where it takes over both."""
    urlconf = ModuleType("urls_of_local_origins")
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path("one/", cors_policy(allow_credentials=True)(hello)),
        path("two/", cors_policy("sure", allow_origins=["tauri://localhost"])(hello)),
        path("three/", cors_policy("sure", max_age=60)(hello)),
    ]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["http://localhost:*"]},
        "sure": {"ALLOW_ORIGINS": ["http://localhost:*"], **CREDENTIALS},
    }
    assert [message.obj for message in check_local_origins()] == [
        "CORS_POLICIES['sure']",
        "@cors_policy('sure', allow_origins=['tauri://localhost']) on tests.views.hello",
        "@cors_policy(allow_credentials=True) on tests.views.hello",
    ]
