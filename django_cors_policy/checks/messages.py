"""Build the messages of Django's system checks."""

from __future__ import annotations

from django.core.checks import CheckMessage, Error, Warning

from django_cors_policy.exceptions import PolicyError


def as_message(error: PolicyError) -> CheckMessage:
    return Error(
        error.message, hint=error.hint, obj=error.key or None, id=f"django_cors_policy.{error.id}"
    )


def warning(id: str, place: str, message: str, hint: str) -> Warning:
    return Warning(message, hint=hint, obj=place, id=f"django_cors_policy.{id}")
