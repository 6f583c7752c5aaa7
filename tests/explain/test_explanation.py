"""The explanation beside the real thing: requests through Django, played by a browser-like page."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils.html import escape
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.conf import compile_book
from django_cors_policy.decorators import cors_policy
from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.explain import Explanation, explain
from django_cors_policy.hooks import Refusal, hooks
from tests.page import Fetched, fetch_from

from .site import ADMIN_MIDDLEWARE, APP, ROW, hello, is_partner, is_partner_async
from .test_fixes import COMMON, LOCALE, OURS, SECURITY, apply

pytestmark = pytest.mark.usefixtures("small_site")


ORIGINS = [
    APP,
    "https://www.example.com:8443",
    "https://*.example.com",
    "https://example.com",
    "http://app.example.com",
    "http://localhost:*",
    re.compile(r"https://[a-z]+\.pattern\.example"),
    "null",
]
PAGES = [
    APP,
    "https://www.example.com:8443",
    "https://www.example.com",
    "https://example.com",
    "http://app.example.com",
    "http://localhost:5173",
    "https://a.pattern.example",
    "https://a.pattern.example.net",
    "https://partner.example",
    "https://stranger.example",
    "https://disabled.example",
    "http://row.example",
    "https://a.row.example",
    "https://expired.row.example",
    ROW,
    "null",
]
MIDDLEWARES = [
    *[[OURS]] * 8,
    [],
    [COMMON, OURS],
    [OURS, COMMON],
    [SECURITY, OURS, COMMON],
    [OURS, SECURITY, LOCALE, COMMON],
    [LOCALE, OURS],
]
PATHS = [
    *("plain", "api/plain", "public/plain", "orders", "decorated", "replaced", "narrow"),
    *("same", "translated", "de/translated", "nowhere"),
]


def random_policy(r: random.Random, alias: str) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "ALLOW_ORIGINS": r.choice([["*"], r.sample(ORIGINS, r.randint(1, 7))]),
        "ALLOW_CREDENTIALS": r.random() < 0.6,
        "ACCEPT_RISKS": ["insecure-http"],
    }
    choices = {
        "ALLOW_METHODS": [["*"], ["GET", "PATCH"], ["PUT", "PURGE"], []],
        "ALLOW_HEADERS": [["*"], [], ["x-debug", "content-type"]],
        "EXPOSE_HEADERS": [["*"], ["x-total-count"]],
        "MAX_AGE": [0, None],
        "ALLOW_ORIGIN_FUNC": [is_partner, is_partner_async],
        "PATHS": [["/api/"], ["/public/", "/plain"], [re.compile("/(or|na)")]],
    }
    for key, values in choices.items():
        if r.random() < (0.8 if key == "PATHS" and alias != "default" else 0.3):
            policy[key] = r.choice(values)
    return policy


def random_settings(r: random.Random) -> dict[str, Any]:
    while True:
        aliases = [alias for alias in ("default", "partner", "public") if r.random() < 0.95]
        policies = {alias: random_policy(r, alias) for alias in aliases}
        try:
            compile_book(policies)
        except PolicyErrors:
            continue
        return {
            "CORS_POLICIES": policies,
            "MIDDLEWARE": r.choice(MIDDLEWARES),
            "SECURE_SSL_REDIRECT": r.random() < 0.3,
            "PREPEND_WWW": r.random() < 0.1,
        }


def random_call(r: random.Random) -> dict[str, Any]:
    methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "patch", "delete", "PURGE"]
    names = ["Accept", "Authorization", "X-Debug", "X-CSRFToken", "Cookie"]
    types = ["", "text/plain", "application/json"]
    slash = "/" if r.random() < 0.8 else ""
    query = "?page=2" if r.random() < 0.2 else ""
    origin = r.choice([*PAGES, APP, APP, "https://a.pattern.example", "http://localhost:5173"])
    scheme = "https" if r.random() < (0.5 if origin.startswith("http:") else 0.95) else "http"
    return {
        "origin": origin,
        "method": r.choice([*methods, "GET", "GET", "POST", "PUT", "PATCH"]),
        "url": f"{scheme}://api.example.com/{r.choice(PATHS)}{slash}{query}",
        "headers": r.sample(names, r.choice([0, 0, 0, 0, 0, 1, 2])),
        "content_type": r.choice([*types, "", ""]),
        "credentials": r.random() < 0.3,
    }


def shown(headers: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in dict(headers).items()
        if name.startswith("Access-Control-") or name in {"Vary", "Location"}
    }


def is_as_meant(call: dict[str, Any], fetched: Fetched) -> bool:
    if fetched.response is None:
        return False
    method = fetched.response.wsgi_request.method
    return bool(method == call["method"].upper())


def assert_agrees(explanation: Explanation, call: dict[str, Any], fetched: Fetched) -> None:
    told = [
        (exchange.kind, int(exchange.response.line.split()[1]), shown(exchange.response.headers))
        for exchange in explanation.exchanges
    ]
    assert told == [(kind, status, shown(headers)) for kind, status, headers in fetched.exchanges]
    assert explanation.may_send == ("request" in [kind for kind, *_ in told])
    assert explanation.may_read == (fetched.response is not None)
    assert explanation.is_allowed == is_as_meant(call, fetched)
    assert explanation.readable_headers == fetched.readable


def assert_agrees_under_debug(explanation: Explanation, call: dict[str, Any]) -> None:
    """The body of a refused preflight says the same."""
    if not explanation.exchanges or " 403 " not in explanation.exchanges[0].response.line:
        return
    with override_settings(DEBUG=True):
        body = fetch_from(**call).bodies[0]
    because = f"The policy is {explanation.policy!r}, because of {explanation.because_of}."
    assert because in body
    _, why, *_ = body.splitlines()
    cause = explanation.causes[0]
    is_told_better = cause.code != "origin" or " is governed by " in cause.text
    assert is_told_better or why.removesuffix(".") in cause.text or "row " in cause.text


def assert_command_agrees(
    explanation: Explanation, call: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [call["origin"], call["method"], call["url"]]
    arguments += [f"--header={name}" for name in call["headers"]]
    arguments += [f"--content-type={call['content_type']}"] if call["content_type"] else []
    arguments += ["--credentials"] if call["credentials"] else []
    status = 0
    try:
        call_command("cors_explain", *arguments, format="json")
    except SystemExit as ending:
        status = int(str(ending.code))
    assert status == (0 if explanation.is_allowed else 1)
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(explanation.as_dict()))


def assert_admin_agrees(explanation: Explanation, call: dict[str, Any], user: User) -> None:
    url = reverse("admin:cors_policy_allowlist_allowedorigin_test")
    client = Client()
    client.force_login(user)
    asked = {**call, "headers": ", ".join(call["headers"])}
    asked["credentials"] = "on" if call["credentials"] else ""
    response: Any = client.get(url, asked, secure=True, headers={"Host": "www.api.example.com"})
    assert response.status_code == 200
    page = response.content.decode()
    assert escape(explanation.verdict) in page
    for cause in explanation.causes[:1]:
        assert escape(cause.text) in page
    assert response.context["explanation"].causes == explanation.causes


def seeds(quick: int, total: int) -> list[Any]:
    """A plain run tries the first few seeds; the others are slow."""
    return [
        *range(quick),
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(quick, total)),
    ]


@pytest.mark.parametrize("seed", seeds(1, 20))
def test_agrees_with_what_is_answered(
    seed: int, rows: None, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thousand calls in random projects, through command and admin as well."""
    r = random.Random(seed)  # noqa: S311
    user = User.objects.create_superuser("somebody")
    for _ in range(50):
        project = random_settings(r)
        call = random_call(r)
        try:
            with override_settings(**project):
                explanation = explain(**call)
                assert_agrees(explanation, call, fetch_from(**call))
                assert_agrees_under_debug(explanation, call)
                assert_command_agrees(explanation, call, capsys)
            # The admin needs some more, which may make another explanation of it.
            project["MIDDLEWARE"] = [*project["MIDDLEWARE"], *ADMIN_MIDDLEWARE]
            with override_settings(**project):
                assert_admin_agrees(explain(**call), call, user)
        except AssertionError as error:
            raise AssertionError(f"{call} in {project}") from error


