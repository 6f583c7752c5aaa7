"""Where an optional app plugs in: a source of origins, and a recorder of refusals.

The core knows no more than this about such an app. ``django_cors_policy.allowlist`` plugs in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .policy import Grant, Policy


class RowMatch(NamedTuple):
    """A row of the source that covers an origin or comes near it, for people who ask.

    ``allows``: whether it covers the origin; ``is_live``: whether it counts, and ``state`` why not.
    ``code`` is the state for programs, such as "disabled".
    """

    key: int
    entry: str
    allows: bool
    is_live: bool
    state: str
    code: str = ""


class UnreadableRows(Exception):
    """The source cannot be asked now: its database is down, say, or has no such table."""


class OriginSource(Protocol):
    """Asked about origins that no policy's settings allow.

    ``ready_until``: for so long ``is_ready`` is true, in seconds of ``time.monotonic``. It spares
    each request a call.
    """

    ready_until: float

    def validate(self) -> None:
        """Raise ``ImproperlyConfigured`` if it is set up wrong."""

    def is_ready(self) -> bool:
        """Whether ``grant_for`` can be asked at once."""

    def prepare(self) -> None:
        """Get ready; may wait."""

    async def aprepare(self) -> None:
        """Get ready without blocking the event loop."""

    def grant_for(self, policy: Policy, origin: str) -> Grant | None:
        """What ``origin`` is granted, None if nothing. Never waits."""

    def rows(self, policy: Policy, origin: str) -> Sequence[RowMatch]:
        """The rows that cover ``origin`` or come near, read anew: for people, not for requests.

        Raises ``UnreadableRows``.
        """


class Refusal(NamedTuple):
    """An origin that a policy did not allow.

    ``origin`` is as the request sent it, so it may be hostile text. ``path`` is without the script
    prefix. ``is_rehearsal``: the policy in force allowed it, and only what its ``REPORT_ONLY``
    holds would have refused it.
    """

    origin: str
    policy: str
    path: str
    method: str
    is_rehearsal: bool = False


class Recorder(Protocol):
    """Told of every refusal while the request waits, so it does slow work elsewhere."""

    def record(self, refusal: Refusal) -> None:
        """Take note. Never waits, never raises."""


class Hooks:
    """What is plugged in; None where nothing is."""

    def __init__(self) -> None:
        self.origin_source: OriginSource | None = None
        self.recorder: Recorder | None = None


hooks = Hooks()
