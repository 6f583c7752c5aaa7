"""System checks of the allowlist. None of them asks the database."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.checks import as_message
from django_cors_policy.exceptions import PolicyErrors

from .conf import allowlist_settings


@register(Tags.security)
def check_allowlist(**kwargs: Any) -> list[CheckMessage]:
    """E021: ``CORS_ALLOWLIST`` is wrong."""
    try:
        allowlist_settings()
    except PolicyErrors as refused:
        return [as_message(error) for error in refused.errors]
    return []
