"""The system checks: what a newcomer reads who has written something wrong.

The table of wrong configurations is also the test of the words: each message stands here in full,
as ``manage.py check`` prints it, and has to say enough without the documentation.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from types import ModuleType
from typing import Any

import pytest
from django.core import checks
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from django.urls import path

from django_cors_policy.checks import (
    check_cookies,
    check_local_origins,
    check_names,
    check_policies,
    check_setup,
    check_usefulness,
    check_views,
)
from django_cors_policy.decorators import cors_policy
from django_cors_policy.inspection import walk_urls

from .views import hello

OURS = "django_cors_policy.middleware.CorsPolicyMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH_FROM_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"

# The example of the design.
GOOD = {
    "default": {
        "ALLOW_ORIGINS": ["https://app.example.com", "https://*.example.com", "http://localhost:*"],
        "ALLOW_CREDENTIALS": True,
    },
    "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/api/public/"]},
}
CREDENTIALS = {"ALLOW_CREDENTIALS": True}


def wrong(default: Any, id: str, place: str, message: str, hint: str) -> Any:
    """One wrong policy, and all that is said about it."""
    place = f"CORS_POLICIES['default']{place}"
    return pytest.param({"default": default}, id, place, message, hint, id=f"{id}-{message[:60]}")


WRONG = [
    # -- The shape ---------------------------------------------------------------------------------
    pytest.param(
        ["https://app.example.com"],
        "E001",
        "CORS_POLICIES",
        "['https://app.example.com'] is not a dictionary of policies.",
        "Write {'default': {'ALLOW_ORIGINS': ['https://app.example.com']}}.",
        id="E001-a list of origins",
    ),
    pytest.param(
        {"ALLOW_ORIGINS": ["https://app.example.com"]},
        "E001",
        "CORS_POLICIES",
        "'ALLOW_ORIGINS' is no alias of a policy.",
        "Write the policies by name: {'default': {'ALLOW_ORIGINS': [...]}}.",
        id="E001-one policy without its name",
    ),
    wrong(
        ["https://app.example.com"],
        "E001",
        "",
        "['https://app.example.com'] is not a dictionary of a policy's keys.",
        "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}.",
    ),
    wrong(
        {"ALLOWED_ORIGINS": ["https://app.example.com"]},
        "E002",
        "",
        "'ALLOWED_ORIGINS' is no key of a policy.",
        "Did you mean 'ALLOW_ORIGINS'?",
    ),
    wrong(
        {"ALLOW_ORIGINS": "https://app.example.com"},
        "E003",
        "['ALLOW_ORIGINS']",
        "'https://app.example.com' is a string where a list belongs.",
        "Write ['https://app.example.com'].",
    ),
    wrong(
        {"ALLOW_ORIGINS": re.compile("x")},
        "E003",
        "['ALLOW_ORIGINS']",
        "re.compile('x') is a pattern where a list belongs.",
        "Write [re.compile('x')].",
    ),
    wrong(
        {"ALLOW_HEADERS": None},
        "E003",
        "['ALLOW_HEADERS']",
        "None is of type NoneType where a list belongs.",
        "Write a list, or leave ALLOW_HEADERS out.",
    ),
    wrong(
        {"ALLOW_CREDENTIALS": "yes"},
        "E003",
        "['ALLOW_CREDENTIALS']",
        "'yes' is of type str, not True or False.",
        "Write True or False.",
    ),
    wrong(
        {"MAX_AGE": "3600"},
        "E003",
        "['MAX_AGE']",
        "'3600' is of type str, not a number of seconds.",
        "Write whole seconds or a timedelta; 0 for no caching, None to leave the header out.",
    ),
    wrong(
        {"MAX_AGE": -1},
        "E004",
        "['MAX_AGE']",
        "-1 is negative.",
        "Write 0 to keep browsers from caching.",
    ),
    # -- Origins -----------------------------------------------------------------------------------
    wrong(
        {"ALLOW_ORIGINS": ["https://app.example.com/"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'https://app.example.com/' has a path; an origin has none.",
        "Write 'https://app.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["app.example.com"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'app.example.com' has no scheme.",
        "Write 'https://app.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["https://a.examplehttps://b.example"]},  # the mistake
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'https://a.examplehttps://b.example' holds several origins; "
        "a comma is missing between two strings.",
        "Write 'https://a.example', 'https://b.example'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["https://App.Example.com"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'https://App.Example.com' has upper-case letters; browsers send origins in lower case.",
        "Write 'https://app.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["https://app.example.com:443"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'https://app.example.com:443' names https's default port, which browsers leave out.",
        "Write 'https://app.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": [r"https://.*\.example\.com"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        r"r'https://.*\.example\.com' looks like a regular expression, "
        "and strings are taken literally.",
        r"Write re.compile(r'https://.*\.example\.com'), or a wildcard such as "
        "'https://*.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["https://*example.com"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'https://*example.com' has a wildcard that is not the whole of the first label.",
        "Write 'https://*.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["*", "https://app.example.com"]},
        "E006",
        "['ALLOW_ORIGINS'][0]",
        "'*' stands beside other entries, and covers them all.",
        "Write ['*'] for any origin, or leave '*' out.",
    ),
    wrong(
        {"ALLOW_METHODS": ["*", "PUT"]},
        "E006",
        "['ALLOW_METHODS']",
        "['*', 'PUT'] has '*' beside other methods, and '*' covers them all.",
        "Write ['*'], or the methods that you mean.",
    ),
    # -- With credentials --------------------------------------------------------------------------
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["*"]},
        "E007",
        "['ALLOW_ORIGINS'][0]",
        "'*' stands for any site and credentials are allowed: it could act as your users.",
        "List the origins that you trust, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["null"]},
        "E007",
        "['ALLOW_ORIGINS'][0]",
        "'null' stands for any site, from a sandboxed frame, and credentials are allowed: "
        "it could act as your users.",
        "List the origins that you trust, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["http://app.example.com"]},
        "E008",
        "['ALLOW_ORIGINS'][0]",
        "'http://app.example.com' is http: anyone on the network's path can speak as that origin, "
        "and credentials are allowed.",
        "Write 'https://app.example.com', or take the risk knowingly: "
        "add 'insecure-http' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": [re.compile(r"https?://app\.example\.com")]},
        "E008",
        "['ALLOW_ORIGINS'][0]",
        r"re.compile(r'https?://app\.example\.com') matches 'http://app.example.com', which is "
        "http: anyone on the network's path can speak as that origin, and credentials are allowed.",
        "Write a pattern that begins with 'https://', or take the risk knowingly: "
        "add 'insecure-http' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["https://*.github.io"]},
        "E009",
        "['ALLOW_ORIGINS'][0]",
        "'https://*.github.io' covers names that anyone can register below 'github.io', "
        "and credentials are allowed.",
        "Write a name of yours, such as 'https://*.yours.github.io', or take the risk knowingly: "
        "add 'public-suffix' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": [re.compile(r"https://.*\.co\.uk")]},
        "E009",
        "['ALLOW_ORIGINS'][0]",
        r"re.compile(r'https://.*\.co\.uk') matches 'https://a.co.uk' and 'https://0.co.uk', "
        "names that anyone can register, and credentials are allowed.",
        "Write a pattern that spells out a name of yours, or take the risk knowingly: "
        "add 'public-suffix' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": [re.compile(r"https://.*")]},
        "E017",
        "['ALLOW_ORIGINS'][0]",
        "re.compile('https://.*') matches any origin and credentials are allowed: "
        "any site could act as your users.",
        "Name the host in the pattern, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {**CREDENTIALS, "EXPOSE_HEADERS": ["*"]},
        "E012",
        "['EXPOSE_HEADERS'][0]",
        "'*' beside credentials means a header of that name and exposes nothing.",
        "List the headers that scripts may read, such as 'x-total-count'.",
    ),
    # -- Methods and headers -----------------------------------------------------------------------
    wrong(
        {"ALLOW_METHODS": ["TRACE"]},
        "E010",
        "['ALLOW_METHODS'][0]",
        "'TRACE' is forbidden by the Fetch standard: browsers let no script use it.",
        "Leave it out.",
    ),
    wrong(
        {"ALLOW_METHODS": ["patch"]},
        "E010",
        "['ALLOW_METHODS'][0]",
        "'patch' is not in upper case, and methods are case-sensitive.",
        "Write 'PATCH'.",
    ),
    wrong(
        {"ALLOW_METHODS": ["GET, PUT"]},
        "E010",
        "['ALLOW_METHODS'][0]",
        "'GET, PUT' is no HTTP method.",
        "Write a method such as 'PUT'.",
    ),
    wrong(
        {"ALLOW_HEADERS": ["x-a x-b"]},
        "E011",
        "['ALLOW_HEADERS'][0]",
        "'x-a x-b' is no header name.",
        "Write one name, such as 'x-total-count'.",
    ),
    wrong(
        {"VARY": ["*"]},
        "E011",
        "['VARY'][0]",
        "'*' would keep every cache from storing the response.",
        "List the request headers that ALLOW_ORIGIN_FUNC looks at.",
    ),
    # -- Functions, paths, risks -------------------------------------------------------------------
    wrong(
        {"ALLOW_ORIGIN_FUNC": "nowhere.cors.is_partner"},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'nowhere.cors.is_partner' cannot be imported "
        "(ModuleNotFoundError: No module named 'nowhere').",
        "Write the dotted path of a function, such as 'shop.cors.is_partner'.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "datetime.timezone.utc"},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'datetime.timezone.utc' is not a function.",
        "Write a function (origin, request) -> bool, or its dotted path, "
        "beside ALLOW_ORIGINS without '*'.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "tests.test_checks.takes_one"},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'tests.test_checks.takes_one' does not take the two arguments (origin, request).",
        "Write a function (origin, request) -> bool, or its dotted path, "
        "beside ALLOW_ORIGINS without '*'.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "tests.policy.test_values.by_yielding"},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'tests.policy.test_values.by_yielding' is a generator function: calling it runs none of "
        "its code.",
        "Write 'return' in place of 'yield'.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "tests.wire.yes", "ALLOW_ORIGINS": ["*"]},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'tests.wire.yes' would never be asked: '*' allows every origin already.",
        "Write a function (origin, request) -> bool, or its dotted path, "
        "beside ALLOW_ORIGINS without '*'.",
    ),
    wrong(
        {"PATHS": ["api/"]},
        "E014",
        "['PATHS'][0]",
        "'api/' does not begin with '/'.",
        "Write '/api/'.",
    ),
    wrong(
        {"PATHS": ["https://api.example.com/v1/"]},
        "E014",
        "['PATHS'][0]",
        "'https://api.example.com/v1/' does not begin with '/'.",
        "Write '/v1/'.",
    ),
    wrong(
        {"PATHS": ["^/api/.*$"]},
        "E014",
        "['PATHS'][0]",
        "'^/api/.*$' looks like a pattern, and strings are taken literally.",
        "Write the prefix '/api/', which covers all that begins so, or re.compile(r'...').",
    ),
    wrong(
        {"PATHS": [5]},
        "E014",
        "['PATHS'][0]",
        "5 is of type int, not a path.",
        "Write a prefix such as '/api/', or re.compile(r'...').",
    ),
    wrong(
        {"PATHS": []},
        "E014",
        "['PATHS']",
        "[] is empty, and so would govern nothing.",
        "Write prefixes such as '/api/', or leave PATHS out.",
    ),
    pytest.param(
        {"api": {"PATHS": ["/api/"]}, "shop": {"PATHS": ["/shop/", "/api/"]}},
        "E015",
        "CORS_POLICIES['shop']['PATHS'][1]",
        "'/api/' belongs to CORS_POLICIES['api'] already, and a path has one policy.",
        "Leave it out of one of the two.",
        id="E015-one path in two policies",
    ),
    wrong(
        {"ACCEPT_RISKS": ["insecure_http"]},
        "E016",
        "['ACCEPT_RISKS'][0]",
        "'insecure_http' is no known risk.",
        "Did you mean 'insecure-http'?",
    ),
    # -- In rehearsal ------------------------------------------------------------------------------
    wrong(
        {"REPORT_ONLY": {"PATHS": ["/api/"]}},
        "E023",
        "['REPORT_ONLY']",
        "'PATHS' has no place in a rehearsal, which has the paths of the policy around it.",
        "Leave it out.",
    ),
    wrong(
        {"REPORT_ONLY": {"REPORT_ONLY": {"ALLOW_ORIGINS": ["*"]}}},
        "E023",
        "['REPORT_ONLY']",
        "'REPORT_ONLY' has no place in a rehearsal, which has the paths of the policy around it.",
        "Leave it out.",
    ),
    wrong(
        {"REPORT_ONLY": {"ALLOW_ORIGINS": ["https://app.example.com/"]}},
        "E005",
        "['REPORT_ONLY']['ALLOW_ORIGINS'][0]",
        "'https://app.example.com/' has a path; an origin has none.",
        "Write 'https://app.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["*"], "REPORT_ONLY": {**CREDENTIALS, "ALLOW_ORIGINS": ["*"]}},
        "E007",
        "['REPORT_ONLY']['ALLOW_ORIGINS'][0]",
        "'*' stands for any site and credentials are allowed: it could act as your users.",
        "List the origins that you trust, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {"REPORT_ONLY": ["https://app.example.com"]},
        "E001",
        "['REPORT_ONLY']",
        "['https://app.example.com'] is not a dictionary of a policy's keys.",
        "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}.",
    ),
    wrong(
        {"REPORT_ONLY": {"allow_origins": ["https://app.example.com"]}},
        "E002",
        "['REPORT_ONLY']",
        "'allow_origins' is no key of a policy.",
        "Did you mean 'ALLOW_ORIGINS'?",
    ),
]


def takes_one(origin: str) -> bool:
    return True


def ids(messages: list[CheckMessage]) -> list[str]:
    return [str(message.id).removeprefix("django_cors_policy.") for message in messages]


@pytest.mark.parametrize(("policies", "id", "place", "message", "hint"), WRONG)
def test_wrong_configuration(
    settings: Any, policies: Any, id: str, place: str, message: str, hint: str
) -> None:
    settings.CORS_POLICIES = policies
    assert check_policies() == [
        checks.Error(message, hint=hint, obj=place, id=f"django_cors_policy.{id}")
    ]


def test_every_error_is_shown_by_an_example() -> None:
    shown = {param.values[1] for param in WRONG}
    assert shown == {*(f"E{number:03}" for number in range(1, 18)), "E023"}


def test_all_errors_are_reported_at_once(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"MAX_AGE": -1, "TYPO": 1},
        "public": {"ALLOW_ORIGINS": ["example.com", "*"]},
    }
    assert ids(check_policies()) == ["E002", "E004", "E005", "E006"]
    # What is built on the policies waits until they compile.
    assert check_usefulness() == check_cookies() == []


def test_manage_py_check_fails(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://app.example.com/"]}}
    with pytest.raises(SystemCheckError) as caught:
        call_command("check")
    assert (
        "CORS_POLICIES['default']['ALLOW_ORIGINS'][0]: (django_cors_policy.E005) "
        "'https://app.example.com/' has a path; an origin has none.\n"
        "\tHINT: Write 'https://app.example.com'."
    ) in str(caught.value)


@pytest.mark.parametrize("deploy", [False, True])
def test_nothing_is_said_about_a_good_project(settings: Any, deploy: bool) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    settings.MIDDLEWARE = [OURS, SECURITY, SESSION, COMMON, CSRF, AUTH]
    settings.SESSION_COOKIE_SECURE = True
    settings.CORS_POLICIES = GOOD
    if deploy:  # without the development server
        origins = ["https://app.example.com", "https://*.example.com"]
        settings.CORS_POLICIES = {**GOOD, "default": {"ALLOW_ORIGINS": origins, **CREDENTIALS}}
    messages = checks.run_checks(include_deployment_checks=deploy)
    assert [message for message in messages if "cors" in str(message.id)] == []


@pytest.mark.parametrize("option", [["check"], ["check", "--deploy"]])
def test_deploy_checks_are_for_deployment(settings: Any, option: list[str], capsys: Any) -> None:
    settings.CORS_POLICIES = GOOD
    call_command(*option)
    assert ("django_cors_policy.W008" in capsys.readouterr().err) == ("--deploy" in option)


# -- W001 to W005: the setup ----------------------------------------------------------------------


def warning(id: str, place: str, message: str, hint: str) -> checks.Warning:
    return checks.Warning(message, hint=hint, obj=place, id=f"django_cors_policy.{id}")


def test_w001_missing_setting(settings: Any) -> None:
    del settings.CORS_POLICIES
    assert check_setup() == [
        warning(
            "W001",
            "CORS_POLICIES",
            "The setting is missing, so no other origin is allowed anywhere.",
            "Write CORS_POLICIES = {'default': {'ALLOW_ORIGINS': ['https://app.example.com'], "
            "'PATHS': ['/api/']}}.",
        )
    ]


def test_no_policies_are_a_choice(settings: Any) -> None:
    settings.CORS_POLICIES = {}
    assert check_setup() == check_policies() == []


def test_w002_missing_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = [COMMON]
    assert check_setup() == [
        warning(
            "W002",
            "MIDDLEWARE",
            f"{OURS!r} is missing, so the policies have no effect.",
            "Put it first in MIDDLEWARE.",
        )
    ]


def test_w003_twice(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, COMMON, OURS]
    assert check_setup() == [
        warning(
            "W003",
            "MIDDLEWARE[2]",
            f"{OURS!r} stands there a second time.",
            "Leave it out; MIDDLEWARE[0] does the work.",
        )
    ]


@pytest.mark.parametrize("middleware", [[0, 1], [1, 0]], ids=["before", "behind"])
def test_w003_beside_django_cors_headers(settings: Any, middleware: list[int]) -> None:
    both = [OURS, "corsheaders.middleware.CorsMiddleware"]
    settings.MIDDLEWARE = [both[index] for index in middleware]
    assert check_setup() == [
        warning(
            "W003",
            f"MIDDLEWARE[{middleware.index(1)}]",
            "'corsheaders.middleware.CorsMiddleware' answers cross-origin requests too, "
            "by other rules.",
            "Leave one of the two out.",
        )
    ]


def test_w004_behind_one_that_answers(settings: Any) -> None:
    settings.MIDDLEWARE = [COMMON, OURS]
    assert check_setup() == [
        warning(
            "W004",
            "MIDDLEWARE[0]",
            f"{COMMON!r} stands before {OURS!r} and can answer without it: "
            "it redirects (APPEND_SLASH). Browsers then see no CORS headers.",
            f"Move {OURS!r} to the top of MIDDLEWARE.",
        )
    ]


@pytest.mark.parametrize("path", [UPDATE_CACHE, "django.middleware.cache.CacheMiddleware"])
def test_w004_a_cache_outside_keeps_cors_headers(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, OURS, FETCH_FROM_CACHE]
    assert check_setup() == [
        warning(
            "W004",
            "MIDDLEWARE[0]",
            f"{path!r} stands before {OURS!r} and keeps answers, with their CORS headers, as long "
            "as the cache does. An origin that is no longer allowed can still read them.",
            f"Move {OURS!r} to the top of MIDDLEWARE.",
        )
    ]


def test_w004_answers_from_the_cache(settings: Any) -> None:
    settings.MIDDLEWARE = [FETCH_FROM_CACHE, OURS]
    [message] = check_setup()
    assert message.msg == (
        f"{FETCH_FROM_CACHE!r} stands before {OURS!r} and answers from the cache. Browsers then "
        "see the CORS headers that were stored, or none."
    )


def own_middleware(get_response: Any) -> Any:
    return get_response


class OwnCommonMiddleware(CommonMiddleware):
    pass


class OwnCsrfMiddleware(CsrfViewMiddleware):
    pass


@pytest.mark.parametrize(
    "path",
    [
        COMMON,
        CSRF,
        SESSION,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        "django.middleware.cache.CacheMiddleware",
        FETCH_FROM_CACHE,
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "tests.test_checks.OwnCommonMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",  # known by name, installed or not
    ],
)
def test_w004_for_each_that_answers(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, OURS]
    assert ids(check_setup()) == ["W004"]


@pytest.mark.parametrize(
    "path",
    [
        "django.middleware.gzip.GZipMiddleware",
        AUTH,  # it asks for a session, and answers nothing
        "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",
        "tests.test_checks.own_middleware",
        "tests.wire.unauthorized",
        SECURITY,  # without a redirect it only adds headers
        "nowhere.at.all",  # Django says that
    ],
)
def test_middleware_that_may_stand_before(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, OURS]
    assert check_setup() == []


def test_w004_security_redirects(settings: Any) -> None:
    settings.MIDDLEWARE = [SECURITY, OURS]
    settings.SECURE_SSL_REDIRECT = True
    (message,) = check_setup()
    assert "it redirects to https" in message.msg


def test_w004_each_place_is_named(settings: Any) -> None:
    settings.MIDDLEWARE = [SESSION, SECURITY, COMMON, OURS, CSRF]
    assert [(*ids([message]), message.obj) for message in check_setup()] == [
        ("W004", "MIDDLEWARE[0]"),
        ("W004", "MIDDLEWARE[2]"),
    ]


@pytest.mark.parametrize("before", ["gzip.GZipMiddleware", "common.CommonMiddleware"])
def test_a_project_without_users(before: str) -> None:
    """The checks must not import what the project has not installed."""
    script = f"""
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["django_cors_policy"],
            MIDDLEWARE=["django.middleware.{before}", "{OURS}"],
            ROOT_URLCONF="django.contrib.staticfiles.urls",
            CORS_POLICIES={{}},
            SECRET_KEY="x",
        )
        django.setup()
        from django_cors_policy.checks import check_setup
        print([message.id for message in check_setup()])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    expected = "['django_cors_policy.W004']\n" if "Common" in before else "[]\n"
    assert (run.stdout, run.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("CORS_ALLOWED_ORIGINS", "ALLOW_ORIGINS"),
        ("CORS_ALLOWED_ORIGIN_REGEXES", "ALLOW_ORIGINS, as re.compile(...)"),
        ("CORS_ALLOW_ALL_ORIGINS", "ALLOW_ORIGINS: ['*']"),
        ("CORS_ALLOW_CREDENTIALS", "ALLOW_CREDENTIALS"),
        ("CORS_ALLOW_HEADERS", "ALLOW_HEADERS"),
        ("CORS_ALLOW_METHODS", "ALLOW_METHODS"),
        ("CORS_ALLOW_PRIVATE_NETWORK", "ALLOW_PRIVATE_NETWORK"),
        ("CORS_EXPOSE_HEADERS", "EXPOSE_HEADERS"),
        ("CORS_ORIGIN_ALLOW_ALL", "ALLOW_ORIGINS: ['*']"),
        ("CORS_ORIGIN_REGEX_WHITELIST", "ALLOW_ORIGINS, as re.compile(...)"),
        ("CORS_ORIGIN_WHITELIST", "ALLOW_ORIGINS"),
        ("CORS_PREFLIGHT_MAX_AGE", "MAX_AGE"),
        ("CORS_REPLACE_HTTPS_REFERER", "nothing: Django's CSRF_TRUSTED_ORIGINS does it"),
        ("CORS_URLS_REGEX", "PATHS"),
    ],
)
def test_w005_leftovers(settings: Any, name: str, meaning: str) -> None:
    setattr(settings, name, None)
    assert check_setup() == [
        warning(
            "W005",
            name,
            "The setting is django-cors-headers'; nothing reads it here.",
            f"Say it in CORS_POLICIES: {meaning}. Then delete the setting.",
        )
    ]


