"""The explanation beside the real thing: requests through Django, played by a browser-like page."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import get_urlconf, path, reverse, set_script_prefix, set_urlconf
from django.utils import timezone, translation
from django.utils.html import escape
from django.views import View
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy import refusals, sources
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.conf import compile_book
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.explain import Explanation, Finding, explain, playback
from django_cors_policy.refusals import Refusal

from .page import Fetched, fetch_from
from .test_misconfigurations import COMMON, CSRF, LOCALE, OURS, SECURITY, apply

APP, ROW = "https://app.example.com", "https://row.example"
API = "https://api.example.com"
ADMIN_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.method)


class Orders(View):
    """Each method has its own policy; others than these two have no handler."""

    @cors_policy("public")
    def get(self, request: HttpRequest) -> HttpResponse:
        return hello(request)

    @cors_policy("partner", allow_methods=["PUT"])
    def put(self, request: HttpRequest) -> HttpResponse:
        return hello(request)


urlpatterns: list[Any] = [
    path("admin/", admin.site.urls),
    path("plain/", hello),
    path("api/plain/", hello),
    path("public/plain/", hello),
    path("orders/", Orders.as_view()),
    path("decorated/", cors_policy("partner")(hello)),
    path("replaced/", cors_policy(allow_origins=[APP], allow_credentials=True)(hello)),
    path("narrow/", cors_policy(allow_methods=["GET"], allow_headers=["x-debug"])(hello)),
    path("same/", same_origin_only(hello)),
    *i18n_patterns(path("translated/", hello)),
]


def is_partner(origin: str, request: HttpRequest) -> bool:
    return "partner" in origin


async def is_partner_async(origin: str, request: HttpRequest) -> bool:
    return "partner" in origin


@pytest.fixture(autouse=True)
def small_site(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["*"]
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def rows(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    monkeypatch.setattr(sources, "source", allowlist)
    allowlist.reset()
    yesterday = timezone.now() - datetime.timedelta(days=1)
    for origin, fields in {
        ROW: {},
        "https://*.row.example": {"allow_credentials": False},
        "https://expired.row.example": {"expires_at": yesterday},
        "http://row.example": {},
        "https://disabled.example": {"is_enabled": False},
        "null": {"policy": "public"},
    }.items():
        AllowedOrigin.objects.create(origin=origin, **fields)


# --- It agrees with what is really answered -------------------------------------------------------

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
    is_told_better = cause.code != "origin" or " allows it, but what governs " in cause.text
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


@pytest.mark.parametrize("seed", seeds(2, 20))
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


# --- What does not block, and matters -------------------------------------------------------------


def notes(*arguments: Any, **options: Any) -> list[Finding]:
    explanation = explain(*arguments, **options)
    assert explanation.is_allowed
    return list(explanation.notes)


@pytest.mark.parametrize(
    ("arguments", "options", "project", "code", "text"),
    [
        ([f"{APP}/shop", "GET", "/plain/"], {}, {}, "taken-for", f"taken for '{APP}'"),
        ([API, "PUT", f"{API}:443/plain/"], {}, {}, "same-origin", "CORS is not asked"),
        ([API, "PUT", f"{API}/nowhere/"], {}, {}, "same-origin", "CORS is not asked"),
        ([APP, "GET", "/plain/"], {"headers": ["Cookie"]}, {}, "forbidden-header", "'cookie'"),
        ([APP, "GET", "/nowhere/"], {}, {}, "not-found", "may read a 404"),
        ([APP, "GET", "/plain"], {}, {}, "not-found", "one has /plain/"),
        ([APP, "GET", "/static/app.css"], {}, {"STATIC_URL": "/static/"}, "static", "runserver"),
        ([APP, "POST", "/orders/"], {}, {}, "method-not-allowed", "has nothing for POST"),
        (
            [APP, "GET", f"{API}/plain/"],
            {},
            {"ALLOWED_HOSTS": ["a.example"]},
            "allowed-hosts",
            "400",
        ),
        (
            [APP, "GET", f"{API}/plain/"],
            {},
            {"ALLOWED_HOSTS": [], "DEBUG": True},
            "allowed-hosts",
            "400",
        ),
        ([APP, "GET", "/plain"], {}, {"MIDDLEWARE": [OURS, COMMON]}, "append-slash", "follow"),
        (
            [APP, "GET", "/translated/"],
            {},
            {"MIDDLEWARE": [OURS, LOCALE]},
            "redirect",
            "/en/translated/",
        ),
        (
            [APP, "patch", "/plain/"],
            {},
            {"CORS_POLICIES": {"default": {"ALLOW_ORIGINS": ["*"], "ALLOW_METHODS": ["*"]}}},
            "method-case",
            "'patch'",
        ),
        (
            [APP, "GET", "/plain/"],
            {},
            {"MIDDLEWARE": [COMMON, CSRF, OURS]},
            "middleware-order",
            "MIDDLEWARE[0], MIDDLEWARE[1] stand before",
        ),
        (
            [APP, "GET", "/plain/"],
            {},
            {"MIDDLEWARE": [COMMON, OURS]},
            "middleware-order",
            "MIDDLEWARE[0] stands before",
        ),
        (
            [APP, "GET", "/plain/"],
            {"reads": ["Set-Cookie"]},
            {},
            "forbidden-response-header",
            "'set-cookie'",
        ),
        (
            [APP, "GET", "/plain/"],
            {"reads": ["x-b", "X-A"]},
            {},
            "expose",
            "'x-a' nor 'x-b'",
        ),
        (
            ["null", "POST", "/plain/"],
            {"credentials": False},
            {
                "MIDDLEWARE": [OURS, CSRF],
                "CORS_POLICIES": {"default": {"ALLOW_ORIGINS": ["null"]}},
            },
            "csrf",
            "from null",
        ),
    ],
)
def test_notes(
    settings: Any, arguments: list[str], options: Any, project: Any, code: str, text: str
) -> None:
    for name, value in project.items():
        setattr(settings, name, value)
    note = notes(*arguments, **options)[0]
    assert note.code == code
    assert text in note.text


@pytest.mark.parametrize(
    ("arguments", "options", "project"),
    [
        # All headers are readable, or those that are asked for.
        ([APP, "GET", "/plain/"], {"reads": ["x-a"]}, {"EXPOSE_HEADERS": ["*"]}),
        ([APP, "GET", "/plain/"], {"reads": ["x-a", "ETag"]}, {"EXPOSE_HEADERS": ["etag", "X-A"]}),
        # A header that the standard lets "*" not stand for, and credentials beside it.
        ([APP, "GET", "/plain/"], {"headers": ["Authorization"]}, {"ALLOW_HEADERS": ["*"]}),
        (
            [APP, "GET", "/plain/"],
            {"headers": ["Authorization"], "credentials": True},
            {"ALLOW_HEADERS": ["*"], "ALLOW_CREDENTIALS": True},
        ),
        # A header of multipart/form-data that needs no preflight.
        ([APP, "POST", "/plain/"], {"content_type": "multipart/form-data; boundary=a"}, {}),
    ],
)
def test_nothing_to_note(settings: Any, arguments: list[str], options: Any, project: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], **project}}
    assert notes(*arguments, **options) == []


class TestCookies:
    @pytest.mark.parametrize(
        ("page", "url", "project", "text"),
        [
            (APP, f"{API}/plain/", {}, "one site"),
            (APP, "/plain/", {}, "tell the whole URL in place of a path"),
            ("https://app.example.org", f"{API}/plain/", {}, "SameSite=Lax"),
            (
                "https://app.example.org",
                f"{API}/plain/",
                {"SESSION_COOKIE_SAMESITE": False},
                "another site",
            ),
            (
                "https://app.example.org",
                f"{API}/plain/",
                {"SESSION_COOKIE_SAMESITE": "none", "SESSION_COOKIE_SECURE": True},
                "block those of third parties",
            ),
            ("http://localhost:3000", "http://localhost:8000/plain/", {}, "one site"),
            # Schemes make sites, and a public suffix is none.
            ("http://localhost:3000", "https://localhost/plain/", {}, "another site"),
            ("https://a.github.io", "https://b.github.io/plain/", {}, "another site"),
            ("https://[::1]", "https://[::1]:8000/plain/", {}, "one site"),
        ],
    )
    def test_told(self, settings: Any, page: str, url: str, project: Any, text: str) -> None:
        risks = ["insecure-http"]
        settings.CORS_POLICIES = {
            "default": {
                "ALLOW_ORIGINS": [page],
                "ALLOW_CREDENTIALS": True,
                "ACCEPT_RISKS": risks,
            }
        }
        for name, value in project.items():
            setattr(settings, name, value)
        assert text in explain(page, "GET", url, credentials=True).cookies

    def test_csrf_cookie_as_well(self, settings: Any) -> None:
        page = "https://app.example.org"
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [page], "ALLOW_CREDENTIALS": True}}
        settings.MIDDLEWARE = [OURS, CSRF]
        settings.CSRF_TRUSTED_ORIGINS = ["http://app.example.org", "https://*.example.net"]
        found = notes(page, "POST", f"{API}/plain/", credentials=True)
        assert [note.code for note in found] == ["csrf", "csrf-token", "cookies"]
        assert "does not set 'x-csrftoken'" in found[1].text
        assert 'CSRF_COOKIE_SAMESITE = "None"' in found[2].fixes[0].lines

    def test_of_a_page_without_an_origin(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["null"], "ALLOW_HEADERS": ["x-a"]}}
        assert "of no site" in explain("null", "GET", "/plain/", credentials=True).cookies
        told = explain("null", "PUT", "/plain/", headers=["x-b"], credentials=True).cookies
        assert told == "No cookies: the request is not sent."


def test_forbidden_method() -> None:
    explanation = explain(APP, "TRACE", "/plain/")
    assert [cause.code for cause in explanation.causes] == ["forbidden-method"]
    assert explanation.verdict == "Blocked: the browser does not send the request."
    assert explanation.exchanges == ()


def test_verdicts(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, COMMON]
    stranger = "https://stranger.example"
    assert "may not read" in explain(stranger, "GET", "/plain/").verdict
    assert "does not send" in explain(stranger, "PUT", "/plain/").verdict
    assert "does not reach the view" in explain(APP, "POST", "/plain").verdict
    assert "may read the answer" in explain(APP, "POST", "/plain/").verdict


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


def test_no_setting_at_all(settings: Any) -> None:
    del settings.CORS_POLICIES
    (cause,) = explain(APP, "GET", "/plain/").causes
    assert cause.fixes[0].lines == (
        f'CORS_POLICIES = {{"default": {{"ALLOW_ORIGINS": ["{APP}"]}}}}',
    )


def test_row_that_nobody_can_read(rows: None) -> None:
    """One that was written around validation is compared with nothing."""
    AllowedOrigin.objects.filter(origin=ROW).update(origin=f"{ROW}/path")
    (cause,) = explain(ROW, "GET", "/plain/").causes
    assert "is 'https://*.row.example', which stands for the names below it" in cause.text


def test_so_many_headers_that_none_is_echoed(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_HEADERS": ["*"], "ALLOW_CREDENTIALS": True}
    }
    headers = [f"x-{number}-{'a' * 50}" for number in range(50)]
    (cause,) = explain(APP, "GET", "/plain/", headers=headers, credentials=True).causes
    assert "so many headers are not echoed" in cause.text


def test_decorator_that_is_wrong(settings: Any) -> None:
    """Its alias is gone from settings, which the system check says in full."""
    (cause,) = explain(APP, "GET", "/decorated/").causes
    assert cause.code == "decorator"
    assert "@cors_policy('partner')" in cause.text


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
        f'allow_origin_func="{__name__}.is_partner", max_age=None, allow_methods=["PUT"])'
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
        (["*", "GET", "/"], "'*' is no origin"),
        (["https://*.example.com", "GET", "/"], "is no origin"),
        ([APP, "G T", "/"], "'G T' is no method or header name"),
        ([APP, "GET", "plain/"], "'plain/' is no URL of a server"),
        ([APP, "GET", "ftp://api.example.com/"], "is no URL of a server"),
        ([APP, "GET", "https://[::1/"], "is no URL"),
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


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("HTTPS://API.Example.com:443", "https://api.example.com/"),
        (
            "https://ü.example:8443/a b/ü/?q=ü#frag",
            "https://xn--tda.example:8443/a%20b/%C3%BC/?q=%C3%BC",
        ),
        ("http://[0:0::1]:8000/%7Ea", "http://[::1]:8000/%7Ea"),
        ("https://user:pw@api.example.com/", "https://api.example.com/"),
        ("/plain/", "https://own.example/plain/"),
    ],
)
def test_urls_are_told_as_browsers_write_them(settings: Any, url: str, told: str) -> None:
    settings.ALLOWED_HOSTS = ["*", ".own.example"]
    assert explain("http://localhost:3000" if "[" in url else APP, "GET", url).url == told


@pytest.mark.parametrize(
    ("project", "origin", "told"),
    [
        ({"ALLOWED_HOSTS": [], "DEBUG": True}, APP, "https://localhost/plain/"),
        ({"ALLOWED_HOSTS": ["*"]}, APP, "https://this-server.invalid/plain/"),
        ({"ALLOWED_HOSTS": ["a.example"]}, "http://a.example:81", "http://a.example/plain/"),
        (
            {"ALLOWED_HOSTS": ["a.example"], "SECURE_SSL_REDIRECT": True},
            "http://a.example:81",
            "https://a.example/plain/",
        ),
    ],
)
def test_host_is_guessed_where_only_a_path_is_told(
    settings: Any, project: Any, origin: str, told: str
) -> None:
    for name, value in project.items():
        setattr(settings, name, value)
    assert explain(origin, "GET", "/plain/").url == told


class Recorder:
    def __init__(self) -> None:
        self.told: list[Refusal] = []

    def record(self, refusal: Refusal) -> None:
        self.told.append(refusal)


def test_nobody_is_told(
    rows: None, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(refusals.audience, "recorder", recorder)
    monkeypatch.setattr(refusals.audience, "log", True)
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


def test_without_the_allowlist(settings: Any) -> None:
    assert sources.source is None
    (cause,) = explain("https://stranger.example", "PUT", "/plain/").causes
    assert [fix.where for fix in cause.fixes] == ["settings"]


def test_database_down(rows: None) -> None:
    explain(ROW, "GET", "/plain/")
    with connection.execute_wrapper(_refuse_queries):
        explanation = explain(ROW, "GET", "/plain/")
        blocked = explain("https://stranger.example", "PUT", "/plain/")
    assert explanation.is_allowed
    assert (explanation.row, explanation.allowed_by) == (None, "")
    assert [cause.code for cause in blocked.causes] == ["origin"]
    for told in (explanation, blocked):
        assert "rows-unreadable" in [note.code for note in told.notes]


def _refuse_queries(*args: Any) -> Any:
    raise OperationalError("gone")


class TestAsAVisitor:
    """Whoever asks, it is told what a visitor's request would meet."""

    def test_language_and_urlconf_of_the_asker(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "PATHS": ["/en/"]}}
        settings.MIDDLEWARE = [OURS, LOCALE]
        set_urlconf("tests.urls")
        try:
            with translation.override("de"):
                explanation = explain(APP, "GET", "/en/translated/")
                assert translation.get_language() == "de"
            assert get_urlconf() == "tests.urls"
        finally:
            set_urlconf(None)
        assert explanation.is_allowed
        assert explanation.view == f"{__name__}.hello"

    @pytest.fixture
    def prefix(self, settings: Any) -> Iterator[None]:
        settings.FORCE_SCRIPT_NAME = "/app"
        set_script_prefix("/app/")
        yield
        set_script_prefix("/")

    @pytest.mark.parametrize("url", ["/app/api/plain", "/api/plain"])
    def test_script_prefix(self, settings: Any, prefix: None, url: str) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "PATHS": ["/api/"]}}
        settings.MIDDLEWARE = [OURS, COMMON]
        explanation = explain(APP, "GET", url)
        assert explanation.is_allowed
        assert explanation.exchanges[-1].request.line == "GET /app/api/plain/ HTTP/1.1"
        assert (explanation.path, explanation.view) == ("/api/plain/", f"{__name__}.hello")

    def test_async_function_in_a_thread_with_a_loop(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": is_partner_async}}

        async def ask() -> Explanation:
            return await asyncio.to_thread(explain, "https://partner.example", "PUT", "/plain/")

        assert asyncio.run(ask()).is_allowed
        assert explain("https://partner.example", "PUT", "/plain/").is_allowed


def test_redirects_without_end(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked as behind a proxy, whatever the script claims to be one."""
    settings.MIDDLEWARE = [OURS, SECURITY, COMMON]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_HEADERS": ["*"]}}
    url = "https://b.example/plain/"
    assert explain(APP, "GET", url, headers=["x-forwarded-proto"]).is_allowed
    monkeypatch.setattr(playback, "MOST_REDIRECTS", 0)
    explanation = explain(APP, "GET", "https://b.example/plain")
    assert [cause.code for cause in explanation.causes] == ["redirect-loop"]
    assert explanation.exchanges[-1].failure == "More than 0 redirects."
    assert not explanation.may_read
