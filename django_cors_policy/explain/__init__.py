"""Why a call from another origin is blocked, and what would let it through."""

from __future__ import annotations

from .explanation import Explanation, explain
from .findings import Finding, Fix
from .playback import Exchange, Message

__all__ = ["Exchange", "Explanation", "Finding", "Fix", "Message", "explain"]
