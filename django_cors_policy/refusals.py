"""Who hears of a refused origin. The core knows no more than this.

An app plugs itself in to count them; ``django_cors_policy.allowlist`` does, where it is asked to.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Refusal(NamedTuple):
    """An origin that a policy did not allow.

    ``origin`` is as the request sent it: hostile text, if somebody wants it to be. ``path`` is
    without the script prefix. ``is_rehearsal``: the policy in force allowed it, and only what its
    ``REPORT_ONLY`` holds would have refused it.
    """

    origin: str
    policy: str
    path: str
    method: str
    is_rehearsal: bool = False


class Recorder(Protocol):
    """Told of every refusal, on the request's path: whatever takes long, it does elsewhere."""

    def record(self, refusal: Refusal) -> None:
        """Take note. Never waits, never raises."""


class Audience:
    """Who wants to hear of refusals: ``recorder``, and the log if ``log`` is true."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.log = False


audience = Audience()


def plug_in(recorder: Recorder | None) -> None:
    """Tell ``recorder`` from now on; None for nobody."""
    audience.recorder = recorder
