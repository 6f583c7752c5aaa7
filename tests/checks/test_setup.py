"""W001 and W005: the setting is missing, or settings of django-cors-headers are left."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.checks import check_policies, check_setup

from .common import warning


def test_w001_missing_setting(settings: Any) -> None:
    del settings.CORS_POLICIES
    assert check_setup() == [
        warning(
            "W001",
            "CORS_POLICIES",
            "The setting is missing, so no other origin is allowed.",
            "Write CORS_POLICIES = {'default': {'ALLOW_ORIGINS': ['https://app.example.com'], "
            "'PATHS': ['/api/']}}.",
        )
    ]


def test_no_policies_are_a_choice(settings: Any) -> None:
    settings.CORS_POLICIES = {}
    assert check_setup() == check_policies() == []


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("CORS_ALLOWED_ORIGINS", "ALLOW_ORIGINS"),
        ("CORS_ALLOWED_ORIGIN_REGEXES", "ALLOW_ORIGINS, as re.compile(...)"),
        ("CORS_ALLOW_ALL_ORIGINS", "ALLOW_ORIGINS: ['*']"),
        ("CORS_ALLOW_CREDENTIALS", "ALLOW_CREDENTIALS"),
        ("CORS_ALLOW_HEADERS", "ALLOW_HEADERS"),
        ("CORS_ALLOW_METHODS", "ALLOW_METHODS"),
        ("CORS_ALLOW_PRIVATE_NETWORK", "ALLOW_PRIVATE_NETWORK"),
        ("CORS_EXPOSE_HEADERS", "EXPOSE_HEADERS"),
        ("CORS_ORIGIN_ALLOW_ALL", "ALLOW_ORIGINS: ['*']"),
        ("CORS_ORIGIN_REGEX_WHITELIST", "ALLOW_ORIGINS, as re.compile(...)"),
        ("CORS_ORIGIN_WHITELIST", "ALLOW_ORIGINS"),
        ("CORS_PREFLIGHT_MAX_AGE", "MAX_AGE"),
        ("CORS_REPLACE_HTTPS_REFERER", "none, use Django's CSRF_TRUSTED_ORIGINS"),
        ("CORS_URLS_REGEX", "PATHS"),
    ],
)
def test_w005_leftovers(settings: Any, name: str, replacement: str) -> None:
    setattr(settings, name, None)
    assert check_setup() == [
        warning(
            "W005",
            name,
            "This setting of django-cors-headers has no effect here.",
            f"Its replacement in CORS_POLICIES: {replacement}. Delete the old setting.",
        )
    ]
