from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from django_cors_policy.origins import (
    MAX_ORIGIN_LENGTH,
    Entry,
    OriginMatcher,
    OriginPattern,
    parse_origin,
    split_origin,
)
from django_cors_policy.origins.matcher import REMEMBERED

from .test_parser import LABELS, LONG_NAME, origin_like


def matcher(*entries: str | re.Pattern[str]) -> OriginMatcher:
    return OriginMatcher(
        entry if isinstance(entry, re.Pattern) or entry == "null" else parse_origin(entry)
        for entry in entries
    )


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("null", "null"),
        ("https://*.example.com", "https://app.example.com"),
        ("https://*.example.com", "https://a.b.c.example.com"),
        ("https://*.example.com", "https://xn--bcher-kva.example.com"),
        ("https://*.example.com:8443", "https://app.example.com:8443"),
        ("https://*.example.com:*", "https://app.example.com"),
        ("https://*.example.com:*", "https://app.example.com:8443"),
        ("https://app.example.com:*", "https://app.example.com"),
        ("https://app.example.com:*", "https://app.example.com:1"),
        ("http://localhost:*", "http://localhost:3000"),
        ("http://[::1]:*", "http://[::1]:3000"),
        ("http://127.0.0.1:*", "http://127.0.0.1:3000"),
        ("https://*.com", "https://example.com"),
        ("capacitor://*.localhost", "capacitor://app.localhost"),
    ],
)
def test_matches(entry: str, origin: str) -> None:
    assert str(matcher(entry).match(origin)) == entry


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        # another scheme, host or port
        ("https://app.example.com", "http://app.example.com"),
        ("https://app.example.com", "https://example.com"),
        ("https://app.example.com", "https://a.app.example.com"),
        ("https://app.example.com", "https://app.example.com:8443"),
        ("https://app.example.com:8443", "https://app.example.com"),
        ("https://app.example.com", "null"),
        # no wildcard is the apex, or a name that merely ends like it
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "https://evilexample.com"),
        ("https://*.example.com", "https://app.example.com.evil.example"),
        ("https://*.example.com", "https://.example.com"),
        ("https://*.example.com", "https://*.example.com"),
        # nor crosses schemes or ports
        ("https://*.example.com", "http://app.example.com"),
        ("https://*.example.com", "https://app.example.com:8443"),
        ("https://*.example.com:8443", "https://app.example.com"),
        ("https://*.example.com:*", "http://app.example.com:8443"),
        ("http://localhost:*", "https://localhost:3000"),
        ("http://localhost:*", "http://app.localhost:3000"),
        # nor matches what no browser sends
        ("https://*.example.com:*", "https://app.example.com:443"),
        ("https://*.example.com:*", "https://app.example.com:65536"),
        ("https://*.example.com:*", "https://app.example.com:*"),
        ("https://*.example.com", "https://APP.example.com"),
        ("https://*.example.com", "https://app.example.com/"),
        ("https://*.example.com", "https://a b.example.com"),
        ("https://*.example.com", "https://evil.example#.example.com"),
        ("https://*.example.com", "https://evil.example/.example.com"),
        ("https://*.example.com", "https://me@app.example.com"),
        ("https://*.example.com", "https://app.example.com\n"),
        ("https://*.example.com", "https://" + "a." * 200 + "example.com"),
        # nor an address
        ("https://*.com", "https://1.2.3.4"),
        ("https://*.com", "https://[::1]"),
    ],
)
def test_does_not_match(entry: str, origin: str) -> None:
    assert matcher(entry).match(origin) is None


@pytest.mark.parametrize(
    ("origin", "entry"),
    [
        ("https://a.b.example.com", "https://a.b.example.com"),
        ("https://a.b.example.com:1", "https://a.b.example.com:*"),
        ("https://x.b.example.com", "https://*.b.example.com"),
        ("https://x.y.example.com", "https://*.example.com"),
        ("https://x.y.example.com:8443", "https://*.example.com:8443"),
        ("https://x.y.example.com:1", "https://*.example.com:*"),
        # the longest suffix has no entry for this scheme; a shorter one has
        ("http://x.b.example.com", "http://*.example.com"),
        ("https://x.test", r"https://.\.test"),
        ("https://example.com", None),
    ],
)
def test_the_most_specific_entry_wins(origin: str, entry: str | None) -> None:
    entries = matcher(
        re.compile(r"https://.\.test"),
        re.compile(r"https://..*"),
        "http://*.example.com",
        "https://*.example.com:*",
        "https://*.example.com",
        "https://*.example.com:8443",
        "https://*.b.example.com",
        "https://a.b.example.com:*",
        "https://a.b.example.com",
    )
    found = entries.match(origin)
    assert (found.pattern if isinstance(found, re.Pattern) else str(found)) == (
        entry or r"https://..*"
    )


