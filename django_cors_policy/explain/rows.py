"""The rows of the allowlist that an explanation names."""

from __future__ import annotations

from collections.abc import Sequence

from django_cors_policy.hooks import RowMatch, UnreadableRows, hooks
from django_cors_policy.policy import Policy


def rows_for(policy: Policy, origin: str) -> Sequence[RowMatch]:
    """The rows of the allowlist that cover ``origin`` or come near; none where no row counts.

    Also none while they cannot be read; a note says so.
    """
    try:
        return read_rows(policy, origin)
    except UnreadableRows:
        return ()


def read_rows(policy: Policy, origin: str) -> Sequence[RowMatch]:
    if hooks.origin_source is None or policy.rows_alias is None:
        return ()
    return hooks.origin_source.rows(policy, origin)
