"""The project that a call is played against: as it is, or with a change that is tried.

A change is tried in a context variable. So neither the settings nor the policies of the process
change, and other threads and tasks do not see it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from django_cors_policy.conf import policy_book
from django_cors_policy.middleware_list import OURS, has_middleware
from django_cors_policy.policy import PolicyBook


@dataclass(frozen=True)
class Changed:
    """What differs from the project: settings by name, and the compiled policies."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    book: PolicyBook | None = None


_changed: ContextVar[Changed] = ContextVar("django_cors_policy_changed")
_UNCHANGED = Changed()


@contextlib.contextmanager
def changed_project(changed: Changed) -> Iterator[None]:
    """Play calls against the changed project within the block."""
    token = _changed.set(changed)
    try:
        yield
    finally:
        _changed.reset(token)


def setting(name: str) -> Any:
    """The value of a setting, with the change that is tried."""
    changed = _changed.get(_UNCHANGED).settings
    return changed[name] if name in changed else getattr(settings, name)


def project_book() -> PolicyBook:
    """The compiled policies, with the change that is tried."""
    return _changed.get(_UNCHANGED).book or policy_book()


def uses(middleware: str = OURS) -> bool:
    """Whether ``MIDDLEWARE`` has ``middleware``, with the change that is tried."""
    return has_middleware(middleware, setting("MIDDLEWARE"))
