"""``settings.CORS_POLICIES`` compiled into a ``PolicyBook``, once for each change of settings."""

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

    Raises ``PolicyErrors`` with everything that is wrong with every policy.
    """
    if not isinstance(config, Mapping):
        reason = "is not a dictionary of policies"
        hint = "Write {'default': {'ALLOW_ORIGINS': ['https://app.example.com']}}."
        raise PolicyErrors([PolicyError(config, reason, hint, id="E001", key=SETTING)])
    errors: list[PolicyError] = []
    policies: dict[str, Policy] = {}
    for alias, policy_config in config.items():
        if not isinstance(alias, str) or alias in DEFAULTS:
            hint = "Write the policies by name: {'default': {'ALLOW_ORIGINS': [...]}}."
            reason = "is no alias of a policy"
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
                reason = f"belongs to {other.place} already, and a path has one policy"
                error = PolicyError(path, reason, "Leave it out of one of the two.", id="E015")
                errors.append(error.at(policy.place.locate("PATHS", index)))
    return errors


# None until somebody asks policy_book() for it. Public, for a call would cost each request as much
# as a whole middleware that does nothing.
book: PolicyBook | None = None


def policy_book() -> PolicyBook:
    """The book of the current settings. Raises ``PolicyErrors`` (an ``ImproperlyConfigured``)."""
    global book
    # Two threads may both compile; both results are right, and one reference is kept.
    if book is None:
        book = compile_book(getattr(settings, SETTING, {}))
    return book


@receiver(setting_changed)
def _forget_book(*, setting: str, **kwargs: Any) -> None:
    global book
    if setting in (SETTING, "ROOT_URLCONF"):  # what is known of views goes with the book
        book = None