@pytest.mark.parametrize("seed", seeds(3, 10))
def test_fixes_come_to_an_end(seed: int, rows: None, settings: Any) -> None:
    """Each round mends another mistake, until the call does what it was meant to do."""
    r = random.Random(seed)  # noqa: S311
    for _ in range(20):
        for name, value in random_settings(r).items():
            setattr(settings, name, value)
        call = random_call(r)
        codes: list[str] = []
        while (explanation := explain(**call)).causes:
            finding = explanation.causes[0]
            assert finding.code not in codes
            codes.append(finding.code)
            fix = next((fix for fix in finding.fixes if fix.where in ("settings", "script")), None)
            if fix is None:
                break  # a decorator's, say, which other tests apply
            apply(fix, settings, call, hello)
        else:
            assert is_as_meant(call, fetch_from(**call))


def test_verdicts(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, COMMON]
    stranger = "https://stranger.example"
    assert "cannot read" in explain(stranger, "GET", "/plain/").verdict
    assert "does not send" in explain(stranger, "PUT", "/plain/").verdict
    assert "does not reach the view" in explain(APP, "POST", "/plain").verdict
    assert "can read the response" in explain(APP, "POST", "/plain/").verdict


def test_what_allows(settings: Any, rows: None) -> None:
    settings.CORS_POLICIES = {
        "default": {
            "ALLOW_ORIGINS": [APP, re.compile(r"https://[a-z]+\.pattern\.example")],
            "ALLOW_ORIGIN_FUNC": is_partner,
        },
        "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/public/"]},
    }
    places = {
        APP: f"CORS_POLICIES['default']['ALLOW_ORIGINS'][0]: '{APP}'",
        "https://a.pattern.example": "CORS_POLICIES['default']['ALLOW_ORIGINS'][1]: "
        + repr(r"https://[a-z]+\.pattern\.example"),
        "https://partner.example": "CORS_POLICIES['default']['ALLOW_ORIGIN_FUNC']",
        "https://stranger.example": "",
    }
    # A row that counts for nothing allows nothing.
    AllowedOrigin.objects.create(origin="https://partner.example", is_enabled=False)
    for origin, place in places.items():
        assert explain(origin, "GET", "/plain/").allowed_by == place
    row = explain(ROW, "GET", "/plain/")
    assert row.allowed_by == f"row {row.row} of the allowlist: '{ROW}'"
    assert row.row == AllowedOrigin.objects.get(origin=ROW).pk
    assert explain(ROW, "GET", "/public/plain/").allowed_by.endswith("[0]: '*'")


