"""The rows of the allowlist that an explanation names."""

from __future__ import annotations

from collections.abc import Sequence

from django_cors_policy import sources
from django_cors_policy.policy import Policy
from django_cors_policy.sources import Row, UnreadableRows


def rows_for(policy: Policy, origin: str) -> Sequence[Row]:
    """The rows of the allowlist that cover ``origin`` or come near; none where no row counts.

    Also none while they cannot be read; a note says so.
    """
    try:
        return read_rows(policy, origin)
    except UnreadableRows:
        return ()


def read_rows(policy: Policy, origin: str) -> Sequence[Row]:
    if sources.source is None or policy.rows_alias is None:
        return ()
    return sources.source.rows(policy, origin)
