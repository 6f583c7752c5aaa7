"""Classic mistakes: the explanation names the true one first, and its fix, taken literally, works.

Each is set up, shown to block a script, explained, mended as the explanation says, and tried again.
"""

from __future__ import annotations

import copy
import datetime
import re
import shlex
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.explain import Explanation, Finding, Fix, explain
from django_cors_policy.hooks import hooks
from tests.page import Fetched, fetch_from

from .by_hand import change_by_hand

OURS = "django_cors_policy.middleware.CorsPolicyMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
CORSHEADERS = "corsheaders.middleware.CorsMiddleware"

# The settings that a fix may speak of.
MENTIONED = (
    "ALLOWED_HOSTS",
    "CORS_POLICIES",
    "CSRF_COOKIE_SAMESITE",
    "CSRF_COOKIE_SECURE",
    "CSRF_TRUSTED_ORIGINS",
    "MIDDLEWARE",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_SECURE",
)

APP = "https://app.example.com"
API = "https://api.example.com"
ITEMS = f"{API}/items/"


def items(request: HttpRequest) -> HttpResponse:
    body = {"method": request.method, "session": "sessionid" in request.COOKIES}
    return JsonResponse(body, headers={"X-Total-Count": "2"})


def urls(view: Callable[..., Any] = items) -> tuple[Any, ...]:
    return (path("items/", view), *(path(f"{name}/items/", items) for name in ("public", "shop")))


def nobody(origin: str, request: HttpRequest) -> bool:
    return False


def policy(*origins: Any, **more: Any) -> dict[str, Any]:
    return {"default": {"ALLOW_ORIGINS": list(origins), **more}}


@dataclass(frozen=True)
class Row:
    origin: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """``fixes`` are where the first finding's fixes belong, each of which will do alone.

    ``then`` are the codes of what is found after it, where two mistakes come together.
    """

    id: str
    code: str
    text: str
    fixes: tuple[str, ...]
    call: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    view: Callable[..., Any] = items
    rows: tuple[Row, ...] = ()
    then: tuple[str, ...] = ()
    needs_session: bool = False
    reads: tuple[str, ...] = ()


def origin_case(id: str, entry: Any, origin: str, text: str, **more: Any) -> Case:
    settings = {"CORS_POLICIES": policy("https://first.example.net", entry)}
    call = {"origin": origin, **more.pop("call", {})}
    return Case(id, "origin", text, ("shell", "settings"), call, settings, **more)


