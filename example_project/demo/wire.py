"""Records the requests and responses of the API's server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from django.core.servers.basehttp import WSGIRequestHandler

# Calls have a tag in their query string: ?call=<run>.<id>. A preflight goes to the same URL, so the
# tag shows its call. Each URL is used only once, so browsers never use a cached preflight.
TAG = "call"

# Headers that have nothing to do with CORS. Headers that begin with "sec-" are left out, too.
NOISE = frozenset(
    "accept accept-encoding accept-language cache-control connection content-length "
    "cross-origin-opener-policy dnt expires host pragma priority referer referrer-policy te "
    "user-agent x-content-type-options x-frame-options".split()
)


@dataclass(frozen=True)
class Exchange:
    """One request and its response."""

    method: str
    status: int
    is_preflight: bool
    has_cookie: bool
    request: list[str]
    response: list[str]
    response_headers: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class RecordingHandler(WSGIRequestHandler):
    """Django's development server, which also passes on the request as it was sent."""

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["demo.request_line"] = self.requestline
        environ["demo.request_headers"] = self.headers.items()
        return environ


class Recorder:
    """Wraps the API's WSGI application and keeps the latest exchanges that have a tag."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self._exchanges: deque[tuple[str, Exchange]] = deque(maxlen=500)
        self._lock = Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        tag = parse_qs(environ.get("QUERY_STRING", "")).get(TAG, [""])[0]

        def record_and_start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            # Record before the first byte is sent, so before the browser gets the response.
            if tag:
                exchange = make_exchange(environ, status, headers)
                with self._lock:
                    self._exchanges.append((tag, exchange))
            return start_response(status, headers, *rest)

        return self.application(environ, record_and_start)

    def exchanges(self, tag: str) -> list[Exchange]:
        with self._lock:
            return [exchange for its_tag, exchange in self._exchanges if its_tag == tag]


def make_exchange(environ: dict[str, Any], status: str, headers: list[tuple[str, str]]) -> Exchange:
    method = environ["REQUEST_METHOD"]
    return Exchange(
        method=method,
        status=int(status[:3]),
        is_preflight=(
            method == "OPTIONS"
            and "HTTP_ORIGIN" in environ
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        ),
        has_cookie="HTTP_COOKIE" in environ,
        request=[environ["demo.request_line"], *lines(environ["demo.request_headers"])],
        response=[f"HTTP/1.1 {status}", *lines(headers)],
        response_headers={name.lower(): value for name, value in headers},
    )


def lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [
        f"{name}: {without_secrets(name.lower(), value)}"
        for name, value in headers
        if name.lower() not in NOISE and not name.lower().startswith("sec-")
    ]


def without_secrets(name: str, value: str) -> str:
    """Shorten tokens and cookies, so that screenshots of the page do not show them."""
    if name == "x-csrftoken":
        return f"{value[:4]}…"
    if name == "authorization":
        return f"{value.partition(' ')[0]} …"
    if name == "cookie":
        return "; ".join(f"{pair.partition('=')[0].strip()}=…" for pair in value.split(";"))
    if name == "set-cookie":
        pair, semicolon, attributes = value.partition(";")
        return f"{pair.partition('=')[0]}=…{semicolon}{attributes}"
    return value