# -- W006 and W007: less, or more, than was meant -------------------------------------------------

WITHOUT_TOKEN = {"ALLOW_ORIGINS": ["https://app.example.com"], "ALLOW_HEADERS": [], **CREDENTIALS}


def test_w006_csrf_header(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, CSRF]
    settings.CORS_POLICIES = {"default": WITHOUT_TOKEN}
    assert check_usefulness() == [
        warning(
            "W006",
            "CORS_POLICIES['default']['ALLOW_HEADERS']",
            "Credentials are allowed and 'x-csrftoken' is not, so no script on an allowed origin "
            "can send Django's CSRF token in that header.",
            "Add 'x-csrftoken'; if no view of this policy is CSRF-protected, silence this check.",
        )
    ]


@pytest.mark.parametrize(
    ("header_name", "policy", "middleware", "expected"),
    [
        ("HTTP_X_CSRFTOKEN", {"ALLOW_HEADERS": []}, CSRF, ["W006"]),
        (
            "HTTP_X_CSRFTOKEN",
            {"ALLOW_HEADERS": []},
            "tests.test_checks.OwnCsrfMiddleware",
            ["W006"],
        ),
        ("HTTP_X_XSRF_TOKEN", {}, CSRF, ["W006"]),
        ("HTTP_X_XSRF_TOKEN", {"ALLOW_HEADERS": ["X-Xsrf-Token"]}, CSRF, []),
        ("HTTP_X_CSRFTOKEN", {"ALLOW_HEADERS": ["*"]}, CSRF, []),
        ("HTTP_X_CSRFTOKEN", {"ALLOW_HEADERS": []}, COMMON, []),
        ("HTTP_X_CSRFTOKEN", {"ALLOW_HEADERS": [], "ALLOW_CREDENTIALS": False}, CSRF, []),
    ],
)
def test_w006(
    settings: Any, header_name: str, policy: Any, middleware: str, expected: list[str]
) -> None:
    settings.MIDDLEWARE = [OURS, middleware]
    settings.CSRF_HEADER_NAME = header_name
    origins = {"ALLOW_ORIGINS": ["https://app.example.com"]}
    settings.CORS_POLICIES = {"default": {**origins, **CREDENTIALS, **policy}}
    assert ids(check_usefulness()) == expected


