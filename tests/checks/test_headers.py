"""W006, W016 and W017: headers and methods that do not do what was meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client

from django_cors_policy.checks import check_headers

from .common import COMMON, CREDENTIALS, CSRF, OURS, ids, warning, warnings_about

WITHOUT_TOKEN = {"ALLOW_ORIGINS": ["https://app.example.com"], "ALLOW_HEADERS": [], **CREDENTIALS}


class OwnCsrfMiddleware(CsrfViewMiddleware):
    pass


def test_w006_csrf_header(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, CSRF]
    settings.CORS_POLICIES = {"default": WITHOUT_TOKEN}
    assert check_headers() == [
        warning(
            "W006",
            "CORS_POLICIES['default']['ALLOW_HEADERS']",
            "Credentials are allowed, but the header 'x-csrftoken' is not: scripts on an allowed "
            "origin cannot send Django's CSRF token in it.",
            "Add 'x-csrftoken'. If this policy has no CSRF-protected views, silence this check.",
        )
    ]


@pytest.mark.parametrize(
    ("header_name", "policy", "middleware", "expected"),
    [
        ("HTTP_X_CSRFTOKEN", {"ALLOW_HEADERS": []}, CSRF, ["W006"]),
        (
            "HTTP_X_CSRFTOKEN",
            {"ALLOW_HEADERS": []},
            "tests.checks.test_headers.OwnCsrfMiddleware",
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
    assert ids(check_headers()) == expected


REMOVE = "Remove it."
REMOVE_ALL = "Remove them."
BY_THEMSELVES = (
    " To allow requests with cookies, set ALLOW_CREDENTIALS to True: browsers add the cookies "
    "themselves."
)
FRONT_END = " If your front end sets such a header on its requests, remove it there first."
SENT = " If your views send such a header in responses, silence this check."


@pytest.mark.parametrize(
    ("key", "written", "message", "hint"),
    [
        pytest.param(
            "ALLOW_HEADERS",
            ["accept", "accept-encoding", "authorization", "DNT", "origin", "x-csrftoken"],
            "Browsers do not let scripts set 'accept-encoding', 'dnt', 'origin'.",
            REMOVE_ALL,
            id="the default of django-cors-headers before 4.0",
        ),
        (
            "ALLOW_HEADERS",
            ["Cookie"],
            "Browsers do not let scripts set 'cookie'.",
            REMOVE + BY_THEMSELVES,
        ),
        (
            "ALLOW_HEADERS",
            ["x-a", "Sec-Fetch-Site", "Access-Control-Allow-Origin"],
            "Browsers do not let scripts set 'sec-fetch-site'. Requests do not need "
            "'access-control-allow-origin': the middleware sets such headers on responses.",
            REMOVE_ALL + FRONT_END,
        ),
        (
            "ALLOW_HEADERS",
            ["Access-Control-Max-Age"],
            "Requests do not need 'access-control-max-age': the middleware sets such headers on "
            "responses.",
            REMOVE + FRONT_END,
        ),
        (
            "EXPOSE_HEADERS",
            ["Set-Cookie"],
            "Browsers never let scripts read 'set-cookie'.",
            REMOVE,
        ),
        (
            "EXPOSE_HEADERS",
            ["x-total-count", "Authorization", "X-CSRFToken", "accept", "content-type"],
            "Responses normally do not have 'authorization', 'x-csrftoken', 'accept', only "
            "requests do.",
            REMOVE_ALL + SENT,
        ),
        (
            "EXPOSE_HEADERS",
            ["Access-Control-Allow-Origin", "set-cookie2", "origin"],
            "Browsers never let scripts read 'set-cookie2'. Responses normally do not have "
            "'origin', only requests do. Only the browser needs 'access-control-allow-origin'.",
            REMOVE_ALL + SENT,
        ),
    ],
)
def test_w016_useless_headers(
    settings: Any, key: str, written: list[str], message: str, hint: str
) -> None:
    """All of a list at once, and none keeps the project from starting."""
    expected = warning("W016", f"CORS_POLICIES['default']['{key}']", message, hint)
    assert warnings_about(settings, **{key: written}) == [expected]


def test_w016_cookies_that_are_sent_already(settings: Any) -> None:
    origins = {"ALLOW_ORIGINS": ["https://app.example.com"]}
    [message] = warnings_about(settings, **origins, ALLOW_HEADERS=["cookie"], **CREDENTIALS)
    assert message.hint == REMOVE


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
        assert warnings_about(settings, **policy, ALLOW_HEADERS=allow_headers) == []
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
    assert warnings_about(settings, ALLOW_METHODS=written) == [
        warning(
            "W017",
            f"CORS_POLICIES['default']['ALLOW_METHODS'][{index}]",
            f"{method!r} is not a registered HTTP method.",
            f"Did you mean {meant!r}? If not, silence this check.",
        )
        for method, index, meant in expected
    ]
