"""Rows count for a rehearsal as they count for its policy, and what it refuses is recorded."""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.allowlist.recorder import recorder

from .conftest import ROW, SETTINGS
from .test_recorder import start_others

pytestmark = pytest.mark.django_db

STRANGER = "https://stranger.example"

Send = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def send(
    request: pytest.FixtureRequest,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Send]:
    """A preflight and an actual request; both are recorded, and written when a test asks."""
    caplog.set_level(logging.INFO, logger="django_cors_policy")
    monkeypatch.setattr(threading.Thread, "start", start_others)
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0, "RECORD_REFUSALS": True}
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["*"], "REPORT_ONLY": {"ALLOW_ORIGINS": [SETTINGS]}}
    }
    recorder.reset()

    def ask(method: str, headers: dict[str, str]) -> Any:
        return Client().generic(method, "/hello/", headers=headers)

    # Not asyncio.run, for the rows are read on this thread's connection.
    @async_to_sync
    async def ask_async(method: str, headers: dict[str, str]) -> Any:
        return await AsyncClient().generic(method, "/hello/", headers=headers)

    def send(origin: str, **headers: str) -> None:
        chosen = ask if request.param == "sync" else ask_async
        headers = {"origin": origin, **headers}
        preflight = chosen("OPTIONS", {**headers, "access-control-request-method": "PUT"})
        assert preflight.status_code == 204
        assert chosen("PUT", headers).has_header("Access-Control-Allow-Origin")

    yield send
    recorder.reset()


def recorded() -> list[tuple[str, bool, int]]:
    assert recorder.flush()
    return list(RefusedOrigin.objects.values_list("origin", "is_rehearsal", "count"))


def add(**fields: Any) -> None:
    AllowedOrigin.objects.create(**{"policy": "default", "origin": ROW, **fields})


def test_what_it_refuses(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    for origin in (SETTINGS, STRANGER):
        send(origin)
    assert recorded() == [(STRANGER, True, 2)]
    [record] = [record for record in caplog.records if record.name == "django_cors_policy"]
    assert record.getMessage() == (
        f"CORS: 'PUT' '/hello/' from '{STRANGER}' would be refused: "
        "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_ORIGINS'] has no similar entry. "
        "The policy is 'default', because of CORS_POLICIES['default']."
    )


@pytest.mark.parametrize(
    ("fields", "allows"),
    [
        ({}, True),
        ({"origin": "https://*.example"}, True),
        ({"is_enabled": False}, False),
        ({"expires_at": timezone.now() - datetime.timedelta(days=1)}, False),
        ({"expires_at": timezone.now() + datetime.timedelta(days=1)}, True),
        ({"allow_credentials": False}, True),
        ({"policy": "other"}, False),
        ({"origin": "https://other.example"}, False),
    ],
)
def test_rows(send: Send, fields: dict[str, Any], allows: bool) -> None:
    add(**fields)
    send(ROW)
    assert recorded() == ([] if allows else [(ROW, True, 2)])


def test_a_row_that_comes_later(send: Send) -> None:
    send(ROW)
    add()
    send(ROW)
    assert recorded() == [(ROW, True, 2)]


@pytest.mark.parametrize("allow_credentials", [True, False])
def test_credentials_of_a_row(send: Send, settings: Any, allow_credentials: bool) -> None:
    """The policy in force grants them by its list, the rehearsal by the row alone."""
    settings.CORS_POLICIES = {
        "default": {
            "ALLOW_ORIGINS": [ROW],
            "ALLOW_CREDENTIALS": True,
            "REPORT_ONLY": {"ALLOW_CREDENTIALS": True},
        }
    }
    add(allow_credentials=allow_credentials)
    send(ROW)
    assert recorded() == []
    send(ROW, cookie="sessionid=1")
    assert recorded() == ([] if allow_credentials else [(ROW, True, 1)])


def test_a_row_that_the_rehearsal_would_refuse_does_not_count(send: Send, settings: Any) -> None:
    """Without credentials http is fine, with them it is a risk that nobody took."""
    origin = "http://insecure.example"
    add(origin=origin)
    send(origin)
    assert recorded() == []
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["*"], "REPORT_ONLY": {"ALLOW_CREDENTIALS": True}}
    }
    send(origin)
    assert recorded() == [(origin, True, 2)]


def test_a_refusal_is_none(send: Send, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"REPORT_ONLY": {"ALLOW_ORIGINS": ["*"]}}}
    Client().get("/hello/", headers={"origin": STRANGER})
    assert recorded() == [(STRANGER, False, 1)]
