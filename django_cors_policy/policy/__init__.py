"""``Policy`` and the book of them; what settings and decorators say, validated and joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .book import DEFAULT_ALIAS, PolicyBook, Ruling
from .credentials import INSECURE_HTTP, PUBLIC_SUFFIX, RISKS, credential_problems
from .model import Grant, Policy
from .places import Place, RehearsalPlace
from .reader import DEFAULTS, LISTS, compile_policy
from .values import parse_entry

if TYPE_CHECKING:
    from .model import OriginFunc

__all__ = [
    "DEFAULTS",
    "DEFAULT_ALIAS",
    "INSECURE_HTTP",
    "LISTS",
    "PUBLIC_SUFFIX",
    "RISKS",
    "Grant",
    "OriginFunc",
    "Place",
    "Policy",
    "PolicyBook",
    "RehearsalPlace",
    "Ruling",
    "compile_policy",
    "credential_problems",
    "parse_entry",
]
