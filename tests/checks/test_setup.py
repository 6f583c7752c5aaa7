"""W001 and W005: the setting is missing, or settings of django-cors-headers are left."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

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


def translated(settings: Any, **old: Any) -> str:
    """The hint of W001 for a project that has only settings of django-cors-headers."""
    del settings.CORS_POLICIES
    for name, value in old.items():
        setattr(settings, name, value)
    [message] = [found for found in check_setup() if str(found.id).endswith("W001")]
    return str(message.hint)


OLD = {
    "CORS_ALLOWED_ORIGINS": ["https://app.example.com"],
    "CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://\w+\.example\.org$"],
    "CORS_ALLOW_CREDENTIALS": True,
    "CORS_ALLOW_METHODS": ["GET"],
    "CORS_PREFLIGHT_MAX_AGE": 0,
    "CORS_URLS_REGEX": r"^/api/.*$",
}


def test_w001_translates_old_settings(settings: Any) -> None:
    hint = translated(settings, **OLD)
    policies = (
        "CORS_POLICIES = {'default': {'ALLOW_ORIGINS': ['https://app.example.com', "
        r"re.compile(r'^https://\w+\.example\.org$')], 'ALLOW_CREDENTIALS': True, "
        "'ALLOW_METHODS': ['GET'], 'MAX_AGE': None, 'PATHS': ['/api/']}}"
    )
    assert hint == f"Write what your settings of django-cors-headers are here: {policies}."
    names: dict[str, Any] = {"re": re}
    exec(policies, names)  # noqa: S102 -- our own hint
    settings.CORS_POLICIES = names["CORS_POLICIES"]
    assert check_policies() == []
    allowed = Client().get("/api/", headers={"origin": "https://app.example.com"})
    assert allowed["Access-Control-Allow-Credentials"] == "true"


def test_w001_names_paths(settings: Any) -> None:
    """The old settings apply to all paths, the admin's included."""
    hint = translated(settings, CORS_ALLOW_ALL_ORIGINS=True)
    assert hint == (
        "Write what your settings of django-cors-headers are here: CORS_POLICIES = {'default': "
        "{'ALLOW_ORIGINS': ['*'], 'PATHS': ['/api/']}}. Your old settings apply to all paths. In "
        "PATHS, name those that other origins call."
    )


def test_w001_leaves_the_choice(settings: Any) -> None:
    hint = translated(settings, CORS_ALLOW_ALL_ORIGINS=True, CORS_ALLOW_CREDENTIALS=True)
    assert hint.startswith(
        "Your settings of django-cors-headers are CORS_POLICIES = {'default': {'ALLOW_ORIGINS': "
        "['*'], 'ALLOW_CREDENTIALS': True, 'PATHS': ['/api/']}}. This cannot be used as it is, "
        "so decide what to change. CORS_POLICIES['default']['ALLOW_ORIGINS'][0]: '*' "
    )
    assert ".." not in hint
    [error] = compile_error(settings)
    assert str(error.hint) in hint


def compile_error(settings: Any) -> list[Any]:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*"], "ALLOW_CREDENTIALS": True}}
    return check_policies()


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
