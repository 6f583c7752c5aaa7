"""The keys of a policy, and the value of each key that a policy leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "ALLOW_ORIGINS": (),
        "ALLOW_ORIGIN_FUNC": None,
        "ALLOW_METHODS": ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"),
        "ALLOW_HEADERS": (
            "accept",
            "authorization",
            "content-type",
            "user-agent",
            "x-csrftoken",
            "x-requested-with",
        ),
        "ALLOW_CREDENTIALS": False,
        "EXPOSE_HEADERS": (),
        "MAX_AGE": 3600,
        "PATHS": None,
        "ALLOW_PRIVATE_NETWORK": False,
        "VARY": (),
        "ACCEPT_RISKS": (),
        "REPORT_ONLY": None,
    }
)
