"""Why a call from another origin is blocked, and what would let it through.

``target`` reads the URL of a call, ``playback`` plays the call as a browser does, and ``server``
answers it. ``causes`` and ``notes`` put into words what is found, ``cookies`` whether cookies
travel, and ``fixes`` what to change. ``explanation`` puts all of it together.
"""

from __future__ import annotations

from .explanation import Explanation, explain
from .findings import Finding, Fix
from .playback import Exchange, Message

__all__ = ["Exchange", "Explanation", "Finding", "Fix", "Message", "explain"]
