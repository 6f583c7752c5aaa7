"""Near misses, and the words that each gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cors_policy.conf import compile_book
from django_cors_policy.decorators import SAME_ORIGIN_ONLY, Declaration, DecoratorPlace
from django_cors_policy.hooks import hooks
from django_cors_policy.origins import OriginMatcher, split_origin
from django_cors_policy.policy import Place, Policy, compile_policy, parse_entry
from django_cors_policy.reasons import MOST_COMPARED, compare, nearest, suggest
from django_cors_policy.refusal_log import why_refused
from django_cors_policy.view_policies import derive_policy

from .ids import stable
from .test_hostile import HOSTILE_ORIGINS
from .wire import yes

APP = "https://app.example.com"
WILDCARD = "https://*.example.com"
LIST = "CORS_POLICIES['default']['ALLOW_ORIGINS']"

# What has the shape of an origin, and is none that a list can hold.
SHAPED = [
    "https://" + "a" * 64 + ".example.com",
    "https://999.1.1.1",
    "https://1.2.3",
    "https://[::1:]",
    "https://[::g]",
    "https://[1]:8443",
    "ws://app.example.com",
    "about://app.example.com",
    "file://app.example.com",
    "https://-",
    "https://xn--0.example.com",
    "a" * 65 + "://app.example.com",
]


def compiled(config: Mapping[str, Any], **more: Any) -> Policy:
    return compile_policy(config, Place("default"), **more)


@pytest.mark.parametrize(
    ("entry", "origin", "difference"),
    [
        # the port
        (APP, f"{APP}:8443", "port 443 instead of 8443"),
        (f"{APP}:8443", APP, "port 8443 instead of 443"),
        ("http://localhost:3000", "http://localhost:5173", "port 3000 instead of 5173"),
        ("http://localhost:3000", "http://localhost", "port 3000 instead of 80"),
        ("app://shop", "app://shop:1", "no port instead of 1"),
        ("app://shop:1", "app://shop", "port 1 instead of none"),
        # the scheme
        (APP, "http://app.example.com", "https instead of http"),
        ("http://app.example.com", APP, "http instead of https"),
        (APP, "http://app.example.com:443", "https instead of http"),
        (
            APP,
            "http://app.example.com:8000",
            "https instead of http and port 443 instead of 8000",
        ),
        (f"{APP}:*", "http://app.example.com:8000", "https instead of http"),
        # above and below
        (
            WILDCARD,
            "https://example.com",
            "which stands for the names below it and not for itself",
        ),
        (WILDCARD, "http://a.example.com", "https instead of http"),
        (WILDCARD, "https://a.example.com:1", "port 443 instead of 1"),
        (
            WILDCARD,
            "http://example.com",
            "which stands for the names below it and not for itself and https instead of http",
        ),
        ("https://example.com", APP, "which does not stand for the names below it"),
        (
            "https://example.com",
            "https://www.example.com",
            "which does not stand for the names below it",
        ),
        ("https://www.example.com", "https://example.com", "which is a name below it"),
        # this machine
        ("http://localhost:3000", "http://127.0.0.1:3000", "localhost instead of 127.0.0.1"),
        ("http://127.0.0.1:3000", "http://localhost:3000", "127.0.0.1 instead of localhost"),
        ("http://localhost:*", "http://[::1]:3000", "localhost instead of [::1]"),
        # a slip
        (APP, "https://app.exmaple.com", "another name"),
        (APP, "https://app.example.co", "another name"),
        (APP, "https://app-example.com", "another name"),
        (WILDCARD, "https://a.exampl.com", "another name"),
        # patterns
        (
            re.compile(r"https://pr-\d+\.example\.com"),
            "https://pr-12.example.com:8443",
            "which has to match to the end, and stops before it",
        ),
        (
            re.compile(r"https://app\.example"),
            APP,
            "which has to match to the end, and stops before it",
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
    assert compare([parsed], origin) == (None if difference is None else (0, difference))
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
    found = compare(map(parse_entry, entries), origin)
    assert (found[0] if found else None) == index


@pytest.mark.parametrize(
    ("config", "origin", "why"),
    [
        ({"ALLOW_ORIGINS": [APP]}, f"{APP}:1", f"{LIST}[0] is '{APP}', port 443 instead of 1"),
        (
            {"ALLOW_ORIGINS": ["https://a.test", re.compile(r"https://app\.example")]},
            APP,
            rf"{LIST}[1] is r'https://app\.example', which has to match to the end, and stops "
            "before it",
        ),
        (
            {"ALLOW_ORIGINS": ["https://bücher.example"]},
            "http://xn--bcher-kva.example",
            f"{LIST}[0] is 'https://xn--bcher-kva.example', https instead of http",
        ),
        ({"ALLOW_ORIGINS": [APP]}, "https://a.test", f"nothing in {LIST} comes near it"),
        ({"ALLOW_ORIGIN_FUNC": yes}, "https://a.test", f"nothing in {LIST} comes near it"),
        ({}, "https://a.test", "the policy allows no other origin"),
        (
            {"ALLOW_ORIGINS": [APP]},
            "null",
            f"pages without an origin of their own send it, and it is not in {LIST}",
        ),
        ({}, "null", "the policy allows no other origin"),
        *(
            ({"ALLOW_ORIGINS": [APP]}, origin, "no browser sends such an origin")
            for origin in (
                f"{APP}/",
                f"{APP}:443",
                APP.upper(),
                "",
                "*",
                f"{APP}, {APP}",
                "x" * 999,
            )
        ),
    ],
    ids=stable,
)
def test_why_refused(config: Mapping[str, Any], origin: str, why: str) -> None:
    assert why_refused(compiled(config), origin) == why


def test_without_a_list_rows_may_have_allowed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "origin_source", object())
    assert why_refused(compiled({}), APP) == f"nothing in {LIST} comes near it"
    assert why_refused(compiled({}, takes_rows=False), APP) == "the policy allows no other origin"


# -- Whose list it is -----------------------------------------------------------------------------


def derived(config: Mapping[str, Any], **overrides: Any) -> Policy:
    """``default`` with some fields replaced by a decorator on ``shop.views.orders``."""
    declaration = Declaration("default", "@cors_policy(...)", overrides)
    return derive_policy(compile_book({"default": config}), declaration, "shop.views.orders")


OURS = {"ALLOW_ORIGINS": [f"{APP}:1"]}
THEIRS = {"ALLOW_ORIGINS": [f"{APP}:2"]}
REHEARSED = {"ALLOW_ORIGINS": ["*"], "REPORT_ONLY": OURS}
ON = "@cors_policy(...) on shop.views.orders"


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        (compiled(OURS), f"{LIST}[0]"),
        (derived(OURS), f"{LIST}[0]"),
        (derived(OURS, MAX_AGE=60), f"{LIST}[0]"),
        (derived(OURS, **THEIRS), f"{ON}: allow_origins[0]"),
        # rehearsals
        (
            compiled(REHEARSED).rehearsal,
            "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_ORIGINS'][0]",
        ),
        (
            derived(REHEARSED, MAX_AGE=60).rehearsal,
            "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_ORIGINS'][0]",
        ),
        (derived(REHEARSED, **THEIRS).rehearsal, f"{ON}: allow_origins[0]"),
        (derived(OURS, REPORT_ONLY=THEIRS).rehearsal, f"{ON}: report_only['ALLOW_ORIGINS'][0]"),
        (
            derived(REHEARSED, REPORT_ONLY=THEIRS).rehearsal,
            f"{ON}: report_only['ALLOW_ORIGINS'][0]",
        ),
    ],
)
def test_the_place_is_where_the_list_is_written(policy: Policy, place: str) -> None:
    near = nearest(policy, APP)
    assert near is not None
    assert near.place == place
    assert why_refused(policy, APP).startswith(f"{place} is ")


def test_nobody_s_list_is_the_decorator_s() -> None:
    place = DecoratorPlace(SAME_ORIGIN_ONLY, "shop.views.account")
    assert place.written_at("ALLOW_ORIGINS") is place


# -- Hostile --------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [*HOSTILE_ORIGINS, *SHAPED], ids=lambda text: repr(text[:40]))
def test_it_never_raises(origin: str) -> None:
    policy = compiled(
        {"ALLOW_ORIGINS": [APP, WILDCARD, "http://localhost:*", re.compile("https://a"), "null"]}
    )
    why = why_refused(policy, origin)
    assert why.isprintable()
    assert len(why) < 500
    if split_origin(origin) is None and origin != "null":
        assert why == "no browser sends such an origin"


@given(
    scheme=st.from_regex(r"[a-z][a-z0-9+.-]*", fullmatch=True),
    host=st.from_regex(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]", fullmatch=True),
    port=st.integers(0, 70_000),
)
def test_whatever_has_the_shape_of_an_origin(scheme: str, host: str, port: int) -> None:
    entries = list(map(parse_entry, (APP, WILDCARD, "http://127.0.0.1:*", "capacitor://localhost")))
    for origin in (f"{scheme}://{host}", f"{scheme}://{host}:{port}"):
        found = compare(entries, origin)
        assert found is None or found[1]


def test_of_a_long_list_the_beginning_is_compared() -> None:
    """The rest is nobody's to read, and a stranger's to have compared."""
    others = [f"https://{number}.test" for number in range(MOST_COMPARED - 1)]
    assert nearest(compiled({"ALLOW_ORIGINS": [*others, APP]}), f"{APP}:1") is not None
    assert (
        nearest(compiled({"ALLOW_ORIGINS": ["https://x.test", *others, APP]}), f"{APP}:1") is None
    )


# -- What was meant -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://App.Example.com/page?x=1", APP),
        ("app.example.com", APP),
        (APP, APP),
        ("null", "null"),
        ("*", None),
        ("any", None),
        ("no origin at all", None),
        ("", None),
    ],
)
def test_suggest(text: str, origin: str | None) -> None:
    assert suggest(text) == origin
