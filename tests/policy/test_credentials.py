"""Which entries are refused beside credentials."""

from __future__ import annotations

import re
from typing import Any

import pytest

from django_cors_policy.policy import credential_problems

from .compiled import APP, compiled, refused

MANY_NAMES = "|".join(f"name{number}" for number in range(40))


@pytest.mark.parametrize(
    ("entry", "ids"),
    [
        (APP, []),
        (f"{APP}:*", []),
        ("https://*.example.com", []),
        ("http://localhost:*", []),
        ("http://*.localhost:*", []),
        ("http://127.0.0.1:8000", []),
        ("http://[::1]:8000", []),
        ("capacitor://localhost", []),
        ("https://*.shop.github.io", []),
        ("https://github.io", []),  # exact: one site, not its neighbours
        (re.compile(r"https://[\w-]+\.example\.com"), []),
        (re.compile(r"http://localhost:\d+"), []),
        ("*", ["E007"]),
        ("null", ["E007"]),
        ("http://app.example.com", ["E008"]),
        ("http://10.0.0.1", ["E008"]),
        ("http://*.example.com", ["E008"]),
        (re.compile(r"https?://app\.example\.com"), ["E008"]),
        ("https://*.com", ["E009"]),
        ("https://*.co.uk", ["E009"]),
        ("https://*.github.io", ["E009"]),
        ("https://*.co.uk:*", ["E009"]),
        ("https://*.xn--p1ai", ["E009"]),
        ("https://*.рф", ["E009"]),
        (re.compile(r"https://.*\.github\.io"), ["E009"]),
        (re.compile(r"https://shop-[a-z0-9]+\.vercel\.app"), ["E009"]),
        (re.compile(r"https://example\.[a-z]+"), ["E009"]),
        (re.compile(r"https://[0-9a-f]+\.com"), ["E009"]),
        (re.compile(r"https://[a-z]{3,4}\.[a-z]{2,3}"), ["E009"]),
        (re.compile(r"chrome-extension://[a-p]{32}"), ["E009"]),
        ("https://*.amazonaws.com", ["E009"]),  # s3.amazonaws.com is anyone's
        (re.compile(r"https://.*\.amazonaws\.com"), ["E009"]),
        ("https://*.kawasaki.jp", ["E009"]),
        (re.compile(r"https://(?=app).+"), ["E022"]),
        (re.compile(r"https://(a)\1.*"), ["E022"]),
        # not tried, for one text could take for ever, or fill any memory
        (re.compile(r"https://(?:[a-z0-9]+-?){20,}\.example\.com"), ["E022"]),
        (re.compile(r"(?:[a-z0-9]+-?){20,}\.example\.com"), ["E022"]),
        (re.compile(r"https://([a-z]+)*\.github\.io"), ["E022"]),
        (re.compile(r"https://(?:[a-z.]+)+"), ["E022"]),
        (re.compile(r"(?:(?:(?:a{64}){64}){64}){64}"), ["E022"]),
        # slow for long texts alone, so it is tried
        (re.compile(r"https://.*-.*-.*-.*\.preview\.example\.com"), []),
        (re.compile(r"https://.*-.*-.*-.*\.github\.io"), ["E009"]),
        # the scheme is as open as it is written
        (re.compile(r"[a-z]+://app\.example\.com"), ["E008"]),
        (re.compile(r"\w+://app\.example\.com"), ["E008"]),
        (re.compile(r"(?:capacitor|tauri)://app\.example\.com"), []),
        # all branches are tried, the last as well
        (re.compile(rf"https://(?:{MANY_NAMES}|.*)[.]example[.]com"), []),
        (re.compile(rf"https://(?:{MANY_NAMES}|[a-z]+)[.]io"), ["E009"]),
        (re.compile(rf"https://(?:{MANY_NAMES})[.]example[.]com|http://x[.]test"), ["E008"]),
        (re.compile(r"https://example\.com|.*\.example\.net"), ["E008"]),
        (re.compile(r"https://(shop|blog)\.vercel\.app"), []),
        (re.compile(r"https://example\.(com|org)"), []),
        (re.compile(r"https://pr-\d+\.example\.com"), []),
        (re.compile(r"https://shop[12]\.example"), []),
        (re.compile(r"https?://[a-z]+\.localhost(:\d+)?"), []),
        (re.compile(r"https://192\.168\.\d+\.\d+"), []),
        ("http://*.com", ["E008", "E009"]),
        (re.compile(r"https?://\w+\.co\.uk"), ["E008", "E009"]),
        (re.compile(r"https://.*"), ["E017"]),
        (re.compile(r"https?://.+"), ["E017"]),
        (re.compile(r"https://.+:8443"), ["E017"]),
    ],
)
def test_with_credentials(entry: Any, ids: list[str]) -> None:
    """Whoever can speak as an allowed origin acts as the user; without credentials nobody does."""
    policy = compiled({"ALLOW_ORIGINS": [entry]})
    assert len(policy.origins) == 1
    config = {"ALLOW_ORIGINS": [entry], "ALLOW_CREDENTIALS": True}
    if ids:
        assert refused(config) == [(id, "['ALLOW_ORIGINS'][0]") for id in ids]
    else:
        assert compiled(config).allow_credentials


@pytest.mark.parametrize(
    ("entry", "risks"),
    [
        ("http://app.example.com", ["insecure-http"]),
        (re.compile(r"https?://app\.example\.com"), ["insecure-http"]),
        ("https://*.com", ["public-suffix"]),
        (re.compile(r"https://.*\.com"), ["public-suffix"]),
        ("http://*.com", ["public-suffix", "insecure-http"]),
    ],
)
def test_a_risk_taken_knowingly(entry: Any, risks: list[str]) -> None:
    config = {"ALLOW_ORIGINS": [entry], "ALLOW_CREDENTIALS": True, "ACCEPT_RISKS": risks}
    assert compiled(config).accept_risks == frozenset(risks)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (
            r"https://(a)\1",
            "the check cannot analyze what it matches or how long it takes",
        ),
        (r"https://([a-z]+)*[.]test", "it takes too many steps"),
        (r"https://(?:(?:(?:a?){90}){90}){90}!", "it is too large"),
        (r"(?:){4000000000}https://app[.]test", "it is too large"),
        (r"(?:a?){4000000000}https://app[.]test", "it is too large"),
        ("|".join(f"https://app{number}[.]test" for number in range(2000)), "it is too large"),
    ],
    ids=lambda text: text[:30],
)
def test_why_a_pattern_is_not_tried(pattern: str, reason: str) -> None:
    entry = re.compile(pattern)
    [error] = credential_problems(entry, [])
    assert error.id == "E022"
    assert error.reason == f"could not be tested ({reason}), and credentials are allowed"
    assert list(credential_problems(entry, ["untried-pattern"])) == []


@pytest.mark.parametrize(
    "entry", ["*", "null", re.compile(".*"), re.compile(r"https://(?:[a-z.]+)+")]
)
def test_a_risk_that_nobody_can_take(entry: Any) -> None:
    config = {
        "ALLOW_ORIGINS": [entry],
        "ALLOW_CREDENTIALS": True,
        "ACCEPT_RISKS": ["insecure-http", "public-suffix", "untried-pattern"],
    }
    assert len(refused(config)) == 1
