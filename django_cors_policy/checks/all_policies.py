"""The policies that are checked: those of settings, of decorators, and their rehearsals."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django.conf import settings

from django_cors_policy.conf import PolicyBook, policy_book
from django_cors_policy.decorators import DecoratorPlace
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.policy import Place, Policy
from django_cors_policy.resolution import declarations, derive_policy


def compiled_book() -> PolicyBook | None:
    """The policies, or None where they do not compile: then the errors come first."""
    try:
        return policy_book()
    except PolicyErrors:
        return None


def all_policies() -> Iterator[tuple[Place, Policy]]:
    """Every policy of settings and of decorators, with its place."""
    book = compiled_book()
    if book is None:
        return
    for alias, policy in book.policies.items():
        yield Place(alias), policy
    for found in declarations() if hasattr(settings, "ROOT_URLCONF") else ():
        declaration = found.declaration
        if declaration.overrides and not found.is_hidden:
            with contextlib.suppress(PolicyErrors):  # check_views has said it
                place = DecoratorPlace(declaration.alias, declaration.name, found.on)
                yield place, derive_policy(book, declaration, found.on)


def policies_and_rehearsals() -> Iterator[tuple[Place, Policy]]:
    for place, policy in all_policies():
        yield place, policy
        if policy.rehearsal is not None:
            yield policy.rehearsal.place, policy.rehearsal


def is_written_in(policy: Policy, key: str) -> bool:
    """Whether ``key`` is written in this policy, not in another one that it takes over."""
    return key in policy.config and policy.place.owner(key) is policy.place