def test_w007_neighbour(settings: Any) -> None:
    pattern = re.compile(r"https://app.example\.com")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://example.com", pattern]}}
    assert check_usefulness() == [
        warning(
            "W007",
            "CORS_POLICIES['default']['ALLOW_ORIGINS'][1]",
            r"re.compile(r'https://app.example\.com') matches 'https://app.example.com', "
            "and 'https://appxexample.com' as well: a dot is not escaped.",
            r"Escape each dot of the name (\.), and let the name end the pattern; or write a "
            "wildcard such as 'https://*.example.com', which does both.",
        )
    ]


# -- W016 to W018: names that do not do what was meant --------------------------------------------


def names(settings: Any, **default: Any) -> list[CheckMessage]:
    """What is said about the names in a policy, which starts all the same."""
    settings.CORS_POLICIES = {"default": default}
    assert check_policies() == []
    return check_names()


LEFT_OUT = "Leave it out."
ALL_LEFT_OUT = "Leave them out."
BY_THEMSELVES = (
    " For requests with cookies, set ALLOW_CREDENTIALS to True: browsers send them by themselves."
)
FRONT_END = " If your front end sets such a header on its requests, remove it there first."
SENT = " If your views do send such a header in responses, silence this check."


@pytest.mark.parametrize(
    ("key", "written", "message", "hint"),
    [
        pytest.param(
            "ALLOW_HEADERS",
            ["accept", "accept-encoding", "authorization", "DNT", "origin", "x-csrftoken"],
            "Browsers let no script set 'accept-encoding', 'dnt', 'origin'.",
            ALL_LEFT_OUT,
            id="the default of django-cors-headers before 4.0",
        ),
        (
            "ALLOW_HEADERS",
            ["Cookie"],
            "Browsers let no script set 'cookie'.",
            LEFT_OUT + BY_THEMSELVES,
        ),
        (
            "ALLOW_HEADERS",
            ["x-a", "Sec-Fetch-Site", "Access-Control-Allow-Origin"],
            "Browsers let no script set 'sec-fetch-site'. Requests need no "
            "'access-control-allow-origin': the middleware writes such headers on responses.",
            ALL_LEFT_OUT + FRONT_END,
        ),
        (
            "ALLOW_HEADERS",
            ["Access-Control-Max-Age"],
            "Requests need no 'access-control-max-age': the middleware writes such headers on "
            "responses.",
            LEFT_OUT + FRONT_END,
        ),
        (
            "EXPOSE_HEADERS",
            ["Set-Cookie"],
            "Browsers never show 'set-cookie' to scripts.",
            LEFT_OUT,
        ),
        (
            "EXPOSE_HEADERS",
            ["x-total-count", "Authorization", "X-CSRFToken", "accept", "content-type"],
            "Requests have 'authorization', 'x-csrftoken', 'accept', and responses do not.",
            ALL_LEFT_OUT + SENT,
        ),
        (
            "EXPOSE_HEADERS",
            ["Access-Control-Allow-Origin", "set-cookie2", "origin"],
            "Browsers never show 'set-cookie2' to scripts. Requests have 'origin', and responses "
            "do not. Only the browser needs 'access-control-allow-origin'.",
            ALL_LEFT_OUT + SENT,
        ),
    ],
)
def test_w016_useless_headers(
    settings: Any, key: str, written: list[str], message: str, hint: str
) -> None:
    """All of a list at once, and none keeps the project from starting."""
    expected = warning("W016", f"CORS_POLICIES['default']['{key}']", message, hint)
    assert names(settings, **{key: written}) == [expected]


