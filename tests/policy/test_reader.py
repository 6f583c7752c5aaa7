"""What a policy's dictionary becomes. What is refused, and in which words: test_checks."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.policy import DEFAULTS, Place, compile_policy
from tests.ids import stable

from .compiled import APP, compiled, refused
from .test_values import by_hand, by_hand_async


def test_a_number_of_thousands_of_digits_is_refused_in_words() -> None:
    with pytest.raises(PolicyErrors) as caught:
        compile_policy({"MAX_AGE": 10**5000}, Place("default"))
    assert str(caught.value) == (
        "CORS_POLICIES['default']['MAX_AGE']: A very large number is too large. "
        "Write 86400: no browser caches a preflight for longer."
    )


def test_defaults() -> None:
    policy = compiled({})
    assert policy.rehearsal is None
    assert {
        field: getattr(policy, field.lower())
        for field in DEFAULTS
        if field not in {"ALLOW_ORIGINS", "REPORT_ONLY"}
    } == {
        "ALLOW_ORIGIN_FUNC": None,
        "ALLOW_METHODS": ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "PUT"),
        "ALLOW_HEADERS": (
            "accept",
            "authorization",
            "content-type",
            "user-agent",
            "x-csrftoken",
            "x-requested-with",
        ),
        "ALLOW_CREDENTIALS": False,
        "EXPOSE_HEADERS": (),
        "MAX_AGE": 3600,
        "PATHS": None,
        "ALLOW_PRIVATE_NETWORK": False,
        "VARY": (),
        "ACCEPT_RISKS": frozenset(),
    }
    assert policy.origins == ()
    assert policy.grant_for(APP) is None


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        ({"ALLOW_METHODS": ["PUT"]}, "allow_methods", ("GET", "HEAD", "POST", "PUT")),
        ({"ALLOW_METHODS": ["GET", "PUT"]}, "allow_methods", ("GET", "HEAD", "POST", "PUT")),
        ({"ALLOW_METHODS": []}, "allow_methods", ("GET", "HEAD", "POST")),
        ({"ALLOW_METHODS": ["*"]}, "allow_methods", ("*",)),
        ({"ALLOW_METHODS": ["purge"]}, "allow_methods", ("GET", "HEAD", "POST", "purge")),
        ({"ALLOW_METHODS": ["PROPFIND"]}, "allow_methods", ("GET", "HEAD", "POST", "PROPFIND")),
        ({"ALLOW_HEADERS": ["X-A", "x-b"]}, "allow_headers", ("x-a", "x-b")),
        ({"ALLOW_HEADERS": ["*"]}, "allow_headers", ("*",)),
        ({"ALLOW_HEADERS": ["*", "authorization"]}, "allow_headers", ("*",)),
        ({"ALLOW_HEADERS": ("Authorization", "*")}, "allow_headers", ("*",)),
        ({"ALLOW_HEADERS": []}, "allow_headers", ()),
        # Useless, and kept: a check names them.
        (
            {"ALLOW_HEADERS": ["Cookie", "Sec-Fetch-Site", "Access-Control-Allow-Origin"]},
            "allow_headers",
            ("cookie", "sec-fetch-site", "access-control-allow-origin"),
        ),
        (
            {"EXPOSE_HEADERS": ["Set-Cookie", "Authorization"]},
            "expose_headers",
            ("set-cookie", "authorization"),
        ),
        ({"ALLOW_HEADERS": ("x-a",)}, "allow_headers", ("x-a",)),
        ({"ALLOW_HEADERS": {"x-a"}}, "allow_headers", ("x-a",)),
        ({"ALLOW_HEADERS": frozenset({"x-a"})}, "allow_headers", ("x-a",)),
        ({"EXPOSE_HEADERS": ["X-A"]}, "expose_headers", ("x-a",)),
        ({"EXPOSE_HEADERS": ["*"]}, "expose_headers", ("*",)),
        ({"MAX_AGE": 0}, "max_age", 0),
        ({"MAX_AGE": None}, "max_age", None),
        ({"MAX_AGE": datetime.timedelta(days=1, seconds=2)}, "max_age", 86402),
        ({"MAX_AGE": datetime.timedelta(seconds=1.9)}, "max_age", 1),
        ({"PATHS": ["/api/"]}, "paths", ("/api/",)),
        ({"PATHS": ["/v1.0/~me/größe/"]}, "paths", ("/v1.0/~me/größe/",)),
        ({"PATHS": [re.compile("/a")]}, "paths", (re.compile("/a"),)),
        ({"ALLOW_PRIVATE_NETWORK": True}, "allow_private_network", True),
        ({"VARY": ["X-Tenant"]}, "vary", ("x-tenant",)),
        ({"ACCEPT_RISKS": ["insecure-http"]}, "accept_risks", frozenset({"insecure-http"})),
        ({"ALLOW_ORIGIN_FUNC": by_hand}, "allow_origin_func", by_hand),
        ({"ALLOW_ORIGIN_FUNC": "tests.policy.test_values.by_hand"}, "allow_origin_func", by_hand),
        ({"ALLOW_ORIGIN_FUNC": "tests.policy.test_values:by_hand"}, "allow_origin_func", by_hand),
        ({"ALLOW_ORIGIN_FUNC": by_hand_async}, "allow_origin_func", by_hand_async),
        (MappingProxyType({"MAX_AGE": 1}), "max_age", 1),
    ],
)
def test_value(config: Mapping[str, Any], field: str, value: object) -> None:
    assert getattr(compiled(config), field) == value


def test_is_frozen() -> None:
    config = {"ALLOW_ORIGINS": [APP]}
    policy = compiled(config)
    config["ALLOW_ORIGINS"] = ["*"]
    assert policy.config["ALLOW_ORIGINS"] == [APP]
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.max_age = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.config["MAX_AGE"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("config", "key", "id"),
    [
        ([], "", "E001"),
        (None, "", "E001"),
        ("https://app.example.com", "", "E001"),
        ({5: 1}, "", "E002"),
        # of every list: a string, one thing, nothing
        *(
            ({key: value}, f"[{key!r}]", "E003")
            for key in (
                "ALLOW_ORIGINS",
                "ALLOW_METHODS",
                "ALLOW_HEADERS",
                "EXPOSE_HEADERS",
                "VARY",
                "ACCEPT_RISKS",
                "PATHS",
            )
            for value in ("*", b"*", 5, True, {"*": 1}, re.compile("x"), range(2))
        ),
        # of every list of names: no string
        *(
            ({key: [None]}, f"[{key!r}][0]", "E003")
            for key in ("ALLOW_METHODS", "ALLOW_HEADERS", "EXPOSE_HEADERS", "VARY", "ACCEPT_RISKS")
        ),
        *(
            ({key: 1}, f"[{key!r}]", "E003")
            for key in ("ALLOW_CREDENTIALS", "ALLOW_PRIVATE_NETWORK")
        ),
        ({"MAX_AGE": "60"}, "['MAX_AGE']", "E003"),
        ({"MAX_AGE": 1.5}, "['MAX_AGE']", "E003"),
        ({"MAX_AGE": True}, "['MAX_AGE']", "E003"),
        ({"MAX_AGE": -1}, "['MAX_AGE']", "E004"),
        ({"MAX_AGE": 10**12}, "['MAX_AGE']", "E004"),
        ({"MAX_AGE": datetime.timedelta(seconds=-0.5)}, "['MAX_AGE']", "E004"),
        ({"ALLOW_ORIGINS": [None]}, "['ALLOW_ORIGINS'][0]", "E003"),
        ({"ALLOW_ORIGINS": [[APP]]}, "['ALLOW_ORIGINS'][0]", "E003"),
        ({"ALLOW_ORIGINS": [re.compile(b"x")]}, "['ALLOW_ORIGINS'][0]", "E003"),
        ({"ALLOW_ORIGINS": [APP, "*"]}, "['ALLOW_ORIGINS'][1]", "E006"),
        ({"ALLOW_METHODS": ["TRACK"]}, "['ALLOW_METHODS'][0]", "E010"),
        ({"ALLOW_METHODS": [""]}, "['ALLOW_METHODS'][0]", "E010"),
        ({"ALLOW_METHODS": ["get"]}, "['ALLOW_METHODS'][0]", "E010"),
        ({"ALLOW_HEADERS": ["x-a:"]}, "['ALLOW_HEADERS'][0]", "E011"),
        ({"EXPOSE_HEADERS": ["x-a, x-b"]}, "['EXPOSE_HEADERS'][0]", "E011"),
        ({"ALLOW_HEADERS": ["*", "authorization", "x-a"]}, "['ALLOW_HEADERS']", "E006"),
        ({"ALLOW_HEADERS": ["*", "authorization", 5]}, "['ALLOW_HEADERS']", "E006"),
        ({"EXPOSE_HEADERS": ["*", "authorization"]}, "['EXPOSE_HEADERS']", "E006"),
        ({"ALLOW_METHODS": ["*", "authorization"]}, "['ALLOW_METHODS']", "E006"),
        ({"VARY": ["*"]}, "['VARY'][0]", "E011"),
        ({"VARY": ["x y"]}, "['VARY'][0]", "E011"),
        ({"PATHS": []}, "['PATHS']", "E014"),
        ({"PATHS": ()}, "['PATHS']", "E014"),
        ({"PATHS": set()}, "['PATHS']", "E014"),
        ({"PATHS": [None]}, "['PATHS'][0]", "E014"),
        ({"PATHS": [re.compile(b"/")]}, "['PATHS'][0]", "E014"),
        ({"PATHS": [re.compile(r"^api/")]}, "['PATHS'][0]", "E014"),
        ({"PATHS": ["/caf%C3%A9/"]}, "['PATHS'][0]", "E014"),
        ({"PATHS": [""]}, "['PATHS'][0]", "E014"),
        # as in a path() of a URLconf; it would wait for "<" in a path for ever
        ({"PATHS": ["/api/<int:pk>/"]}, "['PATHS'][0]", "E014"),
        ({"ACCEPT_RISKS": ["*"]}, "['ACCEPT_RISKS'][0]", "E016"),
    ],
    ids=stable,
)
def test_refused(config: object, key: str, id: str) -> None:
    assert refused(config) == [(id, key)]


def test_each_problem_is_named_once() -> None:
    """Though two keys look at the list of origins."""
    config = {"ALLOW_ORIGINS": APP, "ALLOW_ORIGIN_FUNC": by_hand}
    assert refused(config) == [("E003", "['ALLOW_ORIGINS']")]


@pytest.mark.parametrize("key", ["VARY", "ACCEPT_RISKS"])
def test_a_star_is_not_recommended_where_it_is_refused(key: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        compiled({key: ["*", "insecure-http"]})
    assert "['*']" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "key", "id"),
    [
        (True, "", "E001"),
        ([], "", "E001"),
        ("*", "", "E001"),
        ({5: 1}, "", "E002"),
        ({"TYPO": 1}, "", "E002"),
        ({"MAX_AGE": -1}, "['MAX_AGE']", "E004"),
        ({"ALLOW_ORIGINS": "*"}, "['ALLOW_ORIGINS']", "E003"),
        ({"ALLOW_ORIGINS": [APP, "x y"]}, "['ALLOW_ORIGINS'][1]", "E005"),
        ({"ALLOW_ORIGIN_FUNC": "nowhere.at_all"}, "['ALLOW_ORIGIN_FUNC']", "E013"),
        # Its own credentials decide about its origins, not those of the policy around it.
        (
            {"ALLOW_ORIGINS": ["http://a.example"], "ALLOW_CREDENTIALS": True},
            "['ALLOW_ORIGINS'][0]",
            "E008",
        ),
        ({"PATHS": ["/api/"]}, "", "E023"),
        ({"PATHS": "nonsense"}, "", "E023"),
        ({"PATHS": None}, "", "E023"),
        ({"REPORT_ONLY": {}}, "", "E023"),
        ({"REPORT_ONLY": None}, "", "E023"),
        ({"REPORT_ONLY": {"MAX_AGE": -1}}, "", "E023"),
    ],
    ids=stable,
)
def test_refused_in_rehearsal(config: object, key: str, id: str) -> None:
    assert refused({"REPORT_ONLY": config}) == [(id, f"['REPORT_ONLY']{key}")]


def test_all_is_told_at_once_of_policy_and_rehearsal() -> None:
    rehearsal = {"MAX_AGE": "1", "PATHS": [], "REPORT_ONLY": 5}
    assert refused({"MAX_AGE": -1, "REPORT_ONLY": rehearsal}) == [
        ("E004", "['MAX_AGE']"),
        ("E023", "['REPORT_ONLY']"),
        ("E023", "['REPORT_ONLY']"),
        ("E003", "['REPORT_ONLY']['MAX_AGE']"),
    ]


def test_a_rehearsal_is_a_policy_of_its_own() -> None:
    policy = compiled(
        {
            "ALLOW_ORIGINS": ["http://app.example.com"],
            "MAX_AGE": 5,
            "REPORT_ONLY": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True},
        }
    )
    rehearsal = policy.rehearsal
    assert rehearsal is not None
    assert (rehearsal.alias, rehearsal.rows_alias) == ("default", "default")
    assert rehearsal.max_age == 3600  # nothing is taken over
    assert rehearsal.grant_for(APP) is rehearsal.grant
    assert rehearsal.grant.credentials
    assert policy.grant_for(APP) is None
    assert str(rehearsal.place) == "CORS_POLICIES['default']['REPORT_ONLY']"
    assert rehearsal.rehearsal is None


def test_rows_add_to_a_rehearsal_where_they_add_to_the_policy() -> None:
    config = {"REPORT_ONLY": {"ALLOW_ORIGINS": [APP]}}
    policy = compile_policy(config, Place("default"), takes_rows=False)
    assert policy.rehearsal is not None
    assert policy.rehearsal.rows_alias is None


def test_none_is_no_rehearsal() -> None:
    assert compiled({"REPORT_ONLY": None}).rehearsal is None
    assert compiled({"REPORT_ONLY": {}}).rehearsal is not None
