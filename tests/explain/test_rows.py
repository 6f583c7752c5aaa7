"""Explanations with and without the allowlist."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from django_cors_policy.conf import policy_book
from django_cors_policy.explain import explain
from django_cors_policy.explain.rows import plan_row
from django_cors_policy.hooks import RowChange, UnreadableRows, hooks

from .site import ROW

pytestmark = pytest.mark.usefixtures("small_site")


def test_without_the_allowlist(settings: Any) -> None:
    assert hooks.origin_source is None
    (cause,) = explain("https://stranger.example", "PUT", "/plain/").causes
    assert [fix.where for fix in cause.fixes] == ["settings"]


def test_database_down(rows: None) -> None:
    explain(ROW, "GET", "/plain/")
    with connection.execute_wrapper(_refuse_queries):
        explanation = explain(ROW, "GET", "/plain/")
        blocked = explain("https://stranger.example", "PUT", "/plain/")
    assert explanation.is_allowed
    assert (explanation.row, explanation.allowed_by) == (None, "")
    assert [cause.code for cause in blocked.causes] == ["origin"]
    for told in (explanation, blocked):
        assert "rows-unreadable" in [note.code for note in told.notes]


def test_no_row_can_be_planned_without_the_allowlist() -> None:
    with pytest.raises(UnreadableRows):
        plan_row(policy_book().policies["default"], RowChange(ROW, {}), ROW)


def _refuse_queries(*args: Any) -> Any:
    raise OperationalError("gone")
