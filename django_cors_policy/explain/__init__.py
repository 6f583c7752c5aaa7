"""Explain why a call from another origin is blocked, and what to change.

``target`` parses the URL of a call, ``playback`` simulates the browser, and ``server`` finds the
response of this project. ``causes`` and ``notes`` describe problems, ``cookies`` says whether the
session cookie is sent, and ``fixes`` writes the changes. ``explanation`` combines the results.
"""

from __future__ import annotations

from .explanation import Explanation, explain
from .findings import Finding, Fix
from .fixes import reactivation, row_command
from .playback import Exchange, Message

__all__ = [
    "Exchange",
    "Explanation",
    "Finding",
    "Fix",
    "Message",
    "explain",
    "reactivation",
    "row_command",
]
