"""What a change of a row would do. An explanation asks before it advises the change."""

from __future__ import annotations

from django_cors_policy.conf import policy_book
from django_cors_policy.hooks import PlannedRow, RowChange
from django_cors_policy.policy import Policy

from .batches import make_plan, read_line
from .database import allowlist_database
from .snapshot import grant_by_row


def plan_row(policy: Policy, change: RowChange, origin: str) -> PlannedRow:
    """What ``change`` would grant ``origin`` under ``policy``. Nothing is written."""
    item = {"policy": policy.rows_alias, "origin": change.origin, **change.values}
    line = read_line(0, item, None)
    make_plan([line], allowlist_database())
    if line.problems:
        return PlannedRow(tuple(line.problems))
    return PlannedRow(grant=grant_by_row(policy_book(), line.row, policy, origin))
