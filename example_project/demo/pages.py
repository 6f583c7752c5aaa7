"""The server of the page: a few static files, the list of calls, and the check of their results.

It runs once for each origin of the page, without Django. It sends no CORS headers, because other
origins do not need it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .calls import CALLS, GROUPS, ROW_ADDED
from .verdict import judge
from .wire import TAG, Recorder

FOLDER = Path(__file__).parent / "page"
# A fixed list, so that no path from a request reaches the file system.
FILES = {
    "/": ("index.html", "text/html"),
    "/frame.html": ("frame.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/frame.js": ("frame.js", "text/javascript"),
    "/runner.js": ("runner.js", "text/javascript"),
}


class Pages:
    """A WSGI application."""

    def __init__(self, recorder: Recorder, **facts: Any) -> None:
        self.recorder = recorder
        groups = [asdict(group) for group in GROUPS]
        told = {**facts, "tag": TAG, "groups": groups, "live": asdict(ROW_ADDED)}
        self.demo = json.dumps(told).encode()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        status, kind, content = self.answer(
            environ["REQUEST_METHOD"], environ["PATH_INFO"], environ
        )
        start_response(
            status,
            [
                ("Content-Type", f"{kind}; charset=utf-8"),
                ("Content-Length", str(len(content))),
                ("Cache-Control", "no-store"),
            ],
        )
        return [content]

    def answer(self, method: str, path: str, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        if method == "GET" and path in FILES:
            name, kind = FILES[path]
            return "200 OK", kind, (FOLDER / name).read_bytes()
        if method == "GET" and path == "/demo.json":
            return "200 OK", "application/json", self.demo
        if method == "POST" and path == "/judge":
            try:
                size = int(environ.get("CONTENT_LENGTH") or 0)
                told = json.loads(environ["wsgi.input"].read(size))
                call = CALLS[told["call"]]
                exchanges = self.recorder.exchanges(told["tag"])
                verdict = judge(call, exchanges, told["script"], told["memory"])
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                return "400 Bad Request", "text/plain", repr(error).encode()
            return "200 OK", "application/json", json.dumps(verdict.as_json()).encode()
        return "404 Not Found", "text/plain", b"There is nothing here.\n"
