"""What strangers send: it never raises, is never echoed, and never costs more than it must."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

import pytest
from django.test import AsyncClient, Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy.origins import OriginMatcher, parse_origin

from .wire import APP, HEADERS, METHODS, ORIGIN, VARY_PREFLIGHT

if TYPE_CHECKING:
    from .conftest import Address

# A policy that echoes all that can be echoed.
GENEROUS = {
    "default": {
        "ALLOW_ORIGINS": [
            APP,
            "https://*.example.com:*",
            re.compile(r"https://[a-z]+\.pattern\.test"),
        ],
        "ALLOW_CREDENTIALS": True,
        "ALLOW_METHODS": ["*"],
        "ALLOW_HEADERS": ["*"],
    }
}

HOSTILE_ORIGINS = [
    "",
    " ",
    "*",
    "null",
    "https://*.example.com",
    "https://a.example.com:*",
    "https://stranger.example",
    "https://app.example.com.stranger.example",
    "https://app.example.com@stranger.example",
    "https://stranger.example#.example.com",
    "https://stranger.example/.example.com",
    "https://stranger.example\\.example.com",
    f"{APP}/",
    f"{APP} ",
    f" {APP}",
    f"{APP}\t",
    f"{APP}\x00",
    f"{APP}\x7f",
    f"{APP}\r\nSet-Cookie: a=b",
    f"{APP}\nSet-Cookie: a=b",
    f"{APP}, {APP}",
    f"{APP},{APP}",
    f"{APP} {APP}",
    f"{APP}, null",
    f"{APP}:443",
    f"{APP}:0",
    f"{APP}:99999",
    f"{APP}:\uff11",
    "https://a\u0131pp.example.com",
    "https://\u212aa.pattern.test",  # a Kelvin sign, which lower() makes a "k"
    "https://ü.example.com",
    "https://\xff\xfe.example.com",
    "https://a\udc80.example.com",
    "https://" + "a" * 65536 + ".example.com",
    "https://" + "a." * 32768 + "example.com",
    APP + "," * 65536,
    "h" * 65536,
    "https://a.example.com:" + "1" * 65536,
]
HOSTILE_METHODS = [
    "",
    " ",
    "*, PUT",
    "PUT ",
    "PUT\r\nX-A: b",
    "P\x00T",
    "PÜT",
    "TRACE",
    "X" * 65536,
]
HOSTILE_HEADERS = [
    "",
    "x-a;x-b",
    "x-a\r\nSet-Cookie: a=b",
    "x-a\x00",
    "x-ä",
    "x-\u212a",
    "x-a\udc80",
    "x" * 65536,
    "x-a," * 16384 + "x-a",
    ",".join(["x"] * 32768),
    "x-a" + " " * 65536 + ",x-b",
]


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
async def send(request: pytest.FixtureRequest, settings: Any) -> Any:
    settings.CORS_POLICIES = GENEROUS
    client: Any = request.param()

    async def send(method: str, **headers: str) -> Any:
        """Straight into META, past whatever a server would have refused."""
        response = client.generic(method, "/hello/", **extra(client, headers))
        return await response if isinstance(client, AsyncClient) else response

    return send


def extra(client: Any, headers: dict[str, str]) -> dict[str, Any]:
    if not isinstance(client, AsyncClient):
        return {f"HTTP_{name}": value for name, value in headers.items()}
    # What is no latin-1 cannot come through ASGI, which has bytes; utf-8 makes it hostile enough.
    return {
        "headers": {
            name: value.encode("utf-8", "surrogateescape").decode("latin-1")
            for name, value in headers.items()
        }
    }


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS, ids=lambda origin: repr(origin[:60]))
async def test_hostile_origin(send: Any, origin: str) -> None:
    response = await send("GET", ORIGIN=origin)
    assert response.status_code == 200
    assert not any(name.lower().startswith("access-control-") for name in response.headers)
    response = await send("OPTIONS", ORIGIN=origin, ACCESS_CONTROL_REQUEST_METHOD="PUT")
    assert response.status_code == 403
    assert dict(response.headers) == {"Vary": VARY_PREFLIGHT, "Content-Length": "0"}


@pytest.mark.parametrize("method", HOSTILE_METHODS, ids=lambda method: repr(method[:40]))
async def test_hostile_method(send: Any, method: str) -> None:
    response = await send("OPTIONS", ORIGIN=APP, ACCESS_CONTROL_REQUEST_METHOD=method)
    assert (response.status_code, response[METHODS]) == (204, "GET, HEAD, POST")


@pytest.mark.parametrize("headers", HOSTILE_HEADERS, ids=lambda headers: repr(headers[:40]))
async def test_hostile_headers(send: Any, headers: str) -> None:
    response = await send(
        "OPTIONS",
        ORIGIN=APP,
        ACCESS_CONTROL_REQUEST_METHOD="PUT",
        ACCESS_CONTROL_REQUEST_HEADERS=headers,
    )
    assert (response.status_code, response[ORIGIN]) == (204, APP)
    assert not response.has_header(HEADERS)


# The settings are the same for every example.
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(origin=st.text(), method=st.text(), headers=st.text())
def test_any_text_at_all(settings: Any, origin: str, method: str, headers: str) -> None:
    settings.CORS_POLICIES = GENEROUS
    response = Client().options(
        "/hello/",
        HTTP_ORIGIN=origin,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD=method,
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS=headers,
    )
    assert response.status_code == 403
    response = Client().options(
        "/hello/",
        HTTP_ORIGIN=APP,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD=method,
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS=headers,
    )
    assert response.status_code == 204


# -- As bytes, to live servers --------------------------------------------------------------------

REQUEST = b"%(method)s /hello/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%(headers)s\r\n"

LINES = [
    b"Origin: https://app.example.com, https://app.example.com\r\n",
    b"Origin: https://app.example.com\r\nOrigin: https://app.example.com\r\n",
    b"Origin: https://app.example.com\r\nOrigin: https://stranger.example\r\n",
    b"Origin: https://app.example.com\x00\r\n",
    b"Origin: https://app.example.com\x01\r\n",
    # inside, for at the ends some servers take these two for white space
    b"Origin: https://app\x0b.example.com\r\n",
    b"Origin: https://app\xa0.example.com\r\n",
    b"Origin: https://app.example.com\xff\r\n",
    b"Origin: https://\xc3\xbc.example.com\r\n",
    b"Origin: https://app.example.com\r\n https://stranger.example\r\n",
    b"Origin:\r\n",
    b"Origin: " + b"a" * 60_000 + b"\r\n",
    b"Origin: https://" + b"a." * 30_000 + b"example.com\r\n",
    b"Origin: " + b"a" * 70_000 + b"\r\n",
]


def exchange(address: Address, method: bytes, headers: bytes) -> bytes:
    """All that a server answers to raw bytes."""
    with socket.create_connection(address, timeout=10) as connection:
        try:
            connection.sendall(REQUEST % {b"method": method, b"headers": headers})
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:  # refused before it was read to its end
            return b""


@pytest.fixture(params=["wsgi_server", "asgi_server"])
def address(request: pytest.FixtureRequest, settings: Any) -> Any:
    settings.CORS_POLICIES = GENEROUS
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("lines", LINES, ids=lambda lines: repr(lines[:60]))
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS"])
def test_hostile_bytes(address: Address, method: bytes, lines: bytes) -> None:
    asked = b"Access-Control-Request-Method: PUT\r\n" if method == b"OPTIONS" else b""
    answer = exchange(address, method, lines + asked)
    # A server may refuse what this project never gets to see; then it says so, or hangs up.
    if answer:
        status = int(answer.split(b" ", 2)[1])
        assert status in ({200, 400, 431} if method == b"GET" else {403, 400, 431})
        assert b"\naccess-control-" not in answer.lower()
    # Nothing has broken.
    good = exchange(address, b"GET", b"Origin: https://app.example.com\r\n")
    assert good.split(b" ", 2)[1] == b"200"
    assert b"access-control-allow-origin: https://app.example.com\r\n" in good.lower()


@pytest.mark.parametrize(
    "lines",
    [
        b"Access-Control-Request-Headers: x-a\r\nAccess-Control-Request-Headers: x-b\r\n",
        b"Access-Control-Request-Headers: x-\xc3\xbc\r\n",
        b"Access-Control-Request-Headers: x-a\x01\r\n",
        b"Access-Control-Request-Headers: " + b"x," * 30_000 + b"\r\n",
        b"Access-Control-Request-Private-Network: true\x01\r\n",
    ],
    ids=lambda lines: repr(lines[:60]),
)
def test_hostile_preflight_bytes(address: Address, lines: bytes) -> None:
    asked = b"Origin: https://app.example.com\r\nAccess-Control-Request-Method: PUT\r\n"
    answer = exchange(address, b"OPTIONS", asked + lines)
    status = int(answer.split(b" ", 2)[1])
    assert status in {204, 400}
    # Two lists are one, says HTTP; nothing else of the above may be echoed.
    echoed = re.search(rb"access-control-allow-headers: ([^\r]*)", answer.lower())
    assert echoed is None or echoed[1].replace(b" ", b"") == b"x-a,x-b"


# -- Bounded work ---------------------------------------------------------------------------------


class Counting(dict[Any, Any]):
    """A dictionary that counts how often it is asked."""

    lookups = 0

    def get(self, *args: Any) -> Any:
        self.lookups += 1
        return super().get(*args)


def counting(*entries: str) -> tuple[OriginMatcher, Counting]:
    matcher = OriginMatcher(map(parse_origin, entries))
    lookups = matcher._inexact._wildcards = Counting(matcher._inexact._wildcards)
    return matcher, lookups


@pytest.mark.parametrize("number", [1, 10_000])
@pytest.mark.parametrize(
    "origin",
    [
        "https://a",
        "https://a.b.example.com",
        "https://" + "a." * 120 + "example.com",
        "https://" + ".".join("a" * 126),
    ],
)
def test_lookups_do_not_grow(number: int, origin: str) -> None:
    """Neither with the list nor with the labels that a stranger sends."""
    wildcards = [f"https://*.host{index}.example.com" for index in range(number)]
    matcher, lookups = counting("https://a.example", *wildcards)
    assert matcher.match(origin) is None
    assert lookups.lookups <= 1 + len(["host", "example", "com"])


@pytest.mark.parametrize(
    "origin", [origin for origin in HOSTILE_ORIGINS if not origin.startswith("https://stranger")]
)
def test_nothing_is_looked_up_for_what_no_browser_sends(origin: str) -> None:
    matcher, lookups = counting("https://*.example.com:*")
    if origin != "https://app.example.com.stranger.example":
        assert matcher.match(origin) is None
        assert lookups.lookups == 0


def test_an_exact_origin_is_one_lookup() -> None:
    matcher, lookups = counting(APP, "https://*.example.com")
    assert matcher.match(APP) == APP
    assert lookups.lookups == 0


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS[-5:], ids=lambda origin: repr(origin[:40]))
def test_patterns_never_see_what_no_browser_sends(origin: str) -> None:
    """A pattern that backtracks without end on such text: this test would not come back."""
    matcher = OriginMatcher([re.compile(r"(?:[a-z:/.0-9,]+)+!")])
    assert matcher.match(origin) is None