def test_w016_cookies_that_are_sent_already(settings: Any) -> None:
    origins = {"ALLOW_ORIGINS": ["https://app.example.com"]}
    [message] = names(settings, **origins, ALLOW_HEADERS=["cookie"], **CREDENTIALS)
    assert message.hint == LEFT_OUT


def test_what_is_useless_is_sent_as_written(settings: Any) -> None:
    """Some front ends do set a response header, and would be blocked without it."""
    settings.CORS_POLICIES = {
        "default": {
            "ALLOW_ORIGINS": ["https://app.example.com"],
            "ALLOW_HEADERS": ["access-control-allow-origin", "cookie"],
            "EXPOSE_HEADERS": ["authorization"],
        }
    }
    headers = {"Origin": "https://app.example.com"}
    response = Client().get("/hello/", headers=headers)
    assert response["Access-Control-Expose-Headers"] == "authorization"
    headers["Access-Control-Request-Method"] = "GET"
    preflight = Client().options("/hello/", headers=headers)
    assert preflight["Access-Control-Allow-Headers"] == "access-control-allow-origin, cookie"


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize("headers", [["*", "authorization"], ["Authorization", "*"]])
def test_authorization_beside_a_star_changes_nothing(
    settings: Any, headers: list[str], credentials: bool
) -> None:
    asked = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,x-a",
    }
    answers = []
    for allow_headers in (["*"], headers):
        policy = {"ALLOW_ORIGINS": ["https://app.example.com"], "ALLOW_CREDENTIALS": credentials}
        assert names(settings, **policy, ALLOW_HEADERS=allow_headers) == []
        answers.append(dict(Client().options("/hello/", headers=asked).headers))
    assert answers[0] == answers[1]
    assert "authorization" in answers[0]["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["GET", "PTCH"], [("PTCH", 1, "PATCH")]),
        (("DELET", "POTS"), [("DELET", 0, "DELETE"), ("POTS", 1, "POST")]),
        (["PROPFIND", "PURGE", "QUERY", "REPORT", "purge", "LINK", "SEARCH"], []),
        (["*"], []),
        ([], []),
    ],
)
def test_w017_misspelt_methods(
    settings: Any, written: Any, expected: list[tuple[str, int, str]]
) -> None:
    assert names(settings, ALLOW_METHODS=written) == [
        warning(
            "W017",
            f"CORS_POLICIES['default']['ALLOW_METHODS'][{index}]",
            f"{method!r} is not a registered HTTP method.",
            f"Did you mean {meant!r}? If not, silence this check.",
        )
        for method, index, meant in expected
    ]


