"""Which rows and settings allow an origin already. The admin's tests tell what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.allowlist.coverage import (
    Wildcards,
    allowed_by_settings,
    entries_that_allow,
    is_used,
    samples,
)
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.rows import parse_row
from django_cors_policy.conf import policy_book
from django_cors_policy.origins import OriginMatcher

from .conftest import add


@pytest.mark.parametrize(
    "entry", ["null", "https://a.example", "https://*.a.example", "http://*.a.example:*"]
)
def test_samples_are_allowed_by_what_they_stand_for(entry: str) -> None:
    parsed = parse_row(entry)
    assert all(map(OriginMatcher([parsed]).match, samples(parsed)))


def test_all_that_can_allow_an_origin_the_most_specific_first() -> None:
    assert entries_that_allow("https://a.b.example") == [
        "https://a.b.example",
        "https://a.b.example:*",
        "https://*.b.example",
        "https://*.b.example:*",
        "https://*.example",
        "https://*.example:*",
    ]
    assert entries_that_allow("nonsense") == []


def test_settings_that_allow_it(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["https://*.a.example"]},
        "open": {"ALLOW_ORIGINS": ["*"]},
    }
    default, public = policy_book().policies.values()
    assert "ALLOW_ORIGINS'][0]" in allowed_by_settings(default, parse_row("https://b.a.example"))
    assert allowed_by_settings(default, parse_row("https://a.example")) == ""
    assert "any origin" in allowed_by_settings(public, parse_row("https://a.example"))
    assert is_used(default)
    assert not is_used(public)


@pytest.mark.django_db
def test_wildcards_in_the_database_and_among_new_rows() -> None:
    policy = policy_book().policies["default"]
    add("https://*.a.example")
    new = [
        AllowedOrigin(origin=origin)
        for origin in ("https://x.a.example", "https://x.b.example", "https://*.b.example")
    ]
    wildcards = Wildcards(new, policy)
    assert [bool(wildcards.reason_against(row)) for row in new] == [True, True, False]
