"""The allowlist plugged in, and a new process's allowlist for each test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from django_cors_policy.allowlist.snapshot import Allowlist, allowlist
from django_cors_policy.hooks import hooks

ROW = "https://row.example"
SETTINGS = "https://app.example.com"
# Short, so that nobody waits; the promises are told in intervals.
INTERVAL = 0.2


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Allowlist]:
    """Asks on each request unless a test says otherwise."""
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [SETTINGS], "ALLOW_CREDENTIALS": True},
        "open": {"ALLOW_ORIGINS": [SETTINGS], "PATHS": ["/public/"]},
    }
    monkeypatch.setattr(hooks, "origin_source", allowlist)
    allowlist.reset()
    yield allowlist
    allowlist.reset()


@pytest.fixture
def threaded(settings: Any) -> None:
    """As in production, only faster."""
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": INTERVAL, "FIRST_WAIT_SECONDS": 30}


def allowed(origin: str, path: str = "/hello/") -> bool:
    """Whether a request from ``origin`` may be read."""
    response = Client().get(path, headers={"origin": origin})
    assert response.status_code == 200
    return response.headers.get("Access-Control-Allow-Origin") == origin


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait; how long it takes says more about the machine than about the code."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