def test_w018_null(settings: Any) -> None:
    assert names(settings, ALLOW_ORIGINS=["https://app.example.com", "null"]) == [
        warning(
            "W018",
            "CORS_POLICIES['default']['ALLOW_ORIGINS'][1]",
            "'null' allows any site: every site can send it, from a sandboxed frame.",
            "Write ['*'] if every site may read the responses. If not, leave it out, and serve "
            "your own page from an origin, such as 'http://localhost:3000'.",
        )
    ]


def test_names_are_judged_where_they_are_written(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In settings, in rehearsals and in decorators; what a decorator takes over is named once."""
    rehearsed = {"ALLOW_HEADERS": ["dnt"], "ALLOW_ORIGINS": ["null"]}
    urlconf = ModuleType("urls_of_names")
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path("one/", cors_policy(allow_headers=["cookie"])(hello)),
        path("two/", cors_policy(allow_methods=["PTCH"], allow_origins=["null"])(hello)),
        path("three/", cors_policy(max_age=1, report_only={"EXPOSE_HEADERS": ["te"]})(hello)),
    ]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    found = names(
        settings, ALLOW_HEADERS=["origin"], EXPOSE_HEADERS=["origin"], REPORT_ONLY=rehearsed
    )
    on = "on tests.views.hello"
    two = "@cors_policy(allow_methods=['PTCH'], allow_origins=['null'])"
    three = "@cors_policy(max_age=1, report_only={'EXPOSE_HEADERS': ['te']})"
    assert [(*ids([message]), message.obj) for message in found] == [
        ("W016", "CORS_POLICIES['default']['ALLOW_HEADERS']"),
        ("W016", "CORS_POLICIES['default']['EXPOSE_HEADERS']"),
        ("W016", "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_HEADERS']"),
        ("W018", "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_ORIGINS'][0]"),
        ("W016", f"@cors_policy(allow_headers=['cookie']) {on}: allow_headers"),
        ("W017", f"{two} {on}: allow_methods[0]"),
        ("W018", f"{two} {on}: allow_origins[0]"),
        ("W016", f"{three} {on}: report_only['EXPOSE_HEADERS']"),
    ]
    assert "set allow_credentials to True" in str(found[4].hint)


# -- W008 and W009: cookies -----------------------------------------------------------------------

FINE = (
    "If that origin and this server are one site (same scheme, same registrable name), all is "
    "well: name this server's hosts in ALLOWED_HOSTS, or silence this check."
)


def test_w008_samesite(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.other.example"]
    settings.CORS_POLICIES = GOOD
    assert check_cookies() == [
        warning(
            "W008",
            "CORS_POLICIES['default']['ALLOW_CREDENTIALS']",
            "Pages on 'https://app.example.com' may send credentials, but SESSION_COOKIE_SAMESITE "
            "is 'Lax': from another site, browsers leave the session cookie out.",
            f"{FINE} Otherwise set SESSION_COOKIE_SAMESITE = 'None' and SESSION_COOKIE_SECURE = "
            "True, and mind that many browsers block third-party cookies.",
        )
    ]


def test_w009_secure(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.other.example"]
    settings.SESSION_COOKIE_SAMESITE = "None"
    settings.CORS_POLICIES = GOOD
    assert check_cookies() == [
        warning(
            "W009",
            "CORS_POLICIES['default']['ALLOW_CREDENTIALS']",
            "Pages on 'https://app.example.com' may send credentials, but the session cookie is "
            "not Secure: browsers reject a cookie for other sites without it.",
            f"Set SESSION_COOKIE_SECURE = True. {FINE}",
        )
    ]


@pytest.mark.parametrize(
    ("origin", "hosts", "samesite", "secure", "expected"),
    [
        ("https://app.example.com", ["api.other.example"], "Lax", True, ["W008"]),
        ("https://app.example.com", ["api.other.example"], "Strict", True, ["W008"]),
        # Django takes it in any case, and so do browsers
        ("https://app.example.com", ["api.other.example"], "lax", True, ["W008"]),
        # browsers take a missing attribute for Lax
        ("https://app.example.com", ["api.other.example"], False, True, ["W008"]),
        ("https://app.example.com", ["api.other.example"], "None", True, []),
        ("https://app.example.com", ["api.other.example"], "None", False, ["W009"]),
        # one site: every cookie is sent
        ("https://app.example.com", ["api.example.com"], "Lax", False, []),
        ("https://app.example.com", ["example.com"], "Strict", False, []),
        ("https://app.example.com", [".example.com"], "Strict", False, []),
        ("https://*.example.com", ["api.example.com"], "Lax", False, []),
        (re.compile(r"https://\w+\.example\.com"), ["api.example.com"], "Lax", False, []),
        ("http://localhost:3000", ["api.example.com"], "Lax", False, []),
        ("https://192.168.0.1", ["192.168.0.1"], "Lax", False, []),
        # nobody knows where the server is
        ("https://app.example.com", ["*"], "Lax", True, ["W008"]),
        ("https://app.example.com", [], "Lax", True, ["W008"]),
        # one name for many sites
        ("https://one.github.io", ["two.github.io"], "Lax", True, ["W008"]),
        (re.compile(r"https://\w+\.other\.example"), ["api.example.com"], "Lax", True, ["W008"]),
    ],
)
def test_cookies(
    settings: Any, origin: Any, hosts: list[str], samesite: Any, secure: bool, expected: list[str]
) -> None:
    settings.ALLOWED_HOSTS = hosts
    settings.SESSION_COOKIE_SAMESITE = samesite
    settings.SESSION_COOKIE_SECURE = secure
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [origin], **CREDENTIALS}}
    assert ids(check_cookies()) == expected


def test_no_credentials_no_cookies(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}}
    assert check_cookies() == []


# -- W019: origins on the user's own device -------------------------------------------------------


def test_w019_all_local_origins_of_a_policy(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {
            "ALLOW_ORIGINS": [
                "https://app.example.com",
                "http://localhost:*",
                "capacitor://localhost",
                re.compile(r"https?://127\.0\.0\.1(:\d+)?"),
            ],
            **CREDENTIALS,
        },
        "public": {"ALLOW_ORIGINS": ["http://localhost:*"], "PATHS": ["/public/"]},
    }
    assert check_local_origins() == [
        warning(
            "W019",
            "CORS_POLICIES['default']",
            "Credentials are allowed for 'http://localhost:*', 'capacitor://localhost', "
            r"re.compile(r'https?://127\.0\.0\.1(:\d+)?'): any program on a user's device can have "
            "such an origin, and act as that user.",
            "For development, add such origins only where DEBUG is True, or read the list from the "
            "environment. In an app, send a token in place of cookies. If you accept the risk, "
            "silence this check.",
        )
    ]
    settings.DEBUG = True
    assert check_local_origins() == []


@pytest.mark.parametrize(
    ("origin", "is_local"),
    [
        ("http://localhost:3000", True),
        ("http://localhost", True),  # web views on Android
        ("https://localhost", True),
        ("http://127.0.0.1:3000", True),
        ("http://[::1]:3000", True),
        ("http://*.localhost:*", True),
        ("https://tauri.localhost", True),
        ("capacitor://localhost", True),
        ("ionic://localhost", True),
        ("tauri://localhost", True),
        (re.compile(r"http://localhost:\d+"), True),
        (re.compile(r"(capacitor|ionic)://localhost"), True),
        (re.compile(r"https://app\.example\.com|http://localhost:3000"), True),
        ("https://app.example.com", False),
        ("https://localhost.example.com", False),
        ("https://*.example.com", False),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", False),  # one extension's own
        (re.compile(r"https://\w+\.example\.com"), False),
    ],
)
def test_w019(settings: Any, origin: Any, is_local: bool) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [origin], **CREDENTIALS}}
    assert ids(check_local_origins()) == ["W019"] * is_local


def test_w019_comes_with_deploy_alone(settings: Any) -> None:
    settings.CORS_POLICIES = GOOD
    for deploy in (False, True):
        found = ids(checks.run_checks(include_deployment_checks=deploy))
        assert ("W019" in found) == deploy


def test_w019_in_decorators(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one allows the credentials or the origins, and not where it takes over both."""
    urlconf = ModuleType("urls_of_local_origins")
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path("one/", cors_policy(allow_credentials=True)(hello)),
        path("two/", cors_policy("sure", allow_origins=["tauri://localhost"])(hello)),
        path("three/", cors_policy("sure", max_age=60)(hello)),
    ]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["http://localhost:*"]},
        "sure": {"ALLOW_ORIGINS": ["http://localhost:*"], **CREDENTIALS},
    }
    assert [message.obj for message in check_local_origins()] == [
        "CORS_POLICIES['sure']",
        "@cors_policy('sure', allow_origins=['tauri://localhost']) on tests.views.hello",
        "@cors_policy(allow_credentials=True) on tests.views.hello",
    ]


