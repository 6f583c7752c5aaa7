"""E001 to E017 and W012; also yields the policies to the other checks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.conf import policy_book
from django_cors_policy.decorators import DecoratorPlace
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.policy import DEFAULT_ALIAS, Place, Policy, PolicyBook
from django_cors_policy.view_policies import declarations, derive_policy

from .messages import as_message, warning


@register(Tags.security)
def check_policies(**kwargs: Any) -> list[CheckMessage]:
    """E001 to E017: errors that keep the policies from compiling."""
    try:
        policy_book()
    except PolicyErrors as refused:
        return [as_message(error) for error in refused.errors]
    return []


@register(Tags.security)
def check_idle_policies(**kwargs: Any) -> list[CheckMessage]:
    """W012: policies that no path and no view uses."""
    book = compiled_book()
    if book is None or not hasattr(settings, "ROOT_URLCONF"):
        return []
    named = {DEFAULT_ALIAS, *(found.declaration.alias for found in declarations())}
    messages: list[CheckMessage] = []
    for alias, policy in book.policies.items():
        if policy.paths is None and alias not in named:
            text = (
                "The policy has no effect: it has no PATHS, and no decorator in the URLconf "
                "names it."
            )
            hint = f"Give it PATHS, decorate a view with @cors_policy({alias!r}), or delete it."
            if DEFAULT_ALIAS not in book.policies:
                hint += f" The policy for all other paths is called {DEFAULT_ALIAS!r}."
            messages.append(warning("W012", str(Place(alias)), text, hint))
    return messages


def compiled_book() -> PolicyBook | None:
    """Return the compiled policies, or None if they have errors (check_policies reports them)."""
    try:
        return policy_book()
    except PolicyErrors:
        return None


def all_policies() -> Iterator[tuple[Place, Policy]]:
    """Yield the policies of the settings and of decorators, each with its place."""
    book = compiled_book()
    if book is None:
        return
    for alias, policy in book.policies.items():
        yield Place(alias), policy
    for found in declarations() if hasattr(settings, "ROOT_URLCONF") else ():
        declaration = found.declaration
        if declaration.overrides and not found.is_hidden:
            with contextlib.suppress(PolicyErrors):  # check_views reports them
                place = DecoratorPlace(declaration, found.on)
                yield place, derive_policy(book, declaration, found.on)


def policies_and_rehearsals() -> Iterator[tuple[Place, Policy]]:
    for place, policy in all_policies():
        yield place, policy
        if policy.rehearsal is not None:
            yield policy.rehearsal.place, policy.rehearsal


def is_written_in(policy: Policy, key: str) -> bool:
    """Return whether ``policy`` sets ``key`` itself, and does not take it from another policy."""
    return key in policy.config and policy.place.written_at(key) is policy.place