YESTERDAY = timezone.now() - datetime.timedelta(days=1)
CASES = [
    # --- MIDDLEWARE
    Case(
        "no-middleware",
        "no-middleware",
        "is not in MIDDLEWARE",
        ("settings",),
        settings={"MIDDLEWARE": [COMMON]},
    ),
    Case(
        "https-redirect-before",
        "https-redirect",
        "do not follow redirects of preflights",
        ("script",),
        {
            "origin": "http://app.example.com",
            "url": "http://api.example.com/items/",
            "method": "PUT",
        },
        {
            "MIDDLEWARE": [SECURITY, OURS],
            "SECURE_SSL_REDIRECT": True,
            "CORS_POLICIES": policy("http://app.example.com"),
        },
    ),
    Case(
        "https-redirect-before-a-simple-request",
        "https-redirect",
        "so CORS headers are missing",
        ("script",),
        {"origin": "http://app.example.com", "url": "http://api.example.com/items/"},
        {
            "MIDDLEWARE": [SECURITY, OURS],
            "SECURE_SSL_REDIRECT": True,
            "CORS_POLICIES": policy("http://app.example.com"),
        },
    ),
    Case(
        "https-redirect-after",
        "https-redirect",
        "browsers send 'Origin: null'",
        ("script",),
        {"origin": "http://app.example.com", "url": "http://api.example.com/items/"},
        {
            "MIDDLEWARE": [OURS, SECURITY],
            "SECURE_SSL_REDIRECT": True,
            "CORS_POLICIES": policy("http://app.example.com"),
        },
    ),
    Case(
        "slash-before",
        "append-slash",
        "so CORS headers are missing",
        ("script",),
        {"url": f"{API}/items", "method": "POST"},
        {"MIDDLEWARE": [COMMON, OURS]},
    ),
    Case(
        "slash-before-a-preflight",
        "append-slash",
        "so CORS headers are missing",
        ("script",),
        {"url": f"{API}/items", "method": "PUT"},
        {"MIDDLEWARE": [COMMON, OURS]},
    ),
    Case(
        "slash-after",
        "append-slash",
        "as a GET, without the body",
        ("script",),
        {"url": f"{API}/items?page=2", "method": "POST"},
        {"MIDDLEWARE": [OURS, COMMON]},
    ),
    Case(
        "slash-with-debug",
        "append-slash",
        "answers this PUT with status 500",
        ("script",),
        {"url": f"{API}/items", "method": "PUT"},
        {"MIDDLEWARE": [OURS, COMMON], "DEBUG": True},
    ),
    Case(
        "language-prefix-and-its-policy",
        "redirect",
        "the policy for the called path applies",
        ("script",),
        {},
        {
            "MIDDLEWARE": [OURS, LOCALE],
            "CORS_POLICIES": policy(APP, PATHS=["/en/"]),
            "ROOT_URLCONF": tuple(i18n_patterns(path("items/", items))),
        },
    ),
    Case(
        "slash-without-a-redirect",
        "not-found",
        "No URL pattern matches /items, but one matches /items/",
        ("script",),
        {"url": f"{API}/items"},
        {"CORS_POLICIES": policy("https://other.example")},
        view=cors_policy(allow_origins=[APP])(items),
    ),
    Case(
        "www-prepended",
        "redirect",
        "browsers send 'Origin: null'",
        ("script",),
        {},
        {"MIDDLEWARE": [OURS, COMMON], "PREPEND_WWW": True},
    ),
    Case(
        "corsheaders-left-on-top",
        "two-middlewares",
        "its own rules change this response",
        ("settings",),
        {"method": "PUT"},
        {"MIDDLEWARE": [CORSHEADERS, OURS]},
    ),
    Case(
        "language-prefix",
        "redirect",
        "Django redirects /items/ to https://api.example.com/en/items/",
        ("script",),
        {"method": "POST"},
        {
            "MIDDLEWARE": [OURS, LOCALE, COMMON],
            "ROOT_URLCONF": tuple(i18n_patterns(path("items/", items))),
        },
    ),
    # --- Origins
    origin_case("http-in-the-list", "http://app.example.com", APP, "http instead of https"),
    origin_case(
        "https-in-the-list",
        APP,
        "http://app.example.com",
        "https instead of http",
        call={"url": "http://api.example.com/items/"},
    ),
    origin_case(
        "other-port",
        "http://localhost:3000",
        "http://localhost:5173",
        "port 3000 instead of 5173",
        call={"url": "http://localhost/items/"},
    ),
    origin_case(
        "www",
        "https://www.example.com",
        "https://example.com",
        "which is a subdomain of example.com",
    ),
    origin_case(
        "apex",
        "https://example.com",
        "https://www.example.com",
        "does not cover subdomains",
    ),
    origin_case(
        "apex-under-a-wildcard",
        "https://*.example.com",
        "https://example.com",
        "covers only the subdomains of example.com",
    ),
    origin_case(
        "address",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "localhost instead of 127.0.0.1",
        call={"url": "http://localhost/items/"},
    ),
    origin_case(
        "slip-of-a-letter", "https://app.exmaple.com", APP, "which has a slightly different host"
    ),
    origin_case(
        "pattern-stops",
        re.compile(r"https://(app|www)\.example\."),
        APP,
        "matches only the beginning of the origin",
    ),
    Case(
        "long-list",
        "origin",
        "'https://app5.example.com', which has a slightly different host",
        ("shell", "settings"),
        settings={"CORS_POLICIES": policy(*(f"https://app{n}.example.com" for n in range(5, 15)))},
    ),
    Case(
        "nobody-allowed",
        "origin",
        "allow",
        ("shell", "settings"),
        settings={"CORS_POLICIES": {"default": {}}},
    ),
    Case("null", "null", "sandboxed frames", ("settings",), {"origin": "null"}),
    Case(
        "null-with-credentials",
        "null",
        "the origin 'null' can never use them",
        ("script",),
        {"origin": "null", "credentials": True},
        {"CORS_POLICIES": policy(APP, ALLOW_CREDENTIALS=True, ALLOW_ORIGIN_FUNC="tests.wire.yes")},
    ),
    Case(
        "func-says-no",
        "origin",
        "['ALLOW_ORIGIN_FUNC'] did not allow it",
        ("shell", "settings"),
        settings={
            "CORS_POLICIES": policy("https://other.example", ALLOW_ORIGIN_FUNC=f"{__name__}.nobody")
        },
    ),
    # --- Policies and paths
    Case(
        "no-policy-at-all",
        "no-policy",
        "CORS_POLICIES defines no policies",
        ("settings",),
        settings={"CORS_POLICIES": {}},
    ),
    Case(
        "no-policy-for-the-path",
        "no-policy",
        "not in the PATHS of 'default'",
        ("settings",),
        settings={"CORS_POLICIES": policy(APP, PATHS=["/shop/", re.compile("/old/")])},
    ),
    Case(
        "no-default",
        "no-policy",
        "the path is not in the PATHS of 'shop'",
        ("settings",),
        settings={"CORS_POLICIES": {"shop": {"ALLOW_ORIGINS": [APP], "PATHS": ["/shop/"]}}},
    ),
    Case(
        "no-default-nor-paths",
        "no-policy",
        "no policy has PATHS",
        ("settings",),
        settings={"CORS_POLICIES": {"shop": {"ALLOW_ORIGINS": [APP]}}},
    ),
    Case(
        "language-without-policy",
        "no-policy",
        "the path /de/items/",
        ("settings",),
        {"url": f"{API}/de/items/"},
        {
            "MIDDLEWARE": [OURS, LOCALE],
            "CORS_POLICIES": policy(APP, PATHS=["/en/"]),
            "ROOT_URLCONF": tuple(i18n_patterns(path("items/", items))),
        },
    ),
    Case(
        "another-policy",
        "origin",
        "CORS_POLICIES['default'] allows it, but /shop/items/ is governed by 'shop'",
        ("shell", "settings"),
        {"url": f"{API}/shop/items/"},
        {
            "CORS_POLICIES": {
                **policy(APP),
                "shop": {"ALLOW_ORIGINS": ["https://shop.example"], "PATHS": ["/shop/"]},
            }
        },
    ),
    Case(
        "decorator-replaces-origins",
        "origin",
        "because of @cors_policy(",
        ("decorator",),
        {"method": "PUT"},
        view=cors_policy(allow_origins=["https://partner.example"], max_age=60)(items),
    ),
    Case(
        "decorator-names-a-policy",
        "method",
        "CORS_POLICIES['narrow']['ALLOW_METHODS']",
        ("settings",),
        {"method": "PUT"},
        {"CORS_POLICIES": {"narrow": {"ALLOW_ORIGINS": [APP], "ALLOW_METHODS": ["GET"]}}},
        view=cors_policy("narrow", max_age=60)(items),
    ),
    Case(
        "same-origin-only",
        "same-origin-only",
        "blocks all other origins",
        ("decorator",),
        {"method": "PUT"},
        view=same_origin_only(items),
    ),
    # --- Credentials
    Case(
        "any-with-credentials",
        "wildcard-with-credentials",
        "the policy allows any origin with '*'",
        ("script", "settings"),
        {"credentials": True},
        {"CORS_POLICIES": policy("*")},
    ),
    Case(
        "any-with-credentials-by-decorator",
        "wildcard-with-credentials",
        "allows any origin with '*'",
        ("script", "decorator+settings"),
        {"credentials": True, "method": "PUT"},
        view=cors_policy(allow_origins=["*"])(items),
    ),
    Case(
        "credentials",
        "credentials",
        "['ALLOW_CREDENTIALS'] is False",
        ("script", "settings"),
        {"credentials": True, "method": "PUT"},
    ),
    Case(
        "credentials-for-any",
        "credentials",
        "is False",
        ("script", "server"),
        {
            "origin": "http://app.example.com",
            "url": "http://api.example.com/items/",
            "credentials": True,
        },
        {"CORS_POLICIES": policy("http://app.example.com")},
    ),
    # --- Methods and headers
    Case("patch-in-lower-case", "method-case", "as 'patch'", ("script",), {"method": "patch"}),
    Case(
        "method",
        "method",
        "The method DELETE is not in CORS_POLICIES['default']['ALLOW_METHODS']",
        ("settings",),
        {"method": "DELETE"},
        {"CORS_POLICIES": policy(APP, ALLOW_METHODS=["GET", "POST"])},
    ),
    Case(
        "method-of-a-decorator",
        "method",
        "@cors_policy(allow_methods=['GET'])",
        ("decorator",),
        {"method": "DELETE"},
        view=cors_policy(allow_methods=["GET"])(items),
    ),
    Case(
        "header",
        "header",
        "The header 'x-debug' is not in",
        ("settings",),
        {"headers": ["X-Debug"]},
    ),
    Case(
        "content-type",
        "header",
        "which replaces the default list",
        ("settings",),
        {"method": "POST", "content_type": "application/json"},
        {"CORS_POLICIES": policy(APP, ALLOW_HEADERS=["x-debug"])},
    ),
    Case(
        "several-headers",
        "header",
        "The headers 'authorization' and 'x-debug' are not in",
        ("settings",),
        {"headers": ["X-Debug", "Authorization"]},
        {"CORS_POLICIES": policy(APP, ALLOW_HEADERS=[])},
    ),
    # --- Rows
    Case(
        "row-disabled",
        "row",
        "has no effect: disabled",
        ("shell",),
        {"origin": "https://row.example"},
        rows=(Row("https://row.example", {"is_enabled": False}),),
    ),
    Case(
        "row-of-a-policy-disabled-and-expired",
        "row",
        "has no effect: disabled",
        ("shell",),
        {"origin": "https://row.example", "url": f"{API}/shop/items/"},
        {"CORS_POLICIES": {"shop": {"PATHS": ["/shop/"]}}},
        rows=(
            Row(
                "https://row.example",
                {"is_enabled": False, "expires_at": YESTERDAY, "policy": "shop"},
            ),
        ),
    ),
    Case(
        "row-expired",
        "row",
        "has no effect: expired 1\N{NO-BREAK SPACE}day ago",
        ("shell",),
        {"origin": "https://row.example", "url": f"{API}/shop/items/"},
        {"CORS_POLICIES": {"shop": {"PATHS": ["/shop/"]}}},
        rows=(Row("https://row.example", {"expires_at": YESTERDAY, "policy": "shop"}),),
    ),
    Case(
        "wildcard-row-disabled",
        "row",
        "('https://*.row.example') covers the origin, but has no effect",
        ("shell",),
        {"origin": "https://a.row.example"},
        rows=(Row("https://*.row.example", {"is_enabled": False}),),
    ),
    Case(
        "row-refused",
        "row",
        "uses http",
        ("shell",),
        {"origin": "http://row.example", "url": "http://api.example.com/items/"},
        {"CORS_POLICIES": policy(APP, ALLOW_CREDENTIALS=True)},
        rows=(Row("http://row.example"),),
    ),
    Case(
        "row-without-credentials",
        "row-credentials",
        "does not allow them",
        ("script", "shell"),
        {"origin": "https://row.example", "credentials": True},
        {"CORS_POLICIES": policy(APP, ALLOW_CREDENTIALS=True)},
        rows=(Row("https://row.example", {"allow_credentials": False}),),
    ),
    Case(
        "row-with-a-slip",
        "origin",
        "is 'https://www.row.example', which is a subdomain of row.example",
        ("shell", "settings"),
        {"origin": "https://row.example"},
        rows=(Row("https://www.row.example"),),
    ),
    # --- What the browser does before it asks, and beside
    Case(
        "mixed-content",
        "mixed-content",
        "mixed content",
        ("script",),
        {"url": "http://api.example.com/items/"},
    ),
    Case(
        "cookie-from-another-site",
        "cookies",
        "SameSite=Lax",
        ("settings",),
        {"origin": "https://app.example.org", "credentials": True},
        {"CORS_POLICIES": policy("https://app.example.org", ALLOW_CREDENTIALS=True)},
        needs_session=True,
    ),
    Case(
        "cookie-not-secure",
        "cookies",
        "but not Secure",
        ("settings",),
        {"origin": "https://app.example.org", "credentials": True},
        {
            "CORS_POLICIES": policy("https://app.example.org", ALLOW_CREDENTIALS=True),
            "SESSION_COOKIE_SAMESITE": "None",
        },
        needs_session=True,
    ),
    Case(
        "secure-cookie-over-http",
        "secure-cookie",
        "uses http",
        ("script",),
        {
            "origin": "http://app.example.com",
            "url": "http://api.example.com/items/",
            "credentials": True,
        },
        {
            "CORS_POLICIES": policy(
                "http://app.example.com", ALLOW_CREDENTIALS=True, ACCEPT_RISKS=["insecure-http"]
            ),
            "SESSION_COOKIE_SECURE": True,
        },
        needs_session=True,
        then=("cookies",),
    ),
    Case(
        "csrf",
        "csrf",
        "not in CSRF_TRUSTED_ORIGINS",
        ("settings",),
        {"method": "POST", "credentials": True, "headers": ["x-csrftoken"]},
        {"MIDDLEWARE": [OURS, CSRF], "CORS_POLICIES": policy(APP, ALLOW_CREDENTIALS=True)},
    ),
    Case(
        "csrf-without-cookie",
        "csrf-token",
        "does not send the CSRF cookie",
        ("script",),
        {"method": "POST", "headers": ["x-csrftoken"]},
        {
            "MIDDLEWARE": [OURS, CSRF],
            "CORS_POLICIES": policy(APP, ALLOW_CREDENTIALS=True),
            "CSRF_TRUSTED_ORIGINS": ["https://*.example.com"],
        },
    ),
    Case(
        "header-not-exposed",
        "expose",
        "cannot read the response header 'x-total-count'",
        ("settings",),
        reads=("X-Total-Count",),
    ),
    # --- Two mistakes, and three
    Case(
        "origin-and-method",
        "origin",
        "http instead of https",
        ("shell", "settings"),
        {"method": "PUT"},
        {"CORS_POLICIES": policy("http://app.example.com", ALLOW_METHODS=["GET"])},
        then=("method",),
    ),
    Case(
        "everything",
        "no-policy",
        "not in the PATHS of 'default'",
        ("settings",),
        {"method": "delete", "headers": ["x-debug"], "credentials": True},
        {
            "CORS_POLICIES": policy(
                "https://app.example.org", PATHS=["/shop/"], ALLOW_METHODS=["GET"]
            )
        },
        then=("origin", "credentials", "method", "header"),
    ),
]

