"""Regular expressions are judged by what they match, so these tests are about patterns that people
write, and about origins that attackers register.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cors_policy.origins import split_origin
from django_cors_policy.patterns import (
    insecure_sample,
    matches_strangers,
    neighbour,
    open_name,
    samples,
)

APP = r"https://app\.example\.com"


@pytest.mark.parametrize(
    ("pattern", "sample"),
    [
        (APP, "https://app.example.com"),
        (rf"^{APP}$", "https://app.example.com"),
        (rf"\A{APP}\Z", "https://app.example.com"),
        (r"https?://localhost:\d+", "http://localhost:1"),
        (r"https?://localhost(:\d+)?", "https://localhost"),
        (r"https?://localhost(:\d+)?", "https://localhost:1"),
        (r"https://\w+\.example\.com", "https://a.example.com"),
        (r"https://[\w-]+\.example\.com", "https://a.example.com"),
        (r"https://[^.]+\.example\.com", "https://a.example.com"),
        (r"https://[^\W\d]\.example\.com", "https://a.example.com"),
        (r"https://\D\.example\.com", "https://a.example.com"),
        (r"https://\S\.example\.com", "https://a.example.com"),
        (r"https://[^\s/]\.example\.com", "https://a.example.com"),
        (r"https://\W\.example\.com", "https://-.example.com"),
        (r"https://[x-z]\.example\.com", "https://x.example.com"),
        (r"https://[q]\.example\.com", "https://q.example.com"),
        (r"https://[^a]\.example\.com", "https://b.example.com"),
        (r"https://.\.example\.com", "https://a.example.com"),
        (r"https://.{3}\.example\.com", "https://aaa.example.com"),
        (r"https://.+?\.example\.com", "https://a.example.com"),
        (r"https://(?:[a-z0-9-]+\.)*example\.com", "https://example.com"),
        (r"https://(?:[a-z0-9-]+\.)*example\.com", "https://a.example.com"),
        (r"https://(?P<name>app|admin)\.example\.com", "https://admin.example.com"),
        (r"https://(?!evil)\w+\.example\.com", "https://a.example.com"),
        (r"https://.*(?<!evil)\.example\.com", "https://a.example.com"),
        (r"(?i)HTTPS://APP\.EXAMPLE\.COM", "https://app.example.com"),
        (r"(?x) https:// app \. example \. com", "https://app.example.com"),
        (r".*\.example\.com", "https://a.example.com"),
        (r".*", "https://a"),
        (r"https://example\.(com|org|net)", "https://example.net"),
        (r"capacitor://.+", "capacitor://a"),
    ],
)
def test_samples(pattern: str, sample: str) -> None:
    assert sample in [str(origin) for origin in samples(re.compile(pattern))]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "example",
        r"https://app\.example\.com/",  # never matches an origin
        r"https://App\.example\.com",
        r"https://[^\S]\.example\.com",
        r"https://\s\.example\.com",
        r"https://[\s]\.example\.com",
        r"https://a{65}\.example\.com",  # no label is so long
        r"(https)://app\.example\.com(?(1)x|y)",  # nothing that the sampler knows
        r"https://(a|b)\.\1\.example\.com",
    ],
)
def test_no_samples(pattern: str) -> None:
    assert samples(re.compile(pattern)) == ()


@pytest.mark.skipif("sys.version_info < (3, 11)")
@pytest.mark.parametrize("pattern", [r"https://(?>a+)\.example\.com", r"https://a++\.example\.com"])
def test_samples_of_newer_syntax(pattern: str) -> None:
    assert [str(origin) for origin in samples(re.compile(pattern))] == ["https://a.example.com"]


parts = st.sampled_from(
    [
        "https://",
        "http://",
        "a",
        r"\.",
        ".",
        ".*",
        ".+?",
        "[a-z]+",
        r"\w",
        r"[^.]",
        "(a|b)",
        "(?:x)?",
        "example",
        r"\.com",
        r"(:\d+)?",
        "$",
        "^",
        "(?=.)",
        "{2}",
        "[^a]",
        r"\d*",
    ]
)


@given(st.lists(parts, max_size=8).map("".join))
def test_samples_match(text: str) -> None:
    """Whatever the pattern, its samples are origins that it matches, and no judge raises."""
    try:
        pattern = re.compile(text)
    except re.error:
        return
    for origin in samples(pattern):
        assert pattern.fullmatch(str(origin))
        assert split_origin(str(origin)) == (origin.scheme, origin.host, origin.port)
    matches_strangers(pattern)
    open_name(pattern)
    insecure_sample(pattern)
    if found := neighbour(pattern):
        meant, other, _ = found
        assert pattern.fullmatch(meant)
        assert pattern.fullmatch(other)


@pytest.mark.parametrize(
    "pattern",
    [
        r".*",
        r".+",
        r"https://.*",
        r"https?://.+",
        r"http://.*",
        r"https://[^/]+",
        r"https://\S+",
        r"[a-z]+://.*",
        r"https://[\w.-]+",
        r"https://[a-z]+\.[a-z]+",
        # the same with a port
        r"https://.+:8443",
        r"https://.+:\d+",
        r"https?://[\w.-]+:\d{4}",
    ],
)
def test_matches_strangers(pattern: str) -> None:
    assert matches_strangers(re.compile(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        APP,
        r"https?://localhost(:\d+)?",
        r".*\.example\.com",
        r"https://.*\.github\.io",
        r"https://.*\.com",
    ],
)
def test_matches_no_strangers(pattern: str) -> None:
    assert not matches_strangers(re.compile(pattern))


@pytest.mark.parametrize(
    ("pattern", "is_open"),
    [
        (r"https://.*\.com", True),
        (r"https://\w+\.com", True),
        (r"https://[a-z0-9-]+\.github\.io", True),
        (r"https://[a-z0-9-]+[.]github[.]io", True),
        (r"https://.*\.co\.uk(:\d+)?", True),
        (r"https://([a-z]+\.)+vercel\.app", True),
        (r"https://app\.example\.com|https://.*\.org", True),
        (r"https://.*\.(example\.com|net)", True),
        (APP, False),
        (r"https://.*\.example\.com", False),
        (r"https://(.*\.)?example\.co\.uk", False),
        (r"https://shop\.github\.io", False),
        (r"https://(one|two)\.github\.io", False),
        (r"https?://.*\.localhost", False),
        (r"http://127\.0\.0\.\d+", False),
    ],
)
def test_open_name(pattern: str, is_open: bool) -> None:
    """Whether two people could each have registered a name that matches."""
    found = open_name(re.compile(pattern))
    assert (found is not None) == is_open
    assert all(re.fullmatch(pattern, origin) for origin in found or ())


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        (r"https?://app\.example\.com", "http://app.example.com"),
        (r"http://app\.example\.com", "http://app.example.com"),
        (r"http.?://app\.example\.com", "http://app.example.com"),
        (r".*\.example\.com", "http://a.example.com"),
        (r"http.*\.example\.com", "http://a.example.com"),
        (r".*://app\.example\.com", "http://app.example.com"),
        (r"https?://10\.0\.0\.1:\d+", "http://10.0.0.1:1"),
        (APP, None),
        (r"https?://localhost:\d+", None),
        (r"http://.*\.localhost", None),
        (r"http://127\.0\.0\.1:\d+", None),
        (r"capacitor://localhost", None),
    ],
)
def test_insecure_sample(pattern: str, origin: str | None) -> None:
    assert insecure_sample(re.compile(pattern)) == origin


@pytest.mark.parametrize(
    ("pattern", "meant", "other", "why"),
    [
        (
            r"https://app.example\.com",
            "https://app.example.com",
            "https://appxexample.com",
            "a dot is not escaped",
        ),
        (
            r"https://app\.example.com",
            "https://app.example.com",
            "https://app.examplexcom",
            "a dot is not escaped",
        ),
        (
            r"https://.*example\.com",
            "https://example.com",
            "https://evilexample.com",
            "anything may stand before the name",
        ),
        (
            r"https://app\.example\.com.*",
            "https://app.example.com",
            "https://app.example.com.evil.example",
            "the end is open",
        ),
        (
            r"https://app\.example\.com[a-z.]*",
            "https://app.example.com",
            "https://app.example.com.evil.example",
            "the end is open",
        ),
        (
            r"https://app\.example\.com(evil.example)?",
            "https://app.example.com",
            "https://app.example.comevil.example",
            "the end is open",
        ),
    ],
)
def test_neighbour(pattern: str, meant: str, other: str, why: str) -> None:
    assert neighbour(re.compile(pattern)) == (meant, other, why)


@pytest.mark.parametrize(
    "pattern",
    [
        APP,
        r"https://[\w-]+\.example\.com",
        r"https://.*\.example\.com",  # a dot before the name is a border
        r"https://(.*\.)?example\.com(:\d+)?",
        r"https://example\.(com|org)",
        # same site: nobody else's
        r"https://a.b\.example\.com",
        r"https?://localhost:\d+",
        r"http://127\.0\.0\.1",
        # a name that ends in a number is an address or nothing: no browser sends the neighbours
        r"http://192.168.0.1:8000",
    ],
)
def test_no_neighbour(pattern: str) -> None:
    assert neighbour(re.compile(pattern)) is None
