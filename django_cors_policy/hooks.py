"""Hooks for an optional app: a source of origins, and a recorder of refusals.

``django_cors_policy.allowlist`` sets both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .policy import Grant, Policy


class RowMatch(NamedTuple):
    """A row of the source that matches an origin or is similar to it, for explanations.

    - ``allows``: whether the row matches the origin.
    - ``is_live``: whether the row is in force. If not, ``state`` says why.
    - ``obstacles``: all states that keep the row out of force, for programs, such as "disabled".
    """

    key: int
    entry: str
    allows: bool
    is_live: bool
    state: str
    obstacles: tuple[str, ...] = ()


class RowChange(NamedTuple):
    """A row to add or to change. ``values`` are the fields that change."""

    origin: str
    values: Mapping[str, Any]


class PlannedRow(NamedTuple):
    """The outcome of a ``RowChange``: why it is refused (in sentences), or what it grants."""

    problems: tuple[str, ...] = ()
    grant: Grant | None = None


class UnreadableRows(Exception):
    """The source cannot read its rows: the database is down, or the table is missing."""


class OriginSource(Protocol):
    """A source of allowed origins besides the settings.

    ``ready_until``: ``is_ready()`` returns True until this time, in seconds of ``time.monotonic``.
    Requests read it first, to save the call.
    """

    ready_until: float

    def validate(self) -> None:
        """Raise ``ImproperlyConfigured`` if the settings of the source are wrong."""

    def is_ready(self) -> bool:
        """Return whether ``grant_for`` can be called without ``prepare``."""

    def prepare(self) -> None:
        """Make ``grant_for`` ready. May wait."""

    async def aprepare(self) -> None:
        """Make ``grant_for`` ready without blocking the event loop."""

    def grant_for(self, policy: Policy, origin: str) -> Grant | None:
        """Return what ``origin`` is granted, None if it is not allowed. Never waits."""

    def rows(self, policy: Policy, origin: str) -> Sequence[RowMatch]:
        """Read the rows that match ``origin`` or are similar to it. Not called during requests.

        Raises ``UnreadableRows``.
        """

    def plan(self, policy: Policy, change: RowChange, origin: str) -> PlannedRow:
        """What ``change`` would grant ``origin`` under ``policy``. Changes nothing.

        Raises ``UnreadableRows``.
        """


class Refusal(NamedTuple):
    """An origin that a policy did not allow.

    ``origin`` is text from the request: do not trust it. ``path`` has no script prefix.
    ``is_rehearsal``: the policy allowed the origin, only its ``REPORT_ONLY`` would refuse it.
    """

    origin: str
    policy: str
    path: str
    method: str
    is_rehearsal: bool = False


class Recorder(Protocol):
    """Records refusals. The request waits for it, so slow work belongs in another thread."""

    def record(self, refusal: Refusal) -> None:
        """Record a refusal. Never waits, never raises."""


class Hooks:
    """The hooks that are set, None if they are not."""

    def __init__(self) -> None:
        self.origin_source: OriginSource | None = None
        self.recorder: Recorder | None = None


hooks = Hooks()


def takes_rows(policy: Policy) -> bool:
    """Return whether rows of the source can add origins to ``policy``."""
    has_rows = hooks.origin_source is not None and policy.rows_alias is not None
    return has_rows and not policy.any_origin


def is_open(policy: Policy) -> bool:
    """Return whether ``policy`` allows any other origin, or may do so for a row or a function."""
    return bool(policy.origins or policy.allow_origin_func or takes_rows(policy))
