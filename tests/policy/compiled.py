"""A policy as settings would compile it, and what they would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.policy import Place, Policy, compile_policy

APP = "https://app.example.com"


def compiled(config: Mapping[str, Any]) -> Policy:
    return compile_policy(config, Place("default"))


def refused(config: object) -> list[tuple[str, str]]:
    with pytest.raises(PolicyErrors) as caught:
        compile_policy(config, Place("default"))
    return [
        (error.id, error.key.removeprefix("CORS_POLICIES['default']"))
        for error in caught.value.errors
    ]