def test_all_matches_the_most_specific_first() -> None:
    specific_first = [
        "https://a.b.example.com",
        "https://a.b.example.com:*",
        "https://*.b.example.com",
        "https://*.example.com",
        "https://*.example.com:*",
    ]
    others = ["http://a.b.example.com", "https://*.a.b.example.com", "https://*.example.com:8443"]
    entries = matcher(re.compile("https://a.*"), *reversed(specific_first), *others)
    found = [str(entry) for entry in entries.matches("https://a.b.example.com")]
    assert found == [*specific_first, str(re.compile("https://a.*"))]


@pytest.mark.parametrize(
    ("pattern", "origin", "matches"),
    [
        (r"https://app\.example\.com", "https://app.example.com", True),
        # a pattern always matches in full, with or without anchors
        (r"https://app\.example\.com", "https://app.example.com.evil.example", False),
        (r"https://app\.example\.com", "https://app.example.com:8443", False),
        (r"app\.example\.com", "https://app.example.com", False),
        (r"^https://app\.example\.com$", "https://app.example.com", True),
        (r"https://a|https://app\.example\.com", "https://app.example.com", True),
        (r"(?i)HTTPS://APP\.EXAMPLE\.COM", "https://app.example.com", True),
        # a pattern that matches everything still sees only what a browser sends
        (r"(?s).*", "https://app.example.com", True),
        (r"(?s).*", "null", False),
        (r"(?s).*", "", False),
        (r"(?s).*", "https://APP.example.com", False),
        (r"(?s).*", "https://app.example.com\n", False),
        (r"(?s).*", "https://app.example.com, https://b.example", False),
        (r"(?s).*", "https://" + "a" * MAX_ORIGIN_LENGTH, False),
    ],
)
def test_pattern(pattern: str, origin: str, matches: bool) -> None:
    compiled = re.compile(pattern)
    assert matcher(compiled).match(origin) == (compiled if matches else None)


def test_what_is_remembered_is_bounded() -> None:
    entries = matcher("https://*.example.com", re.compile(r"https://a\.test"))
    for number in range(2 * REMEMBERED):
        assert entries.match(f"https://{number}.example.com") is not None
        assert entries.match(f"https://{number}.test") is None
        assert entries.match(f"https://{'a' * MAX_ORIGIN_LENGTH}{number}.test") is None
    remembered = entries._match_inexact.cache_info()
    assert remembered.currsize == remembered.maxsize == REMEMBERED
    assert remembered.misses == 4 * REMEMBERED  # none of the long ones
    assert str(entries.match("https://a.test")) == str(re.compile(r"https://a\.test"))


# -- The matcher agrees with the obvious one ------------------------------------------------------

names = st.lists(st.sampled_from(["a", "b", "app"]), min_size=1, max_size=4).map(".".join)
hosts = names | st.sampled_from(["127.0.0.1", "[::1]"])
schemes = st.sampled_from(["http", "https", "app"])
ports = st.sampled_from(["", "81", "8443"])
entries = st.builds(OriginPattern, schemes, names, ports | st.just("*"), st.booleans()) | st.builds(
    OriginPattern, schemes, hosts, ports | st.just("*")
)


def naive(entries: list[OriginPattern], origin: OriginPattern) -> OriginPattern | None:
    """Every entry asked in turn; the exact one before wildcards, the longer suffix first."""
    found = [
        entry
        for entry in entries
        if entry.scheme == origin.scheme
        and entry.port in (origin.port, "*")
        and (
            origin.host.endswith(f".{entry.host}")
            if entry.subdomains
            else origin.host == entry.host
        )
    ]
    return max(
        found,
        key=lambda entry: (not entry.subdomains, len(entry.host), entry.port != "*"),
        default=None,
    )


@given(st.lists(entries, max_size=12), st.builds(OriginPattern, schemes, hosts, ports))
def test_agrees_with_a_naive_matcher(entries: list[Entry], origin: OriginPattern) -> None:
    found = OriginMatcher(entries).match(str(origin))
    expected = naive(entries, origin)
    assert (found and str(found)) == (expected and str(expected))


@given(st.lists(entries, max_size=6), origin_like)
def test_never_raises(entries: list[Entry], text: str) -> None:
    assume(text not in map(str, entries))
    found = OriginMatcher(entries).match(text)
    assert found is None or split_origin(text) is not None


# -- Hostile text ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "is_sent"),
    [
        (f"https://{LABELS}", True),
        (f"https://6.{LABELS}", False),
        (f"https://{'a' * 63}.example", True),
        (f"https://{'a' * 64}.example", False),
        (f"https://example.{'a' * 64}", False),
        (f"https://{LONG_NAME}", True),
        (f"https://a{LONG_NAME}", False),
        (f"a://{LONG_NAME[1:]}.a:1", False),
        (f"{'s' * 64}://a", True),
        (f"{'s' * 65}://a", False),
        (f"http://[{':1' * 19}:]", True),
        (f"http://[{':1' * 20}]", False),
        ("http://[:]", False),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_no_pattern_sees_what_no_name_can_be(origin: str, is_sent: bool) -> None:
    """Patterns are tried on what is left: its length bounds what a stranger makes them cost."""
    assert (split_origin(origin) is not None) == is_sent
    anything = re.compile("(?s).*")
    assert (matcher(anything).match(origin) is not None) == is_sent
