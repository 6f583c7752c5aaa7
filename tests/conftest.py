"""Two live servers, so that headers are seen as they go over the wire.

pytest-django's ``live_server`` is the same server, but wants a database flushed after each test and
reads MIDDLEWARE before any test can change it.
"""

from __future__ import annotations

import contextvars
import functools
import socket
import threading
import weakref
from collections.abc import Iterator

import hypothesis
import pytest
import uvicorn
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import setting_changed
from django.test import override_settings
from django.test.testcases import QuietWSGIRequestHandler

from django_cors_policy import decorators
from django_cors_policy.hooks import hooks

from .wire import MIDDLEWARE

Address = tuple[str, int]


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = ["not in a plain run: tests/browsers and tests/processes; name them to run them"]
    if config.option.markexpr == "not slow":
        lines.append('left out: slow tests; `pytest -m ""` runs them as well')
    return lines


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[object]:
    """Run each test in a copy of the context, so that async tests stay quick.

    Django sets a context variable for each URL resolver that it fills, and never removes it. When
    an async request changes threads, asgiref copies all of them. After a thousand tests, most of
    the time of an async test would go into that.
    """
    function = pyfuncitem.obj
    pyfuncitem.obj = functools.partial(contextvars.copy_context().run, function)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = function


@pytest.fixture(autouse=True)
def fresh_policies() -> Iterator[None]:
    """A setting that a test deletes comes back without a signal."""
    yield
    setting_changed.send(None, setting="CORS_POLICIES", value=None, enter=False)


@pytest.fixture(autouse=True)
def no_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the decorators in all test modules, a check sees those that the test itself writes."""
    monkeypatch.setattr(decorators, "_marks", weakref.WeakValueDictionary())


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the allowlist's own tests have the database asked."""
    monkeypatch.setattr(hooks, "origin_source", None)


# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="session")
def wsgi_server() -> Iterator[Address]:
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        application = WSGIHandler()
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def asgi_server() -> Iterator[Address]:
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        application = get_asgi_application()
    config = uvicorn.Config(
        application, http="h11", ws="none", loop="asyncio", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()
