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


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("PTCH", "PATCH"),
        ("PTACH", "PATCH"),
        ("PATHC", "PATCH"),
        ("PATCHE", "PATCH"),
        ("patche", "PATCH"),
        ("DELET", "DELETE"),
        ("DELATE", "DELETE"),
        ("POTS", "POST"),
        ("OPST", "POST"),
        ("PUTT", "PUT"),
        ("PT", "PUT"),
        ("EGT", "GET"),
        ("OPTION", "OPTIONS"),
        ("HAED", "HEAD"),
    ],
)
def test_a_slip_of_a_method(typed: str, meant: str) -> None:
    assert fetch.nearest_method(typed) == meant


@pytest.mark.parametrize(
    "method",
    [
        *sorted(fetch.WELL_KNOWN_METHODS),
        # https://www.iana.org/assignments/http-methods/
        *"ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY LABEL LINK LOCK MERGE".split(),
        *"MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PRI".split(),
        *"PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK".split(),
        *"UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL".split(),
        # of caches, and of UPnP
        *"PURGE BAN SUBSCRIBE UNSUBSCRIBE NOTIFY M-SEARCH".split(),
        # made up
        *"X APPROVE HCTAP PAATCCH TPCH *".split(),
        "",
    ],
)
def test_no_slip_of_a_method(method: str) -> None:
    assert fetch.nearest_method(method) is None


def test_headers_of_requests_are_no_headers_of_responses() -> None:
    """Scripts may want to read these, and a warning would be wrong."""
    response_headers = {
        *"accept-ranges age allow content-disposition content-encoding content-language".split(),
        *"content-length content-range content-type date etag last-modified link location".split(),
        *"proxy-authenticate retry-after server server-timing vary via www-authenticate".split(),
        *"x-request-id x-total-count".split(),
    }
    assert not response_headers & fetch.REQUEST_ONLY_HEADERS
    assert not fetch.CORS_RESPONSE_HEADERS & fetch.REQUEST_ONLY_HEADERS
    assert all(name == name.lower() for name in fetch.REQUEST_ONLY_HEADERS)
