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
    """Somebody else listens there, or we may not."""


class QuietHandler(WSGIRequestHandler):
    """Leaves the terminal to the API's requests."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def listening(
    port: int, handler: type[WSGIRequestHandler] = QuietHandler
) -> Iterator[ThreadedWSGIServer]:
    """A server that has its port, and serves once it is handed to ``serving()``."""
    # To browsers "localhost" is ::1 as well, and they try that first: a server there would get what
    # is meant for ours, although our own address is free.
    for address in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            continue
        raise PortTaken("another program listens there")
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
