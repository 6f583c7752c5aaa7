"""The allowlist rows that an explanation names."""

from __future__ import annotations

from collections.abc import Sequence

from django_cors_policy.hooks import PlannedRow, RowChange, RowMatch, UnreadableRows, hooks
from django_cors_policy.policy import Policy


def rows_for(policy: Policy, origin: str) -> Sequence[RowMatch] | None:
    """The allowlist rows that match ``origin`` or nearly do; None if they cannot be read."""
    if hooks.origin_source is None or policy.rows_alias is None:
        return ()
    try:
        return hooks.origin_source.rows(policy, origin)
    except UnreadableRows:
        return None


def plan_row(policy: Policy, change: RowChange, origin: str) -> PlannedRow:
    """What ``change`` of a row would grant ``origin``. Raises ``UnreadableRows``."""
    if hooks.origin_source is None:
        raise UnreadableRows
    return hooks.origin_source.plan(policy, change, origin)
