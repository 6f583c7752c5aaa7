"""The rows of the allowlist that an explanation names."""

from __future__ import annotations

from collections.abc import Sequence

from django_cors_policy import sources
from django_cors_policy.policy import Policy
from django_cors_policy.sources import Row, UnreadableRows


def rows_for(policy: Policy, origin: str) -> Sequence[Row] | None:
    """The rows of the allowlist that cover ``origin`` or come near; None if they cannot be read."""
    if sources.source is None or policy.rows_alias is None:
        return ()
    try:
        return sources.source.rows(policy, origin)
    except UnreadableRows:
        return None
