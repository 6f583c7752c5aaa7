"""What a newcomer reads who has written a wrong policy.

The table of wrong configurations is also the test of the words: each message stands here in full,
as ``manage.py check`` prints it, and has to say enough without the documentation.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any

import pytest
from django.core import checks
from django.urls import path

from django_cors_policy.checks import (
    check_cookies,
    check_headers,
    check_idle_policies,
    check_origins,
    check_policies,
    check_views,
)
from django_cors_policy.decorators import cors_policy
from tests.views import hello

from .common import (
    AUTH,
    COMMON,
    CREDENTIALS,
    CSRF,
    GOOD,
    OURS,
    SECURITY,
    SESSION,
    ids,
    warnings_about,
)


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
        "Write {'default': {'ALLOW_ORIGINS': ['https://app.example.com'], 'PATHS': ['/api/']}}.",
        id="E001-a list of origins",
    ),
    pytest.param(
        {"ALLOW_ORIGINS": ["https://app.example.com"]},
        "E001",
        "CORS_POLICIES",
        "'ALLOW_ORIGINS' is not a policy alias.",
        "Write each policy under its alias: {'default': {'ALLOW_ORIGINS': [...]}}.",
        id="E001-one policy without its name",
    ),
    wrong(
        ["https://app.example.com"],
        "E001",
        "",
        "['https://app.example.com'] is not a dictionary of policy keys.",
        "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}.",
    ),
    wrong(
        {"ALLOWED_ORIGINS": ["https://app.example.com"]},
        "E002",
        "",
        "'ALLOWED_ORIGINS' is not a policy key.",
        "Did you mean 'ALLOW_ORIGINS'?",
    ),
    wrong(
        {"ALLOW_ORIGINS": "https://app.example.com"},
        "E003",
        "['ALLOW_ORIGINS']",
        "'https://app.example.com' is a string, not a list.",
        "Write ['https://app.example.com'].",
    ),
    wrong(
        {"ALLOW_ORIGINS": re.compile("x")},
        "E003",
        "['ALLOW_ORIGINS']",
        "re.compile('x') is a pattern, not a list.",
        "Write [re.compile('x')].",
    ),
    wrong(
        {"ALLOW_HEADERS": None},
        "E003",
        "['ALLOW_HEADERS']",
        "None is of type NoneType, not a list.",
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
        "Write whole seconds or a timedelta. 0 turns caching off, None leaves the header out.",
    ),
    wrong(
        {"MAX_AGE": -1},
        "E004",
        "['MAX_AGE']",
        "-1 is negative.",
        "Write 0 to turn off caching.",
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
        "'https://a.examplehttps://b.example' contains several origins; "
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
        "'https://app.example.com:443' has the default port of https, which browsers omit.",
        "Write 'https://app.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": [r"https://.*\.example\.com"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        r"r'https://.*\.example\.com' looks like a regular expression, "
        "but strings are taken literally.",
        r"Write re.compile(r'https://.*\.example\.com'), or a wildcard such as "
        "'https://*.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["https://*example.com"]},
        "E005",
        "['ALLOW_ORIGINS'][0]",
        "'https://*example.com' has a wildcard that is not the whole first label.",
        "Write 'https://*.example.com'.",
    ),
    wrong(
        {"ALLOW_ORIGINS": ["*", "https://app.example.com"]},
        "E006",
        "['ALLOW_ORIGINS'][0]",
        "'*' is listed with other entries, and already covers them.",
        "Write ['*'] for any origin, or leave '*' out.",
    ),
    wrong(
        {"ALLOW_METHODS": ["*", "PUT"]},
        "E006",
        "['ALLOW_METHODS']",
        "['*', 'PUT'] lists '*' with other methods, and '*' already covers them.",
        "Write ['*'], or leave '*' out.",
    ),
    # -- With credentials --------------------------------------------------------------------------
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["*"]},
        "E007",
        "['ALLOW_ORIGINS'][0]",
        "'*' allows any site, and credentials are allowed: any site could act as your users.",
        "List the origins that you trust, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["null"]},
        "E007",
        "['ALLOW_ORIGINS'][0]",
        "'null' allows sandboxed frames of any site, and credentials are allowed: any site could "
        "act as your users.",
        "List the origins that you trust, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["http://app.example.com"]},
        "E008",
        "['ALLOW_ORIGINS'][0]",
        "'http://app.example.com' uses http: an attacker on the network can act as this origin, "
        "and credentials are allowed.",
        "Write 'https://app.example.com', or accept the risk: add 'insecure-http' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": [re.compile(r"https?://app\.example\.com")]},
        "E008",
        "['ALLOW_ORIGINS'][0]",
        r"re.compile(r'https?://app\.example\.com') matches 'http://app.example.com', which uses "
        r"http: an attacker on the network can act as this origin, and credentials are allowed.",
        "Write a pattern that starts with 'https://', or accept the risk: add 'insecure-http' to "
        "ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": ["https://*.github.io"]},
        "E009",
        "['ALLOW_ORIGINS'][0]",
        "'https://*.github.io' covers names that anyone can register under 'github.io', "
        "and credentials are allowed.",
        "Write a host name of yours, such as 'https://*.yours.github.io', or accept the risk: add "
        "'public-suffix' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": [re.compile(r"https://.*\.co\.uk")]},
        "E009",
        "['ALLOW_ORIGINS'][0]",
        r"re.compile(r'https://.*\.co\.uk') matches 'https://a.co.uk' and 'https://0.co.uk', "
        "names that anyone can register, and credentials are allowed.",
        "Write a pattern that contains a host name of yours, or accept the risk: add "
        "'public-suffix' to ACCEPT_RISKS.",
    ),
    wrong(
        {**CREDENTIALS, "ALLOW_ORIGINS": [re.compile(r"https://.*")]},
        "E017",
        "['ALLOW_ORIGINS'][0]",
        "re.compile('https://.*') matches any origin, and credentials are allowed: "
        "any site could act as your users.",
        "Write the host name in the pattern, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {**CREDENTIALS, "EXPOSE_HEADERS": ["*"]},
        "E012",
        "['EXPOSE_HEADERS'][0]",
        "'*' exposes nothing when credentials are allowed: browsers then take it as a header name.",
        "List the headers that scripts may read, such as 'x-total-count'.",
    ),
    # -- Methods and headers -----------------------------------------------------------------------
    wrong(
        {"ALLOW_METHODS": ["TRACE"]},
        "E010",
        "['ALLOW_METHODS'][0]",
        "'TRACE' is forbidden by the Fetch standard: browsers do not let scripts use it.",
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
        "'GET, PUT' is not an HTTP method.",
        "Write a method such as 'PUT'.",
    ),
    wrong(
        {"ALLOW_HEADERS": ["x-a x-b"]},
        "E011",
        "['ALLOW_HEADERS'][0]",
        "'x-a x-b' is not a header name.",
        "Write one name, such as 'x-total-count'.",
    ),
    wrong(
        {"VARY": ["*"]},
        "E011",
        "['VARY'][0]",
        "'*' stops every cache from storing the response.",
        "List the request headers that ALLOW_ORIGIN_FUNC reads.",
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
        "Write a function (origin, request) -> bool or its dotted path, and leave '*' out of "
        "ALLOW_ORIGINS.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "tests.checks.test_policies.takes_one"},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'tests.checks.test_policies.takes_one' does not take the two arguments (origin, request).",
        "Write a function (origin, request) -> bool or its dotted path, and leave '*' out of "
        "ALLOW_ORIGINS.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "tests.policy.test_values.by_yielding"},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'tests.policy.test_values.by_yielding' is a generator function: calling it does not run "
        "its code.",
        "Write 'return' instead of 'yield'.",
    ),
    wrong(
        {"ALLOW_ORIGIN_FUNC": "tests.wire.yes", "ALLOW_ORIGINS": ["*"]},
        "E013",
        "['ALLOW_ORIGIN_FUNC']",
        "'tests.wire.yes' is never called: '*' already allows every origin.",
        "Write a function (origin, request) -> bool or its dotted path, and leave '*' out of "
        "ALLOW_ORIGINS.",
    ),
    wrong(
        {"PATHS": ["api/"]},
        "E014",
        "['PATHS'][0]",
        "'api/' does not start with '/'.",
        "Write '/api/'.",
    ),
    wrong(
        {"PATHS": ["https://api.example.com/v1/"]},
        "E014",
        "['PATHS'][0]",
        "'https://api.example.com/v1/' does not start with '/'.",
        "Write '/v1/'.",
    ),
    wrong(
        {"PATHS": ["^/api/.*$"]},
        "E014",
        "['PATHS'][0]",
        "'^/api/.*$' looks like a pattern, and strings are taken literally.",
        "Write the prefix '/api/', which covers every path that starts with it, or "
        "re.compile(r'...').",
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
        "[] is empty, so the policy applies to no path.",
        "Write prefixes such as '/api/', or leave PATHS out.",
    ),
    pytest.param(
        {"api": {"PATHS": ["/api/"]}, "shop": {"PATHS": ["/shop/", "/api/"]}},
        "E015",
        "CORS_POLICIES['shop']['PATHS'][1]",
        "'/api/' is already a path of CORS_POLICIES['api'], and a path can have only one policy.",
        "Remove it from one of the two policies.",
        id="E015-one path in two policies",
    ),
    wrong(
        {"ACCEPT_RISKS": ["insecure_http"]},
        "E016",
        "['ACCEPT_RISKS'][0]",
        "'insecure_http' is not a known risk.",
        "Did you mean 'insecure-http'?",
    ),
    # -- In rehearsal ------------------------------------------------------------------------------
    wrong(
        {"REPORT_ONLY": {"PATHS": ["/api/"]}},
        "E023",
        "['REPORT_ONLY']",
        "'PATHS' is not allowed in REPORT_ONLY, which uses the paths of its policy.",
        "Leave it out.",
    ),
    wrong(
        {"REPORT_ONLY": {"REPORT_ONLY": {"ALLOW_ORIGINS": ["*"]}}},
        "E023",
        "['REPORT_ONLY']",
        "'REPORT_ONLY' cannot contain another REPORT_ONLY.",
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
        "'*' allows any site, and credentials are allowed: any site could act as your users.",
        "List the origins that you trust, or set ALLOW_CREDENTIALS to False.",
    ),
    wrong(
        {"REPORT_ONLY": ["https://app.example.com"]},
        "E001",
        "['REPORT_ONLY']",
        "['https://app.example.com'] is not a dictionary of policy keys.",
        "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}.",
    ),
    wrong(
        {"REPORT_ONLY": {"allow_origins": ["https://app.example.com"]}},
        "E002",
        "['REPORT_ONLY']",
        "'allow_origins' is not a policy key.",
        "Did you mean 'ALLOW_ORIGINS'?",
    ),
]


def takes_one(origin: str) -> bool:
    return True


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
    assert check_headers() == check_origins() == check_idle_policies() == check_cookies() == []


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


def test_w012_a_policy_that_governs_nothing(settings: Any) -> None:
    settings.CORS_POLICIES = {"Default": {"ALLOW_ORIGINS": ["https://app.example.com"]}}
    [idle] = check_idle_policies()
    assert (idle.id, idle.obj) == ("django_cors_policy.W012", "CORS_POLICIES['Default']")
    assert idle.hint.endswith("The policy for all other paths is called 'default'.")
    settings.CORS_POLICIES |= {"default": {}}
    [idle] = check_idle_policies()
    assert "called" not in idle.hint
    settings.ROOT_URLCONF = "tests.urls_decorated"
    settings.CORS_POLICIES = {"default": {}, "public": {}}  # a decorator names it
    assert check_idle_policies() == []
    del settings.ROOT_URLCONF
    settings.CORS_POLICIES = {"default": {}, "idle": {}}
    assert check_idle_policies() == []


# --- Those of decorators and of rehearsals


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
    found = warnings_about(
        settings, ALLOW_HEADERS=["origin"], EXPOSE_HEADERS=["origin"], REPORT_ONLY=rehearsed
    )
    on = "on tests.views.hello"
    two = "@cors_policy(allow_methods=['PTCH'], allow_origins=['null'])"
    three = "@cors_policy(max_age=1, report_only={'EXPOSE_HEADERS': ['te']})"
    assert [(*ids([message]), message.obj) for message in found] == [
        ("W016", "CORS_POLICIES['default']['ALLOW_HEADERS']"),
        ("W016", "CORS_POLICIES['default']['EXPOSE_HEADERS']"),
        ("W016", "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_HEADERS']"),
        ("W016", f"@cors_policy(allow_headers=['cookie']) {on}: allow_headers"),
        ("W017", f"{two} {on}: allow_methods[0]"),
        ("W016", f"{three} {on}: report_only['EXPOSE_HEADERS']"),
        ("W018", "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_ORIGINS'][0]"),
        ("W018", f"{two} {on}: allow_origins[0]"),
    ]
    assert "set allow_credentials to True" in str(found[3].hint)


def test_policies_of_decorators_are_checked_as_well(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls_careless"
    settings.MIDDLEWARE = [OURS, CSRF]
    settings.CORS_POLICIES = {"default": {"ALLOW_CREDENTIALS": True}}
    places = [(message.id[-4:], message.obj) for message in (*check_headers(), *check_origins())]
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