# -- W012 and W013, and the policies of decorators -------------------------------------------------


def test_w012_a_policy_that_governs_nothing(settings: Any) -> None:
    settings.CORS_POLICIES = {"Default": {"ALLOW_ORIGINS": ["https://app.example.com"]}}
    [idle] = check_usefulness()
    assert (idle.id, idle.obj) == ("django_cors_policy.W012", "CORS_POLICIES['Default']")
    assert idle.hint.endswith("The policy for all other paths is called 'default'.")
    settings.CORS_POLICIES |= {"default": {}}
    [idle] = check_usefulness()
    assert "called" not in idle.hint
    settings.ROOT_URLCONF = "tests.urls_decorated"
    settings.CORS_POLICIES = {"default": {}, "public": {}}  # a decorator names it
    assert check_usefulness() == []
    del settings.ROOT_URLCONF
    settings.CORS_POLICIES = {"default": {}, "idle": {}}
    assert check_usefulness() == []


SLOW = [
    (r"https://([a-z]+)*\.example\.com", ["W011", "W013"]),
    (r"https://([a-z-]+\.?)+\.example\.com", ["W011", "W013"]),
    (r"(?:[a-z0-9]+-?){20,}\.example\.com", ["W011", "W013"]),
    (r"https://.*-.*-.*-.*\.preview\.example\.com", ["W013"]),
    (
        r"https://(?:[a-z0-9-]*-)?(?:[a-z0-9-]*-)?(?:[a-z0-9-]*-)?[a-z0-9-]*\.example\.com",
        ["W013"],
    ),
    (r"https://[\w-]*[\w.-]*[\w.-]*[\w.-]*\.example\.com", ["W013"]),
    # too large to be tried, and not slow
    (r"(?:(?:(?:a{64}){64}){64}){64}", ["W011"]),
    (r"https://[a-z0-9-]+-[a-z0-9-]+\.example\.com", []),
]


