"""The browser's part, against the steps of the Fetch standard."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy import browser
from django_cors_policy.browser import SAFELISTED_RESPONSE_HEADERS, Call, Failure

from .ids import stable
from .wire import APP, CREDENTIALS, EXPOSE, HEADERS, METHODS, ORIGIN, STRANGER


def call(method: str = "GET", *headers: str, content_type: str = "", **more: Any) -> Call:
    return Call(APP, method, headers, content_type, **more)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        # https://fetch.spec.whatwg.org/#concept-method-normalize
        ("get", "GET"),
        ("delete", "DELETE"),
        ("Head", "HEAD"),
        ("options", "OPTIONS"),
        ("post", "POST"),
        ("put", "PUT"),
        ("patch", "patch"),
        ("PATCH", "PATCH"),
        ("purge", "purge"),
    ],
)
def test_methods_are_normalised(written: str, sent: str) -> None:
    assert call(written).method == sent


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        (call(), None),
        (call("HEAD"), None),
        (call("POST"), None),
        (call("put"), ""),
        (call("PATCH"), ""),
        (call("OPTIONS"), ""),
        # https://fetch.spec.whatwg.org/#cors-safelisted-request-header
        (call("GET", "Accept", "Accept-Language", "Content-Language", "Range"), None),
        (call("GET", "Authorization"), "authorization"),
        (call("GET", "X-B", " x-a", "X-A"), "x-a,x-b"),
        (call("DELETE", "x-a"), "x-a"),
        # https://fetch.spec.whatwg.org/#forbidden-request-header
        (call("GET", "Cookie", "Host", "Sec-Fetch-Site", "Proxy-X", "Origin"), None),
        (call("GET", "User-Agent"), "user-agent"),
        # of which nobody says what it is
        (call("POST", "Content-Type"), "content-type"),
        (call("POST", content_type="application/json"), "content-type"),
        (call("POST", content_type="text/plain"), None),
        (call("POST", content_type=" Text/Plain ; charset=utf-8"), None),
        (call("POST", content_type="multipart/form-data; boundary=a"), None),
        (call("POST", content_type="application/x-www-form-urlencoded"), None),
        (call("POST", content_type="text/plainer"), "content-type"),
        (call("POST", content_type="text/plain, application/json"), "content-type"),
        # https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte
        (call("POST", content_type='multipart/form-data; boundary="a"'), "content-type"),
        (call("POST", content_type="text/plain; a=\x7f"), "content-type"),
        (call("POST", content_type="text/plain;\ta=b"), None),
        (call("POST", content_type=f"text/plain; a={'b' * 114}"), None),
        (call("POST", content_type=f"text/plain; a={'b' * 115}"), "content-type"),
        (call("POST", content_type=f"text/plain; a={'ü' * 58}"), "content-type"),
    ],
    ids=stable,
)
def test_what_is_asked_before(made: Call, asked: str | None) -> None:
    """None: there is no preflight."""
    assert made.is_preflighted == (asked is not None)
    if asked is not None:
        expected = {"Origin": APP, "Access-Control-Request-Method": made.method}
        if asked:
            expected["Access-Control-Request-Headers"] = asked
        assert made.preflight_headers == expected


def test_what_no_script_can_set_is_left_out() -> None:
    made = call("GET", "Cookie", "X-A", "Sec-GPC", "Accept")
    assert made.headers == ("accept", "cookie", "sec-gpc", "x-a")
    assert made.dropped_headers == ("cookie", "sec-gpc")
    assert made.asked_headers == ("x-a",)


@pytest.mark.parametrize(
    ("credentials", "headers", "failure"),
    [
        # https://fetch.spec.whatwg.org/#concept-cors-check
        (False, {ORIGIN: APP}, None),
        (False, {ORIGIN: "*"}, None),
        (False, {}, "origin"),
        (False, {ORIGIN: STRANGER}, "origin"),
        (False, {ORIGIN: f"{APP}, {APP}"}, "origin"),
        (False, {ORIGIN: f"{APP}, *"}, "origin"),
        (False, {ORIGIN: "null"}, "origin"),
        (False, {ORIGIN: APP.upper()}, "origin"),
        (False, {ORIGIN: APP, CREDENTIALS: "false"}, None),
        (True, {ORIGIN: APP, CREDENTIALS: "true"}, None),
        (True, {ORIGIN: APP}, "credentials"),
        (True, {ORIGIN: APP, CREDENTIALS: "True"}, "credentials"),
        (True, {ORIGIN: APP, CREDENTIALS: "true, true"}, "credentials"),
        (True, {ORIGIN: "*", CREDENTIALS: "true"}, "wildcard-with-credentials"),
        (True, {ORIGIN: STRANGER, CREDENTIALS: "true"}, "origin"),
        (True, {}, "origin"),
    ],
)
def test_cors_check(credentials: bool, headers: dict[str, str], failure: str | None) -> None:
    made = call(credentials=credentials)
    expected = Failure(failure) if failure else None
    assert browser.check_response(made, headers) == expected
    # It comes first on a preflight as well, whatever the status.
    for status in (204, 403) if expected else (204,):
        assert browser.check_preflight(made, status, headers) == expected


@pytest.mark.parametrize(
    ("status", "failure"),
    [(200, None), (204, None), (299, None), *((s, str(s)) for s in (199, 301, 304, 403, 404, 500))],
)
def test_a_preflight_wants_an_ok_status(status: int, failure: str | None) -> None:
    expected = Failure(browser.STATUS, failure) if failure else None
    assert browser.check_preflight(call("PUT"), status, {ORIGIN: APP, METHODS: "PUT"}) == expected


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize(
    ("made", "methods", "headers", "failure", "with_credentials"),
    [
        # step 7.5; the last column is for calls with credentials, None where it is the same
        (("PUT",), "PUT", "", None, None),
        (("PUT",), "GET,PUT", "", None, None),
        (("PUT",), " GET , PUT ,", "", None, None),
        (("PUT",), "GET, POST", "", ("method", "PUT"), None),
        (("PUT",), "put", "", ("method", "PUT"), None),
        (("patch",), "PATCH", "", ("method", "patch"), None),
        (("PUT",), "", "", ("method", "PUT"), None),
        (("PUT",), "*", "", None, ("method", "PUT")),
        (("POST",), "", "", None, None),
        (("GET",), "PUT", "", None, None),
        # steps 7.6 and 7.7
        (("GET", "x-a"), "", "x-a", None, None),
        (("GET", "X-A"), "", "X-B, X-a", None, None),
        (("GET", "x-a"), "", "", ("header", "x-a"), None),
        (("GET", "x-a", "x-b"), "", "x-a", ("header", "x-b"), None),
        (("GET", "x-a"), "", "*", None, ("header", "x-a")),
        (("GET", "authorization"), "", "*", ("header", "authorization"), None),
        (("GET", "authorization"), "", "*, Authorization", None, None),
        (("GET", "accept"), "", "", None, None),
        (("PUT", "x-a"), "", "", ("method", "PUT"), None),
    ],
    ids=stable,
)
def test_lists_of_a_preflight(
    made: tuple[str, ...],
    methods: str,
    headers: str,
    failure: tuple[str, str] | None,
    with_credentials: tuple[str, str] | None,
    credentials: bool,
) -> None:
    answer = {ORIGIN: APP, CREDENTIALS: "true", METHODS: methods, HEADERS: headers}
    if credentials:
        failure = with_credentials or failure
    expected = Failure(*failure) if failure else None
    assert browser.check_preflight(call(*made, credentials=credentials), 204, answer) == expected


@pytest.mark.parametrize(
    ("credentials", "exposed", "more"),
    [
        # https://fetch.spec.whatwg.org/#concept-filtered-response-cors
        (False, None, []),
        (False, "x-total", ["x-total"]),
        (True, "x-total, X-Page", ["x-total", "X-Page"]),
        (True, "*, x-total", ["x-total"]),
        (False, "content-type, x-total, x-total", ["x-total"]),
        (False, "Set-Cookie, x-total", ["x-total"]),
    ],
)
def test_what_a_script_may_read(credentials: bool, exposed: str | None, more: list[str]) -> None:
    headers = {} if exposed is None else {EXPOSE: exposed}
    readable = browser.readable_headers(call(credentials=credentials), headers)
    assert readable == (*SAFELISTED_RESPONSE_HEADERS, *more)


def test_a_wildcard_shows_all_headers_without_credentials() -> None:
    assert browser.readable_headers(call(), {EXPOSE: "x-a, *"}) == ("*",)
