"""Where a policy's origins come from besides its settings. The core knows no more than this.

An app plugs itself in; ``django_cors_policy.allowlist`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .policy import Grant, Policy


class Row(NamedTuple):
    """A row of the source, told to somebody who asks about an origin.

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
        """Whether ``judge`` can be asked at once."""

    def prepare(self) -> None:
        """Get ready; may wait."""

    async def aprepare(self) -> None:
        """Get ready without blocking the event loop."""

    def judge(self, policy: Policy, origin: str) -> Grant | None:
        """What ``origin`` is granted, None if nothing. Never waits."""

    def rows(self, policy: Policy, origin: str) -> Sequence[Row]:
        """The rows that cover ``origin`` or come near, read anew: for people, not for requests.

        Raises ``UnreadableRows``.
        """


source: OriginSource | None = None


def plug_in(new_source: OriginSource) -> None:
    """Ask ``new_source`` from now on."""
    global source
    source = new_source
