"""Fixes: the lines to paste, and the Python code for the values in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from django_cors_policy import fetch
from django_cors_policy.conf import SETTING
from django_cors_policy.decorators import DecoratorPlace
from django_cors_policy.exceptions import PolicyErrors, short_repr
from django_cors_policy.inspection import name_of
from django_cors_policy.policy import DEFAULT_ALIAS, DEFAULTS, LISTS, Policy, compile_policy

from .findings import Fix
from .target import Target

# Longer lists, and lists with patterns, are extended with [*old, new].
MOST_WRITTEN_OUT = 5


def place_of(policy: Policy, key: str) -> str:
    """Where the value of ``key`` is written, or would be."""
    return policy.place.written_at(key).locate(key)


def fixes_that_add(policy: Policy, key: str, *items: str) -> tuple[Fix, ...]:
    """Fixes that add ``items`` to the list ``key``, without "*", which must be the only item."""
    old = policy.config.get(key, DEFAULTS[key])
    return fixes_for(policy, {key: [*(item for item in old if item != fetch.WILDCARD), *items]})


def fixes_for(policy: Policy, change: Mapping[str, Any]) -> tuple[Fix, ...]:
    """Fixes that make the change; if the policy would be invalid, the reasons instead."""
    config = {**policy.config, **change}
    try:
        compile_policy(config, policy.place)
    except PolicyErrors as refused:
        hints = tuple(f"{error.message} {error.hint}" for error in refused.errors)
        return (Fix("server", hints),)
    place = policy.place
    by_decorator = {key for key in change if isinstance(place.written_at(key), DecoratorPlace)}
    fixes = []
    if by_decorator:
        words = [as_python(policy.alias)] if policy.alias != DEFAULT_ALIAS else []
        words += [
            f"{key.lower()}={as_python(value)}"
            for key, value in config.items()
            if isinstance(place.written_at(key), DecoratorPlace)
        ]
        line = f"@cors_policy({', '.join(words)})"
        fixes.append(Fix("decorator", (f"# {place}", line)))
    lines = [
        _assign(policy, key, value) for key, value in change.items() if key not in by_decorator
    ]
    if lines:
        fixes.append(Fix("settings", tuple(lines)))
    return tuple(fixes)


def _assign(policy: Policy, key: str, value: Any) -> str:
    name = f'{SETTING}[{as_python(policy.alias)}]["{key}"]'
    old = policy.config.get(key)
    if isinstance(old, LISTS) and isinstance(value, list):
        count = len(old)
        is_plain = all(isinstance(item, str) for item in old)
        if value[:count] == list(old) and (count > MOST_WRITTEN_OUT or not is_plain):
            more = ", ".join(map(as_python, value[count:]))
            return f"{name} = [*{name}, {more}]"
    return f"{name} = {as_python(value)}"


def as_python(value: object) -> str:
    """``value`` as Python code, with double quotes."""
    if isinstance(value, LISTS):
        return f"[{', '.join(map(as_python, value))}]"
    if isinstance(value, re.Pattern):
        return short_repr(value)
    if callable(value):
        return f'"{name_of(value)}"'
    text = repr(value)
    if isinstance(value, str) and '"' not in text and "\\" not in text:
        return f'"{text[1:-1]}"'
    return text


def call_instead(target: Target) -> Fix:
    return Fix("script", (target.path_and_query if target.is_guessed else target.url,))


def remove_middleware(path: str) -> Fix:
    return Fix("settings", (f'MIDDLEWARE = [m for m in MIDDLEWARE if m != "{path}"]',))


def omit_credentials() -> Fix:
    return Fix("script", ('credentials: "omit"',))


def edit_rows(policy: Policy, origin: str, *commands: tuple[str, ...]) -> Fix:
    """A fix that runs subcommands of ``cors_origins``, each given with its options."""
    alias = [] if policy.alias == DEFAULT_ALIAS else ["--policy", policy.alias]
    lines = (
        shlex.join(["python", "manage.py", "cors_origins", name, origin, *alias, *options])
        for name, *options in commands
    )
    return Fix("shell", tuple(lines))