def test_decorators_are_written_out_in_full(settings: Any) -> None:
    """A fix for one field leaves the others as they are."""
    settings.CORS_POLICIES = {"partner": {"ALLOW_ORIGINS": [APP]}}
    view = cors_policy(
        "partner",
        allow_origins=[re.compile(r"https://a\.example"), 'https://"'][:1],
        allow_origin_func=is_partner,
        max_age=None,
        allow_methods=("PUT",),
    )(hello)
    settings.ROOT_URLCONF = (path("here/", view),)
    (fix,) = explain(APP, "PUT", "/here/").causes[0].fixes
    assert fix.lines[-1] == (
        '@cors_policy("partner", '
        rf"""allow_origins=[re.compile(r'https://a\.example'), "{APP}"], """
        'allow_origin_func="tests.explain.site.is_partner", max_age=None, allow_methods=["PUT"])'
    )


# --- It does nothing but tell ---------------------------------------------------------------------

TEXT = st.text(max_size=40)
HOSTILE = (
    st.sampled_from(
        [
            *(
                "",
                "*",
                "null",
                "\x00",
                "\ud800",
                "https://",
                "//",
                "http://[",
                "https://[::1]:99999",
            ),
            *("https://a b", "https://ü.example", "https://a.example\r\nX: y", "/%00%ff%zz/\udc80"),
            *(
                "/..//../",
                "//evil.example/",
                "https://user:pw@api.example.com/",
                "ftp://a/",
                "/?\ud800",
            ),
            *("text/plain; charset=\x00", "a/b; charset*=utf-8''%00", "a" * 20_000),
        ]
    )
    | TEXT
    | TEXT.map("https://{}".format)
    | TEXT.map("https://api.example.com/{}".format)
    | TEXT.map("/{}".format)
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    origin=HOSTILE | st.just(APP),
    method=HOSTILE | st.just("PUT"),
    url=HOSTILE,
    headers=st.lists(HOSTILE, max_size=2),
    content_type=HOSTILE | st.just(""),
    credentials=st.booleans(),
    reads=st.lists(TEXT, max_size=2),
)
@pytest.mark.slow
def test_hostile_arguments(
    small_site: None, origin: str, method: str, url: str, **more: Any
) -> None:
    with contextlib.suppress(PolicyError):
        explanation = explain(origin, method, url, **more)
        lines = [exchange.request.line for exchange in explanation.exchanges]
        assert all(line.isascii() and line.isprintable() for line in lines)
        json.dumps(explanation.as_dict())


@pytest.mark.parametrize("argument", ["origin", "url", "content_type", "method", "headers"])
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(value=HOSTILE)
def test_each_hostile_argument(small_site: None, argument: str, value: str) -> None:
    call: dict[str, Any] = {"origin": APP, "method": "PUT", "url": "/plain/"}
    call[argument] = [value] if argument == "headers" else value
    with contextlib.suppress(PolicyError):
        explain(**call)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["*", "GET", "/"], "'*' is not an origin"),
        (["https://*.example.com", "GET", "/"], "is not an origin"),
        ([APP, "G T", "/"], "'G T' is not a method or a header name"),
        ([APP, "GET", "plain/"], "'plain/' is not an absolute path or an http(s) URL"),
        ([APP, "GET", "ftp://api.example.com/"], "is not an absolute path or an http(s) URL"),
        ([APP, "GET", "https://[::1/"], "is not a valid URL"),
    ],
)
def test_what_cannot_be_asked(arguments: list[str], reason: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(reason)):
        explain(*arguments)


def test_wrong_settings(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": "*"}}
    settings.MIDDLEWARE = []
    with pytest.raises(PolicyErrors):
        explain(APP, "GET", "/plain/")


class Recorder:
    def __init__(self) -> None:
        self.told: list[Refusal] = []

    def record(self, refusal: Refusal) -> None:
        self.told.append(refusal)


def test_nobody_is_told(
    rows: None, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(hooks, "recorder", recorder)
    caplog.set_level(logging.DEBUG)
    settings.CORS_POLICIES["default"]["REPORT_ONLY"] = {"ALLOW_ORIGINS": []}
    settings.CORS_POLICIES = dict(settings.CORS_POLICIES)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert not explain("https://stranger.example", "PUT", "/plain/").is_allowed
        assert not explain("https://stranger.example", "GET", "/plain/").is_allowed
        assert explain(APP, "PUT", "/plain/").is_allowed
    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert recorder.told == []
    assert "stranger.example" not in caplog.text
    assert not RefusedOrigin.objects.exists()