@pytest.mark.parametrize(("pattern", "expected"), SLOW)
def test_w013_slow_patterns(settings: Any, pattern: str, expected: list[str]) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [re.compile(pattern)]}}
    assert ids(check_usefulness()) == expected


def test_w011_and_w013(settings: Any) -> None:
    pattern = re.compile(r"https://([a-z]+)*\.example\.com")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [pattern]}}
    where = "CORS_POLICIES['default']['ALLOW_ORIGINS'][0]"
    assert check_usefulness() == [
        warning(
            "W011",
            where,
            r"re.compile(r'https://([a-z]+)*\.example\.com') could not be tried, for it takes too "
            "many steps.",
            "Origins are lower-case, with neither path nor trailing slash. If the pattern is "
            "right, silence this check; a list of origins or a wildcard is easier to trust.",
        ),
        warning(
            "W013",
            where,
            r"re.compile(r'https://([a-z]+)*\.example\.com') takes more than 500,000 steps for "
            "some origins that it does not match.",
            "A stranger can send such origins all day. Leave no two repetitions that can match the "
            "same characters, next to or inside of each other; or write a wildcard such as "
            "'https://*.example.com'.",
        ),
    ]


def test_w013_on_paths(settings: Any) -> None:
    paths = ["/api/", re.compile(r"/v\d+/"), re.compile(r"/(?:[a-z]+)+/x")]
    origins = ["https://app.example.com"]
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": origins, "PATHS": paths}}
    assert check_usefulness() == [
        warning(
            "W013",
            "CORS_POLICIES['default']['PATHS'][2]",
            "re.compile('/(?:[a-z]+)+/x') takes more than 500,000 steps for some paths that it "
            "does not match.",
            "A stranger can send such paths all day. Leave no two repetitions that can match the "
            "same characters, next to or inside of each other; or write a prefix such as "
            "'/api/'.",
        )
    ]


