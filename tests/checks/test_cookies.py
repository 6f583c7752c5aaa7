"""W008 and W009: cookies that browsers will not send to this site from an allowed origin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import call_command

from django_cors_policy.checks import check_cookies

from .common import CREDENTIALS, GOOD, ids, warning

FINE = (
    "If the origin and this server are on the same site (same scheme and registrable name), "
    "nothing is wrong: add this server's hosts to ALLOWED_HOSTS, or silence this check."
)


def test_w008_samesite(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.other.example"]
    settings.CORS_POLICIES = GOOD
    assert check_cookies() == [
        warning(
            "W008",
            "CORS_POLICIES['default']['ALLOW_CREDENTIALS']",
            "Pages on 'https://app.example.com' may send credentials, but SESSION_COOKIE_SAMESITE "
            "is 'Lax': browsers do not send the session cookie from another site.",
            f"{FINE} Otherwise set SESSION_COOKIE_SAMESITE = 'None' and SESSION_COOKIE_SECURE = "
            "True. Many browsers block third-party cookies even then.",
        )
    ]


def test_w009_secure(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.other.example"]
    settings.SESSION_COOKIE_SAMESITE = "None"
    settings.CORS_POLICIES = GOOD
    assert check_cookies() == [
        warning(
            "W009",
            "CORS_POLICIES['default']['ALLOW_CREDENTIALS']",
            "Pages on 'https://app.example.com' may send credentials, but the session cookie is "
            "not Secure: browsers reject cookies with SameSite=None that are not Secure.",
            f"Set SESSION_COOKIE_SECURE = True. {FINE}",
        )
    ]


@pytest.mark.parametrize(
    ("origin", "hosts", "samesite", "secure", "expected"),
    [
        ("https://app.example.com", ["api.other.example"], "Lax", True, ["W008"]),
        ("https://app.example.com", ["api.other.example"], "Strict", True, ["W008"]),
        # Django takes it in any case, and so do browsers
        ("https://app.example.com", ["api.other.example"], "lax", True, ["W008"]),
        # browsers take a missing attribute for Lax
        ("https://app.example.com", ["api.other.example"], False, True, ["W008"]),
        ("https://app.example.com", ["api.other.example"], "None", True, []),
        ("https://app.example.com", ["api.other.example"], "None", False, ["W009"]),
        # one site: every cookie is sent
        ("https://app.example.com", ["api.example.com"], "Lax", False, []),
        ("https://app.example.com", ["example.com"], "Strict", False, []),
        ("https://app.example.com", [".example.com"], "Strict", False, []),
        ("https://*.example.com", ["api.example.com"], "Lax", False, []),
        (re.compile(r"https://\w+\.example\.com"), ["api.example.com"], "Lax", False, []),
        ("http://localhost:3000", ["api.example.com"], "Lax", False, []),
        ("https://192.168.0.1", ["192.168.0.1"], "Lax", False, []),
        # nobody knows where the server is
        ("https://app.example.com", ["*"], "Lax", True, ["W008"]),
        ("https://app.example.com", [], "Lax", True, ["W008"]),
        # one name for many sites
        ("https://one.github.io", ["two.github.io"], "Lax", True, ["W008"]),
        (re.compile(r"https://\w+\.other\.example"), ["api.example.com"], "Lax", True, ["W008"]),
    ],
)
def test_cookies(
    settings: Any, origin: Any, hosts: list[str], samesite: Any, secure: bool, expected: list[str]
) -> None:
    settings.ALLOWED_HOSTS = hosts
    settings.SESSION_COOKIE_SAMESITE = samesite
    settings.SESSION_COOKIE_SECURE = secure
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [origin], **CREDENTIALS}}
    assert ids(check_cookies()) == expected


def test_no_credentials_no_cookies(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}}
    assert check_cookies() == []


@pytest.mark.parametrize("option", [["check"], ["check", "--deploy"]])
def test_deploy_checks_are_for_deployment(settings: Any, option: list[str], capsys: Any) -> None:
    settings.CORS_POLICIES = GOOD
    call_command(*option)
    assert ("django_cors_policy.W008" in capsys.readouterr().err) == ("--deploy" in option)
