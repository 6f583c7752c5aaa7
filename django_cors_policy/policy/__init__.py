"""``Policy`` and ``PolicyBook``: the validated form of settings and decorators."""

from __future__ import annotations

from .book import DEFAULT_ALIAS, PolicyBook, Ruling
from .credentials import INSECURE_HTTP, PUBLIC_SUFFIX, RISKS, credential_problems
from .defaults import DEFAULTS
from .model import Grant, OriginFunc, Policy
from .places import Place, RehearsalPlace
from .reader import LISTS, compile_policy
from .values import parse_entry

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
