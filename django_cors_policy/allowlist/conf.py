"""``settings.CORS_ALLOWLIST``, compiled once and again when the setting changes."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean

SETTING = "CORS_ALLOWLIST"


@dataclass(frozen=True)
class AllowlistSettings:
    """The compiled value of ``CORS_ALLOWLIST``. Times are in seconds.

    ``refresh_seconds``: how often each process looks for changes; 0 looks at every cross-origin
    request, through the request's connection. ``full_reload_seconds``: how often each process
    reads all rows without a noticed change, to find changes made by raw SQL.
    ``first_wait_seconds``: how long the first requests of a process may wait for the first rows.
    ``record_refusals``: whether refused origins are recorded. ``database``: the alias of the
    database with the rows; None asks the database router.
    """

    refresh_seconds: float = 5
    full_reload_seconds: float = 300
    first_wait_seconds: float = 5
    record_refusals: bool = False
    database: str | None = None


def compile_settings(config: object) -> AllowlistSettings:
    """Compile the value of ``CORS_ALLOWLIST``. Raises ``PolicyErrors`` (E021)."""
    if not isinstance(config, Mapping):
        error = PolicyError(
            config, "is not a dictionary", "Write {'REFRESH_SECONDS': 5}.", id="E021", key=SETTING
        )
        raise PolicyErrors([error])
    known = {field.name.upper(): field.name for field in fields(AllowlistSettings)}
    values: dict[str, Any] = {}
    errors = []
    for key, value in config.items():
        if key not in known:
            error = PolicyError(
                key, "is an unknown key", did_you_mean(key, known), id="E021", key=SETTING
            )
            errors.append(error)
        elif problem := _problem_with(known[key], value):
            error = PolicyError(value, *problem, id="E021", key=f"{SETTING}[{key!r}]")
            errors.append(error)
        else:
            values[known[key]] = value
    if errors:
        raise PolicyErrors(errors)
    return AllowlistSettings(**values)


def _problem_with(name: str, value: object) -> tuple[str, str] | None:
    """Return why a field cannot have the value and what to write instead, or None."""
    if name == "database":
        if value is None or (isinstance(value, str) and value in settings.DATABASES):
            return None
        return "is not an alias in DATABASES", did_you_mean(value, settings.DATABASES)
    if isinstance(getattr(AllowlistSettings, name), bool):
        if isinstance(value, bool):
            return None
        return f"is of type {type(value).__name__}, not True or False", "Write True or False."
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return None
    return "is not a number of seconds", "Write a number, 0 or more."


@functools.cache
def allowlist_settings() -> AllowlistSettings:
    """Return the settings in force. Raises ``PolicyErrors`` (an ``ImproperlyConfigured``)."""
    return compile_settings(getattr(settings, SETTING, {}))


@receiver(setting_changed)
def _forget_settings(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        allowlist_settings.cache_clear()
