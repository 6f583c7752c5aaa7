from __future__ import annotations

import pytest

from django_cors_policy import fetch


@pytest.mark.parametrize("text", ["GET", "x-a", "*", "a", "0", "!#$%&'*+-.^_`|~"])
def test_token(text: str) -> None:
    assert fetch.is_token(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "a,b", "a:b", "a/b", '"a"', "a\n", "\ta", "\x7f", "a\x00", "ä", "\u212a"],
)
def test_no_token(text: str) -> None:
    assert not fetch.is_token(text)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "TRACK", "trace", "Track", "cOnNeCt"])
def test_forbidden_method(method: str) -> None:
    assert fetch.is_forbidden_method(method)


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PURGE", "TRACER", ""])
def test_method_not_forbidden(method: str) -> None:
    assert not fetch.is_forbidden_method(method)


@pytest.mark.parametrize(
    "name",
    [
        # https://fetch.spec.whatwg.org/#forbidden-request-header, in the order written there
        "Accept-Charset",
        "Accept-Encoding",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Method",
        "Connection",
        "Content-Length",
        "Cookie",
        "Cookie2",
        "Date",
        "DNT",
        "Expect",
        "Host",
        "Keep-Alive",
        "Origin",
        "Referer",
        "Set-Cookie",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
        "Proxy-Authorization",
        "Sec-Fetch-Site",
        "sec-",
    ],
)
def test_forbidden_request_header(name: str) -> None:
    assert fetch.is_forbidden_request_header(name)


@pytest.mark.parametrize(
    "name",
    ["authorization", "content-type", "user-agent", "x-http-method", "section", "proxy", "*"],
)
def test_request_header_not_forbidden(name: str) -> None:
    assert not fetch.is_forbidden_request_header(name)
