"""Near misses, and the words that each gets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cors_policy.origins import OriginMatcher, nearest_entry
from django_cors_policy.policy import parse_entry
from tests.ids import stable

APP = "https://app.example.com"
WILDCARD = "https://*.example.com"


@pytest.mark.parametrize(
    ("entry", "origin", "difference"),
    [
        # the port
        (APP, f"{APP}:8443", "which has port 443 instead of 8443"),
        (f"{APP}:8443", APP, "which has port 8443 instead of 443"),
        ("http://localhost:3000", "http://localhost:5173", "which has port 3000 instead of 5173"),
        ("http://localhost:3000", "http://localhost", "which has port 3000 instead of 80"),
        ("app://shop", "app://shop:1", "which has no port instead of 1"),
        ("app://shop:1", "app://shop", "which has port 1 instead of none"),
        # the scheme
        (APP, "http://app.example.com", "which has https instead of http"),
        ("http://app.example.com", APP, "which has http instead of https"),
        (APP, "http://app.example.com:443", "which has https instead of http"),
        (
            APP,
            "http://app.example.com:8000",
            "which has https instead of http and has port 443 instead of 8000",
        ),
        (f"{APP}:*", "http://app.example.com:8000", "which has https instead of http"),
        # above and below
        (
            WILDCARD,
            "https://example.com",
            "which covers only the subdomains of example.com",
        ),
        (WILDCARD, "http://a.example.com", "which has https instead of http"),
        (WILDCARD, "https://a.example.com:1", "which has port 443 instead of 1"),
        (
            WILDCARD,
            "http://example.com",
            "which covers only the subdomains of example.com and has https instead of http",
        ),
        ("https://example.com", APP, "which does not cover subdomains"),
        (
            "https://example.com",
            "https://www.example.com",
            "which does not cover subdomains",
        ),
        ("https://www.example.com", "https://example.com", "which is a subdomain of example.com"),
        # this machine
        (
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "which has localhost instead of 127.0.0.1",
        ),
        (
            "http://127.0.0.1:3000",
            "http://localhost:3000",
            "which has 127.0.0.1 instead of localhost",
        ),
        ("http://localhost:*", "http://[::1]:3000", "which has localhost instead of [::1]"),
        # a slip
        (APP, "https://app.exmaple.com", "which has a slightly different host"),
        (APP, "https://app.example.co", "which has a slightly different host"),
        (APP, "https://app-example.com", "which has a slightly different host"),
        (WILDCARD, "https://a.exampl.com", "which has a slightly different host"),
        # patterns
        (
            re.compile(r"https://pr-\d+\.example\.com"),
            "https://pr-12.example.com:8443",
            "which matches only the beginning of the origin",
        ),
        (
            re.compile(r"https://app\.example"),
            APP,
            "which matches only the beginning of the origin",
        ),
        (re.compile(r"https://app\.example\.com$"), "https://api.example.com", None),
        # nothing near
        (APP, "https://stranger.test", None),
        (APP, "https://com.example.app", None),  # as long, and of the same letters
        (APP, "https://a", None),
        (WILDCARD, "https://stranger.test", None),
        ("http://localhost:3000", "https://stranger.test", None),
        ("null", APP, None),
        (APP, "null", None),
        # what allows the origin is no reason
        (APP, APP, None),
        (f"{APP}:*", f"{APP}:1", None),
        (WILDCARD, APP, None),
    ],
    ids=stable,
)
def test_near_misses(entry: Any, origin: str, difference: str | None) -> None:
    parsed = parse_entry(entry)
    assert nearest_entry([parsed], origin) == (None if difference is None else (0, difference))
    if difference is not None:
        assert OriginMatcher([parsed]).match(origin) is None


@pytest.mark.parametrize(
    ("entries", "origin", "index"),
    [
        # the nearest is named, not the first
        (["https://app.exmaple.com", "https://example.com", f"{APP}:8443"], APP, 2),
        (["https://api.example.com", "http://app.example.com", WILDCARD], f"{APP}:1", 2),
        (["http://example.com", WILDCARD], "https://example.com", 1),
        ([APP, "http://localhost:3000"], "http://127.0.0.1:3000", 1),
        (["https://stage.example.com", "https://apps.example.com"], APP, 1),
        # of two that are as near, the first
        ([f"{APP}:1", f"{APP}:2"], APP, 0),
        (["https://stranger.test"], APP, None),
        ([], APP, None),
    ],
)
def test_which_is_nearest(entries: list[str], origin: str, index: int | None) -> None:
    found = nearest_entry(map(parse_entry, entries), origin)
    assert (found[0] if found else None) == index


@given(
    scheme=st.from_regex(r"[a-z][a-z0-9+.-]*", fullmatch=True),
    host=st.from_regex(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]", fullmatch=True),
    port=st.integers(0, 70_000),
)
def test_whatever_has_the_shape_of_an_origin(scheme: str, host: str, port: int) -> None:
    entries = list(map(parse_entry, (APP, WILDCARD, "http://127.0.0.1:*", "capacitor://localhost")))
    for origin in (f"{scheme}://{host}", f"{scheme}://{host}:{port}"):
        found = nearest_entry(entries, origin)
        assert found is None or found[1]
