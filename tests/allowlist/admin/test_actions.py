"""Actions on selected rows."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_cors_policy.allowlist.models import AllowedOrigin

from .pages import (
    LIST,
    add,
    add_raw,
    in_,
    log,
    project,
    token,
    told,
    user_who_may,
)

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db


def act(client: Client, action: str, *rows: AllowedOrigin, **data: Any) -> Any:
    selected = {"_selected_action": [row.pk for row in rows]}
    return client.post(LIST, {"action": action, **selected, **data})


def test_enable_and_disable(admin: Client) -> None:
    on, off, over = (
        add("https://on.example"),
        add("https://off.example", is_enabled=False),
        add("https://over.example", is_enabled=False, expires_at=in_(days=-1)),
    )
    before = token()
    response = act(admin, "enable", on, off, over)
    assert told(response) == [
        "2 origins enabled.",
        "1 origin was already enabled.",
        "1 of them still has no effect. See the state column for the reason.",
    ]
    assert not AllowedOrigin.objects.filter(is_enabled=False).exists()
    assert log() == [
        ("https://off.example", CHANGE, "Changed Enabled."),
        ("https://over.example", CHANGE, "Changed Enabled."),
    ]
    assert token() != before

    LogEntry.objects.all().delete()
    before, changed_at = token(), AllowedOrigin.objects.get(pk=on.pk).updated_at
    told_of_disabling, undo = told(act(admin, "disable", on))
    assert told_of_disabling == "1 origin disabled."
    assert "undo this change" in undo
    assert log() == [("https://on.example", CHANGE, "Changed Enabled.")]
    assert token() != before
    assert AllowedOrigin.objects.get(pk=on.pk).updated_at > changed_at

    assert told(act(admin, "disable", on)) == ["1 origin was already disabled."]
    assert len(log()) == 1


def test_a_disabled_origin_is_refused_by_the_next_request(admin: Client) -> None:
    row = add(policy="default")
    headers = {"origin": row.origin}
    assert "Access-Control-Allow-Origin" in Client().get("/hello/", headers=headers)
    act(admin, "disable", row)
    assert "Access-Control-Allow-Origin" not in Client().get("/hello/", headers=headers)


def test_extend(admin: Client) -> None:
    soon = add("https://soon.example", expires_at=in_(days=2))
    over = add("https://over.example", expires_at=in_(days=-90))
    off = add("https://off.example", expires_at=in_(days=-90), is_enabled=False)
    never = add("https://never.example")
    nearly = datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc)
    nearly_never = add("https://nearly-never.example", expires_at=nearly)
    response = act(admin, "extend", soon, over, off, never, nearly_never)
    assert told(response) == [
        "3 origins extended by 30 days.",
        "1 of them had expired and is live again.",
        "2 origins were not changed: they never expire.",
    ]
    for row in (soon, over, off, never, nearly_never):
        row.refresh_from_db()
    minute = datetime.timedelta(minutes=1)
    assert abs(soon.expires_at - in_(days=32)) < minute
    assert abs(over.expires_at - in_(days=30)) < minute
    assert abs(off.expires_at - in_(days=30)) < minute
    assert never.expires_at is None
    assert nearly_never.expires_at == nearly
    assert [entry[::2] for entry in log()] == [
        ("https://off.example", "Changed Expires at."),
        ("https://over.example", "Changed Expires at."),
        ("https://soon.example", "Changed Expires at."),
    ]


def test_actions_on_all_that_a_search_finds(admin: Client) -> None:
    add("https://*.example.com", policy="partners")
    add("https://a.example.com")
    add("https://other.example")
    data = {"action": "disable", "select_across": "1", "_selected_action": ["1"]}
    response = admin.post(f"{LIST}?q=https://a.example.com/path&state=live", data)
    assert told(response) == ["2 origins disabled."]
    assert AllowedOrigin.objects.get(is_enabled=True).origin == "https://other.example"


def test_actions_on_a_broken_row(admin: Client) -> None:
    row = add_raw(origin="https://app.example.com/path", policy="gone")
    act(admin, "disable", row)
    response = act(admin, "enable", row)
    assert told(response)[-3:-1] == [
        "1 origin enabled.",
        "1 of them still has no effect. See the state column for the reason.",
    ]
    act(admin, "delete_selected", row, post="yes")
    assert not AllowedOrigin.objects.exists()


@pytest.mark.parametrize("action", ["enable", "disable", "extend"])
def test_actions_want_the_permission_to_change(action: str) -> None:
    row = add(is_enabled=action != "enable", expires_at=in_(days=1))
    client = user_who_may("view", "add", "delete")
    assert f'value="{action}"' not in client.get(LIST).content.decode()
    assert told(act(client, action, row)) == ["No action selected."]
    after = AllowedOrigin.objects.get()
    assert (after.is_enabled, after.expires_at) == (row.is_enabled, row.expires_at)


@pytest.mark.parametrize("action", ["enable", "disable", "extend"])
def test_actions_lock_the_token_before_the_rows(admin: Client, action: str) -> None:
    """As every writer does. In another order, two writers can deadlock."""
    row = add(is_enabled=action != "enable", expires_at=in_(days=1))
    with CaptureQueriesContext(connection) as queries:
        act(admin, action, row)
    statements = [query["sql"] for query in queries]
    locks = [
        n for n, sql in enumerate(statements) if sql.startswith("UPDATE") and "freshness" in sql
    ]
    reads = [n for n, sql in enumerate(statements) if f"{AllowedOrigin._meta.db_table}" in sql]
    writes = [n for n in reads if statements[n].startswith("UPDATE")]
    assert locks[0] < writes[0]
    between = [n for n in reads if locks[0] < n < writes[0]]
    assert between, "the rows are read after the lock"
