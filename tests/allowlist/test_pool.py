"""The connection that reads the rows is none of Django's pool of connections."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_cors_policy.allowlist import refresher

from .conftest import ROW, add, allowed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("threaded")]


def test_rows_are_not_read_on_a_connection_of_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool hands a connection on as the last request left it: with a tenant's search_path."""
    create = connections.create_connection
    pools: list[Any] = []
    read_token = refresher.read_token

    def create_pooled(alias: str) -> BaseDatabaseWrapper:
        made = create(alias)
        options = {**made.settings_dict["OPTIONS"], "pool": {"max_size": 1}}
        made.settings_dict = {**made.settings_dict, "OPTIONS": options}
        return made

    def noting(using: str) -> str:
        pools.append(connections[using].settings_dict["OPTIONS"].get("pool"))
        return read_token(using)

    monkeypatch.setattr(connections, "create_connection", create_pooled)
    monkeypatch.setattr(refresher, "read_token", noting)
    add()
    assert allowed(ROW)
    assert set(pools) == {None}
    # What the project has set stays as it is.
    assert connections.create_connection("default").settings_dict["OPTIONS"]["pool"]
