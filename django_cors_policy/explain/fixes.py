"""Changes that help: lines to paste, and how values are written in them."""

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
from .playback import Target

OMIT = 'credentials: "omit"'
# A longer list, or one with patterns in it, is not written out again.
MOST_WRITTEN_OUT = 5


def owned(policy: Policy, key: str) -> str:
    return policy.place.written_at(key).locate(key)


def in_force(policy: Policy, key: str) -> list[Any]:
    """The list that ``key`` holds, to be written with more in it; "*" stands alone."""
    return [item for item in policy.config.get(key, DEFAULTS[key]) if item != fetch.WILDCARD]


def fixes_for(policy: Policy, change: Mapping[str, Any]) -> tuple[Fix, ...]:
    """Lines that make the change, or the reason why a policy would refuse it."""
    config = {**policy.config, **change}
    try:
        compile_policy(config, policy.place)
    except PolicyErrors as refused:
        hints = tuple(f"{error.message} {error.hint}" for error in refused.errors)
        return (Fix("server", hints),)
    by_decorator = {
        key for key in change if isinstance(policy.place.written_at(key), DecoratorPlace)
    }
    fixes = []
    if by_decorator:
        place = policy.place
        words = [spell(policy.alias)] if policy.alias != DEFAULT_ALIAS else []
        words += [
            f"{key.lower()}={spell(value)}"
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
    name = f'{SETTING}[{spell(policy.alias)}]["{key}"]'
    old = policy.config.get(key)
    if isinstance(old, LISTS) and isinstance(value, list):
        count = len(old)
        is_plain = all(isinstance(item, str) for item in old)
        if value[:count] == list(old) and (count > MOST_WRITTEN_OUT or not is_plain):
            more = ", ".join(map(spell, value[count:]))
            return f"{name} = [*{name}, {more}]"
    return f"{name} = {spell(value)}"


def spell(value: object) -> str:
    """``value`` as one writes it in Python, with double quotes."""
    if isinstance(value, LISTS):
        return f"[{', '.join(map(spell, value))}]"
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


def leave_out(middleware: str) -> Fix:
    return Fix("settings", (f'MIDDLEWARE = [m for m in MIDDLEWARE if m != "{middleware}"]',))


def cors_origins(what: str, origin: str, policy: Policy, *options: str) -> str:
    words = ["python", "manage.py", "cors_origins", what, origin]
    if policy.alias != DEFAULT_ALIAS:
        words += ["--policy", policy.alias]
    return shlex.join([*words, *options])
