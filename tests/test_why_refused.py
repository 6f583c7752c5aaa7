"""Why an origin is refused, and where the list is written that comes near it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from django_cors_policy.conf import compile_book
from django_cors_policy.decorators import SAME_ORIGIN_ONLY, Declaration, DecoratorPlace
from django_cors_policy.hooks import hooks
from django_cors_policy.origins import MOST_COMPARED, split_origin
from django_cors_policy.policy import Place, Policy, compile_policy
from django_cors_policy.view_policies import derive_policy
from django_cors_policy.why_refused import nearest, why_refused

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
    ("config", "origin", "why"),
    [
        (
            {"ALLOW_ORIGINS": [APP]},
            f"{APP}:1",
            f"{LIST}[0] is '{APP}', which has port 443 instead of 1",
        ),
        (
            {"ALLOW_ORIGINS": ["https://a.test", re.compile(r"https://app\.example")]},
            APP,
            rf"{LIST}[1] is r'https://app\.example', which matches only the beginning of the "
            "origin",
        ),
        (
            {"ALLOW_ORIGINS": ["https://bücher.example"]},
            "http://xn--bcher-kva.example",
            f"{LIST}[0] is 'https://xn--bcher-kva.example', which has https instead of http",
        ),
        ({"ALLOW_ORIGINS": [APP]}, "https://a.test", f"{LIST} has no similar entry"),
        ({"ALLOW_ORIGIN_FUNC": yes}, "https://a.test", f"{LIST} has no similar entry"),
        ({}, "https://a.test", "the policy allows no other origin"),
        (
            {"ALLOW_ORIGINS": [APP]},
            "null",
            "'null' comes from pages such as sandboxed frames and local files, and is not in "
            f"{LIST}",
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
    assert why_refused(compiled({}), APP) == f"{LIST} has no similar entry"
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


def test_of_a_long_list_the_beginning_is_compared() -> None:
    """The rest is nobody's to read, and a stranger's to have compared."""
    others = [f"https://{number}.test" for number in range(MOST_COMPARED - 1)]
    assert nearest(compiled({"ALLOW_ORIGINS": [*others, APP]}), f"{APP}:1") is not None
    assert (
        nearest(compiled({"ALLOW_ORIGINS": ["https://x.test", *others, APP]}), f"{APP}:1") is None
    )
