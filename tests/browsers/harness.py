"""A server that any ``*.localhost`` origin reaches, and what a script in a page can see of it.

Preflights happen below the page, where a browser's automation does not show them. So the tests ask
the server what it saw, and the page what its script could read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import QuietWSGIRequestHandler

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

# Both browsers resolve *.localhost to loopback by themselves, and "localhost" counts as a public
# suffix: two hosts directly under it are two sites, two hosts under site.localhost are one.
APP = "app.site.localhost"
API = "api.site.localhost"
CROSS_SITE_APP = "app.localhost"
CROSS_SITE_API = "api.localhost"

ITEMS = "/api/items/"

PAGE = b"<!doctype html><title>A page</title>"


@dataclass
class Seen:
    """One request as the server saw it, and the status it answered with."""

    method: str
    path: str
    origin: str | None
    requested_method: str | None
    requested_headers: str | None
    cookie: str | None
    status: int | None = None

    @classmethod
    def from_environ(cls, environ: dict[str, Any]) -> Seen:
        return cls(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            origin=environ.get("HTTP_ORIGIN"),
            requested_method=environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
            requested_headers=environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
            cookie=environ.get("HTTP_COOKIE"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.status}"


@dataclass
class Server:
    """Answers on loopback: ``/api/…`` by Django and on record, all else by an empty page.

    The page comes from outside Django, so that no policy under test can reach it. The port is a
    free one, but none of those to ``avoid``.
    """

    avoid: set[int] = field(default_factory=set)
    log: list[Seen] = field(default_factory=list)
    django: Callable[..., Iterable[bytes]] | None = None

    def __enter__(self) -> Server:
        while True:
            self._http = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
            if self.port not in self.avoid:
                break
            self._http.server_close()
        self._http.set_app(self.answer)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/api/"):
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [PAGE]

        assert self.django is not None, "set a policy before the page calls the API"
        seen = Seen.from_environ(environ)
        self.log.append(seen)

        def record_status(status: str, *args: Any) -> Any:
            seen.status = int(status[:3])
            return start_response(status, *args)

        return self.django(environ, record_status)

    @property
    def port(self) -> int:
        return self._http.server_port

    def origin(self, host: str = APP) -> str:
        return f"http://{host}:{self.port}"

    def url(self, path: str = ITEMS, host: str = API) -> str:
        return self.origin(host) + path

    @property
    def seen(self) -> list[str]:
        """The whole conversation, as in ``["OPTIONS 204", "PUT 200"]``."""
        return [str(request) for request in self.log]


@dataclass(frozen=True)
class Answer:
    """What the page's script got: a response it may read, or the name of the error instead."""

    ok: bool = False
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None


FETCH = """
async ([url, init]) => {
    try {
        const response = await fetch(url, init);
        return {
            ok: response.ok,
            status: response.status,
            body: await response.text(),
            headers: Object.fromEntries(response.headers),
        };
    } catch (error) {
        return {error: error.name};
    }
}
"""

# fetch() cannot watch an upload, so the old interface is the only way to force this preflight.
UPLOAD = """
([url, body]) => new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    xhr.upload.onprogress = () => {};
    xhr.onload = () => resolve({
        ok: xhr.status >= 200 && xhr.status < 300, status: xhr.status, body: xhr.responseText,
    });
    xhr.onerror = () => resolve({error: "ProgressEvent"});
    xhr.open("POST", url);
    xhr.send(body);
})
"""

SANDBOX = """
() => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.src = "/sandbox";
    document.body.append(frame);
}
"""


def fetch_in_page(page: Page | Frame, url: str, **init: Any) -> Answer:
    """``fetch(url, init)`` by the page's own script."""
    return Answer(**page.evaluate(FETCH, [url, init]))


def upload_in_page(page: Page | Frame, url: str, body: str) -> Answer:
    """A POST that would need no preflight, but for the listener on its progress."""
    return Answer(**page.evaluate(UPLOAD, [url, body]))


def open_sandbox(page: Page) -> Frame:
    """A frame of the page's own host whose origin is opaque: it calls itself ``null``."""
    with page.expect_event(
        "framenavigated", lambda frame: frame.url.endswith("/sandbox")
    ) as navigated:
        page.evaluate(SANDBOX)
    return navigated.value
