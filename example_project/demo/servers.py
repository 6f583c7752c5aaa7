"""HTTP servers on this machine's loopback address, one thread for each request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

Application = Callable[..., Iterable[bytes]]


class PortTaken(Exception):
    """The port is in use, or this process may not open it."""


class QuietHandler(WSGIRequestHandler):
    """Logs nothing, so that the terminal shows only requests to the API."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def listening(
    port: int, handler: type[WSGIRequestHandler] = QuietHandler
) -> Iterator[ThreadedWSGIServer]:
    """Open the port. The server starts to respond in ``serving()``."""
    # Browsers try ::1 for "localhost" first. Another server there would get our requests, even if
    # 127.0.0.1 is free.
    for address in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            continue
        raise PortTaken("another program uses it")
    try:
        server = ThreadedWSGIServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise PortTaken(error.strerror) from error
    try:
        yield server
    finally:
        server.server_close()


@contextmanager
def serving(server: ThreadedWSGIServer, application: Application) -> Iterator[None]:
    server.set_app(application)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
