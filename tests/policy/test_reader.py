"""What a policy's dictionary becomes. What is refused, and in which words: test_checks."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.policy import (
    DEFAULTS,
    Place,
    Policy,
    compile_policy,
    credential_problems,
    did_you_mean,
)
from tests.ids import stable

APP = "https://app.example.com"
MANY_NAMES = "|".join(f"name{number}" for number in range(40))


def compiled(config: Mapping[str, Any]) -> Policy:
    return compile_policy("default", config, Place("default"))


def refused(config: object) -> list[tuple[str, str]]:
    with pytest.raises(PolicyErrors) as caught:
        compile_policy("default", config, Place("default"))
    return [
        (error.id, error.key.removeprefix("CORS_POLICIES['default']"))
        for error in caught.value.errors
    ]


def test_a_number_of_thousands_of_digits_is_refused_in_words() -> None:
    with pytest.raises(PolicyErrors) as caught:
        compile_policy("default", {"MAX_AGE": 10**5000}, Place("default"))
    assert str(caught.value) == (
        "CORS_POLICIES['default']['MAX_AGE']: A very large number is too large. "
        "Write 86400: no browser keeps an answer longer."
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
    assert policy.judge(APP) is None


def by_hand(origin: str, request: object) -> bool:
    return False


async def by_hand_async(origin: str, request: object) -> bool:
    return False


def by_yielding(origin: str, request: object) -> Iterator[bool]:
    yield False


async def by_yielding_async(origin: str, request: object) -> AsyncIterator[bool]:
    yield False


class Yields:
    def __call__(self, origin: str, request: object) -> Iterator[bool]:
        yield False

    async def method(self, origin: str, request: object) -> AsyncIterator[bool]:
        yield False


class Callable:
    def __call__(self, origin: str, request: object, extra: int = 0) -> bool:
        return False

    def method(self, origin: str, request: object) -> bool:
        return False

    def narrow(self, origin: str) -> bool:
        return False


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
        ({"ALLOW_ORIGIN_FUNC": "tests.policy.test_reader.by_hand"}, "allow_origin_func", by_hand),
        ({"ALLOW_ORIGIN_FUNC": "tests.policy.test_reader:by_hand"}, "allow_origin_func", by_hand),
        ({"ALLOW_ORIGIN_FUNC": by_hand_async}, "allow_origin_func", by_hand_async),
        (MappingProxyType({"MAX_AGE": 1}), "max_age", 1),
    ],
)
def test_value(config: Mapping[str, Any], field: str, value: object) -> None:
    assert getattr(compiled(config), field) == value


@pytest.mark.parametrize(
    "func",
    [
        Callable(),
        Callable().method,
        functools.partial(by_hand),
        lambda origin, request: True,
        lambda *args: True,
        max,  # written in C, and tells nobody what it takes
    ],
)
def test_any_callable_of_two_arguments_will_do(func: Any) -> None:
    assert compiled({"ALLOW_ORIGIN_FUNC": func}).allow_origin_func is func


@pytest.mark.parametrize(
    "func",
    [
        5,
        "",
        "tests.policy.test_reader.by_yielding",
        by_yielding,
        by_yielding_async,
        functools.partial(functools.partial(by_yielding), request=None),
        functools.partial(Yields()),
        Yields(),
        Yields().method,
        "nowhere",
        "nowhere.at_all",
        "tests.policy.test_reader.missing",
        "tests.policy.test_reader",
        "not a path",
        Callable().narrow,
        lambda: True,
        lambda origin, *, request: True,
    ],
)
def test_no_function_of_two_arguments(func: Any) -> None:
    assert refused({"ALLOW_ORIGIN_FUNC": func}) == [("E013", "['ALLOW_ORIGIN_FUNC']")]


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


@pytest.mark.parametrize("path", ["*/api", "/api/(", "/api/[", "/a\\", "/*/x", "^/api/.*$"])
def test_hints_for_paths_can_be_followed(path: str) -> None:
    """A hint that writes a regular expression writes a valid one."""
    with pytest.raises(PolicyErrors) as caught:
        compiled({"PATHS": [path]})
    (error,) = caught.value.errors
    if found := re.search(r"re\.compile\((.*?)\), or", error.hint):
        re.compile(eval(found[1]))  # noqa: S307 -- a literal, by the line above


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
            "the check cannot read all of it, nor tell how long it takes",
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
    assert error.reason == f"could not be tried, for {reason}, and credentials are allowed"
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
    assert rehearsal.judge(APP) is rehearsal.grant
    assert rehearsal.grant.credentials
    assert policy.judge(APP) is None
    assert str(rehearsal.place) == "CORS_POLICIES['default']['REPORT_ONLY']"
    assert rehearsal.rehearsal is None


def test_rows_add_to_a_rehearsal_where_they_add_to_the_policy() -> None:
    config = {"REPORT_ONLY": {"ALLOW_ORIGINS": [APP]}}
    policy = compile_policy("default", config, Place("default"), takes_rows=False)
    assert policy.rehearsal is not None
    assert policy.rehearsal.rows_alias is None


def test_none_is_no_rehearsal() -> None:
    assert compiled({"REPORT_ONLY": None}).rehearsal is None
    assert compiled({"REPORT_ONLY": {}}).rehearsal is not None


@pytest.mark.parametrize(
    ("func", "origin", "asked"),
    [
        (by_hand, APP, True),
        (by_hand, "null", True),
        (by_hand, "https://a, https://b", False),
        (by_hand, "https://a\x00", False),
        (None, APP, False),
    ],
)
def test_asks_about(func: Any, origin: str, asked: bool) -> None:
    assert compiled({"ALLOW_ORIGIN_FUNC": func}).asks_about(origin) is asked


def test_func_grants_no_credentials_to_null() -> None:
    policy = compiled({"ALLOW_ORIGIN_FUNC": by_hand, "ALLOW_CREDENTIALS": True})
    assert policy.grant_by_func(APP).credentials
    assert not policy.grant_by_func("null").credentials


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("ALLOWED_ORIGINS", ["ALLOW_ORIGINS", "MAX_AGE"], "Did you mean 'ALLOW_ORIGINS'?"),
        ("allow_origins", ["ALLOW_ORIGINS", "MAX_AGE"], "Did you mean 'ALLOW_ORIGINS'?"),
        ("Max_Age", ["allow_origins", "max_age"], "Did you mean 'max_age'?"),
        ("insecure_http", ["insecure-http", "public-suffix"], "Did you mean 'insecure-http'?"),
        ("xyz", ["insecure-http", "public-suffix"], "Known are insecure-http, public-suffix."),
        (5, ["a", "b"], "Known are a, b."),
        ("default", [], "None is known."),
    ],
)
def test_did_you_mean(word: object, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
