"""``Policy``: what a settings dictionary or a decorator says, validated and joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reader import (
    DEFAULTS,
    INSECURE_HTTP,
    LISTS,
    PUBLIC_SUFFIX,
    RISKS,
    Grant,
    Place,
    Policy,
    RehearsalPlace,
    compile_policy,
    credential_problems,
    did_you_mean,
    parse_entry,
)

if TYPE_CHECKING:
    from .reader import OriginFunc

__all__ = [
    "DEFAULTS",
    "INSECURE_HTTP",
    "LISTS",
    "PUBLIC_SUFFIX",
    "RISKS",
    "Grant",
    "OriginFunc",
    "Place",
    "Policy",
    "RehearsalPlace",
    "compile_policy",
    "credential_problems",
    "did_you_mean",
    "parse_entry",
]
