"""E001 to E017 and W012: policies that do not compile, and those that govern nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.conf import DEFAULT_ALIAS, policy_book
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.policy import Place
from django_cors_policy.resolution import declarations

from .all_policies import compiled_book
from .messages import as_message, warning


@register(Tags.security)
def check_policies(**kwargs: Any) -> list[CheckMessage]:
    """E001 to E017: what keeps the policies from being compiled."""
    try:
        policy_book()
    except PolicyErrors as refused:
        return [as_message(error) for error in refused.errors]
    return []


@register(Tags.security)
def check_idle_policies(**kwargs: Any) -> list[CheckMessage]:
    """W012: policies that govern nothing."""
    book = compiled_book()
    if book is None or not hasattr(settings, "ROOT_URLCONF"):
        return []
    named = {DEFAULT_ALIAS, *(found.declaration.alias for found in declarations())}
    messages: list[CheckMessage] = []
    for alias, policy in book.policies.items():
        if policy.paths is None and alias not in named:
            text = (
                "The policy governs nothing: it has no PATHS, and no decorator in the URLconf "
                "names it."
            )
            hint = f"Give it PATHS, decorate a view with @cors_policy({alias!r}), or delete it."
            if DEFAULT_ALIAS not in book.policies:
                hint += f" The policy for all other paths is called {DEFAULT_ALIAS!r}."
            messages.append(warning("W012", str(Place(alias)), text, hint))
    return messages
