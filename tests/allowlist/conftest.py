"""The allowlist plugged in, and a new process's allowlist for each test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction
from django.test import AsyncClient, Client

from django_cors_policy.allowlist import refresher
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import Allowlist, allowlist
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


def add(origin: str = ROW, **fields: Any) -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=origin, **fields)


def set_raw(pk: int, **fields: str) -> None:
    """Write around all validation."""
    with connection.cursor() as cursor:
        for name, value in fields.items():
            cursor.execute(
                f"UPDATE cors_policy_allowlist_allowedorigin SET {name} = %s WHERE id = %s",  # noqa: S608
                [value, pk],
            )


def add_and_roll_back(origin: str) -> None:
    with transaction.atomic():
        add(origin)
        transaction.set_rollback(True)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Write as another process would: this one is not told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allowlist, "catch_up", lambda: None)
        yield


def wait_for_polls(source: Allowlist, number: int) -> None:
    done = source._done
    wait_until(lambda: source._done >= done + number)


@pytest.fixture
def seldom(settings: Any) -> None:
    """What is seen before an hour is over is not seen by the next poll."""
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600, "FIRST_WAIT_SECONDS": 30}


@pytest.fixture
def patient(threaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is slow for a moment fails no test."""
    monkeypatch.setattr(refresher, "GRACE_SECONDS", 30)


async def check_async() -> None:
    client = AsyncClient()
    await AllowedOrigin.objects.acreate(origin=ROW)
    response = await client.get("/hello/", headers={"origin": ROW})
    assert response["Access-Control-Allow-Origin"] == ROW
    response = await client.options(
        "/hello/", headers={"origin": ROW, "access-control-request-method": "PUT"}
    )
    assert response.status_code == 204
    response = await client.get("/hello/", headers={"origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in response
    await sync_to_async(connections.close_all)()  # of the thread that async code's queries run in
