"""Compile ``settings.CORS_POLICIES`` into a ``PolicyBook``, and again after a setting changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from .exceptions import PolicyError, PolicyErrors
from .policy import DEFAULTS, Place, Policy, PolicyBook, compile_policy

SETTING = "CORS_POLICIES"


def compile_book(config: object) -> PolicyBook:
    """Compile the value of ``CORS_POLICIES``.

    Raises ``PolicyErrors`` with all problems of all policies.
    """
    if not isinstance(config, Mapping):
        reason = "is not a dictionary of policies"
        policy = "{'ALLOW_ORIGINS': ['https://app.example.com'], 'PATHS': ['/api/']}"
        hint = f"Write {{'default': {policy}}}."
        raise PolicyErrors([PolicyError(config, reason, hint, id="E001", key=SETTING)])
    errors: list[PolicyError] = []
    policies: dict[str, Policy] = {}
    for alias, policy_config in config.items():
        if not isinstance(alias, str) or alias in DEFAULTS:
            hint = "Write each policy under its alias: {'default': {'ALLOW_ORIGINS': [...]}}."
            reason = "is not a policy alias"
            errors.append(PolicyError(alias, reason, hint, id="E001", key=SETTING))
            continue
        try:
            policies[alias] = compile_policy(policy_config, Place(alias))
        except PolicyErrors as refused:
            errors += refused.errors
    errors += _contested_paths(policies)
    if errors:
        raise PolicyErrors(errors)
    return PolicyBook(policies)


def _contested_paths(policies: Mapping[str, Policy]) -> list[PolicyError]:
    errors = []
    first: dict[Any, Policy] = {}
    for policy in policies.values():
        for index, path in enumerate(policy.paths or ()):
            other = first.setdefault(path, policy)
            if other is not policy:
                reason = f"is already a path of {other.place}, and a path can have only one policy"
                hint = "Remove it from one of the two policies."
                error = PolicyError(path, reason, hint, id="E015")
                errors.append(error.at(policy.place.locate("PATHS", index)))
    return errors


# None until policy_book() compiles it. The middleware reads it directly, because a function call
# for each request would cost as much as an empty middleware.
book: PolicyBook | None = None


def policy_book() -> PolicyBook:
    """Return the policies of the current settings.

    Raises ``PolicyErrors`` (an ``ImproperlyConfigured``).
    """
    global book
    # Two threads may compile at the same time. Both results are equal, and one of them is kept.
    if book is None:
        book = compile_book(getattr(settings, SETTING, {}))
    return book


@receiver(setting_changed)
def _forget_book(*, setting: str, **kwargs: Any) -> None:
    global book
    if setting in (SETTING, "ROOT_URLCONF"):  # the book caches rulings of views
        book = None