@pytest.mark.parametrize("text", [r"/([a-z]+)*/(x)\2$", r"/(a)?(?:\w+)*(?(1)b|c)$"])
def test_w011_on_paths(text: str, settings: Any) -> None:
    """What cannot be judged is not passed over."""
    settings.CORS_POLICIES = {"default": {"PATHS": [re.compile(text)]}}
    [message] = check_usefulness()
    assert (message.id, message.obj) == (
        "django_cors_policy.W011",
        "CORS_POLICIES['default']['PATHS'][0]",
    )
    assert "It may take very long for some paths." in message.msg
    assert (message.hint or "").startswith("Write a prefix such as '/api/'.")


def test_w007_the_last_of_many_branches(settings: Any) -> None:
    names = "|".join(rf"name{number}\.example\.com" for number in range(40))
    pattern = re.compile(rf"https://(?:{names}|app.example\.com)")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [pattern]}}
    [found] = check_usefulness()
    assert found.id == "django_cors_policy.W007"
    assert "matches 'https://app.example.com', and 'https://appxexample.com' as well" in found.msg


def test_policies_of_decorators_are_checked_as_well(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls_careless"
    settings.MIDDLEWARE = [OURS, CSRF]
    settings.CORS_POLICIES = {"default": {"ALLOW_CREDENTIALS": True}}
    places = [(message.id[-4:], message.obj) for message in check_usefulness()]
    on = "on tests.urls_careless"
    assert places == [
        ("W006", f"@cors_policy(allow_headers=['content-type']) {on}.headers: allow_headers"),
        (
            "W007",
            "@cors_policy(allow_origins=[re.compile('https://app.example\\\\.com')], "
            f"allow_credentials=False) {on}.pattern: allow_origins[0]",
        ),
    ]


def test_what_a_decorator_makes_of_a_rehearsal(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be an error after the switch, and is one before."""
    urlconf = ModuleType("urls_of_a_rehearsal")
    decorator = cors_policy(allow_origins=["https://app.example.com"], allow_credentials=True)
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path("one/", decorator(hello)),
        path("two/", cors_policy(allow_credentials=True)(hello)),
        path("three/", cors_policy(allow_credentials=True, report_only=None)(hello)),
    ]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    settings.CORS_POLICIES = {"default": {"REPORT_ONLY": {"ALLOW_ORIGINS": ["*"]}}}
    assert check_policies() == []
    [error] = check_views()
    assert (error.id, error.obj) == (
        "django_cors_policy.E007",
        "@cors_policy(allow_credentials=True) on tests.views.hello: "
        "report_only['ALLOW_ORIGINS'][0]",
    )


def test_urls_that_are_none_are_django_s_to_name() -> None:
    assert list(walk_urls([("not/", "a path")])) == []