ALTERNATIVES = [
    pytest.param(case, index, id=f"{case.id}-{where}")
    for case in CASES
    for index, where in enumerate(case.fixes)
    if where != "server"
]


@pytest.fixture(autouse=True)
def project(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A project where all is well but for what a case says."""
    # The one of django-cors-headers need not be installed to be in the way.
    theirs = types.ModuleType("corsheaders.middleware")
    theirs.CorsMiddleware = AnswersPreflights  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "corsheaders", types.ModuleType("corsheaders"))
    monkeypatch.setitem(sys.modules, "corsheaders.middleware", theirs)
    monkeypatch.setattr(hooks, "origin_source", allowlist)
    allowlist.reset()
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    settings.ALLOWED_HOSTS = ["api.example.com", "www.api.example.com", "localhost"]
    settings.CORS_POLICIES = policy(APP)
    settings.ROOT_URLCONF = urls()


class AnswersPreflights:
    """As django-cors-headers does, for an origin that its settings do not allow."""

    status = 200
    headers: ClassVar = {"Content-Length": "0", "Vary": "origin"}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return HttpResponse(status=self.status, headers=self.headers)
        return self.get_response(request)


def set_up(case: Case, settings: Any) -> dict[str, Any]:
    """The project of a case, and the call that a script makes there."""
    settings.ROOT_URLCONF = urls(case.view)
    for name, value in case.settings.items():
        setattr(settings, name, copy.deepcopy(value) if name == "CORS_POLICIES" else value)
    for row in case.rows:
        AllowedOrigin.objects.create(origin=row.origin, **row.fields)
    return {"origin": APP, "method": "GET", "url": ITEMS, **case.call}


def explain_call(case: Case, call: dict[str, Any]) -> Explanation:
    return explain(**call, reads=case.reads)


def first_finding(explanation: Explanation) -> Finding:
    return (explanation.causes + explanation.notes)[0]


def works(case: Case, call: dict[str, Any], fetched: Fetched) -> bool:
    """Whether the script gets what its author meant to get."""
    if fetched.response is None or fetched.response.status_code != 200:
        return False
    body = fetched.response.json()
    return (
        body["method"] == call["method"].upper()
        and (body["session"] or not case.needs_session)
        and {name.lower() for name in case.reads} <= {name.lower() for name in fetched.readable}
    )


def apply(fix: Fix, settings: Any, call: dict[str, Any], view: Callable[..., Any]) -> None:
    """Do what a fix says, to the letter."""
    assert not fix.is_guess or fix.where == "decorator"
    if fix.where == "settings":
        # A name that only Django's defaults have is a NameError in a settings file.
        before = {
            name: getattr(settings, name) for name in MENTIONED if settings.is_overridden(name)
        }
        after = copy.deepcopy(before)
        exec("\n".join(fix.lines), {"re": re}, after)  # noqa: S102 -- that it runs is tested
        assert change_by_hand(fix, before) == after
        for name, value in after.items():
            if name not in before or value != before[name]:
                setattr(settings, name, value)
    elif fix.where == "shell":
        assert fix.code == fix.lines
        for line in fix.lines:
            python, manage, *words = shlex.split(line)
            assert (python, manage) == ("python", "manage.py")
            call_command(*words, verbosity=0)
    elif fix.where == "decorator":
        assert fix.code == fix.lines[-1:]
        expression = fix.lines[-1].removeprefix("@")
        decorate = eval(expression, {"cors_policy": cors_policy, "re": re})  # noqa: S307
        settings.ROOT_URLCONF = urls(decorate(view))
    else:
        assert fix.where == "script"
        (line,) = fix.lines
        assert fix.code == (line,)
        if line.startswith(("credentials: ", "method: ")):
            key, _, value = line.partition(": ")
            call[key] = value.strip('"') if key == "method" else value == '"include"'
        else:
            call["url"] = line


def apply_one(finding: Finding, wanted: str, settings: Any, call: Any, case: Case) -> None:
    for where in wanted.split("+"):
        fix = next(fix for fix in finding.fixes if fix.where == where)
        apply(fix, settings, call, case.view)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_true_cause_comes_first(case: Case, settings: Any) -> None:
    call = set_up(case, settings)
    assert not works(case, call, fetch_from(**call))
    finding = first_finding(explain_call(case, call))
    assert finding.code == case.code
    assert case.text in finding.text
    assert [fix.where for fix in finding.fixes] == "+".join(case.fixes).split("+")


@pytest.mark.parametrize(("case", "index"), ALTERNATIVES)
def test_each_fix_works(case: Case, index: int, settings: Any) -> None:
    call = set_up(case, settings)
    finding = first_finding(explain_call(case, call))
    apply_one(finding, case.fixes[index], settings, call, case)
    for code in case.then:
        assert not works(case, call, fetch_from(**call))
        finding = first_finding(explain_call(case, call))
        assert finding.code == code
        apply(finding.fixes[0], settings, call, case.view)
    assert works(case, call, fetch_from(**call))
    explanation = explain_call(case, call)
    assert explanation.is_allowed
    assert case.code not in [note.code for note in explanation.notes]


def test_preflight_that_is_allowed_with_the_wrong_status(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a login page answers it, say."""
    settings.MIDDLEWARE = [CORSHEADERS, OURS]
    monkeypatch.setattr(AnswersPreflights, "status", 401)
    monkeypatch.setattr(AnswersPreflights, "headers", {"Access-Control-Allow-Origin": APP})
    explanation = explain(APP, "PUT", ITEMS)
    assert explanation.exchanges[0].failure == "The status of the preflight is 401, not 2xx."
    assert explanation.causes[0].code == "two-middlewares"
