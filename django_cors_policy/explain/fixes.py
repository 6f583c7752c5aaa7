"""Fixes: a change in words, as code, and as data that ``trial`` applies to a copy.

Words name the change that a developer makes by hand.
"""

from __future__ import annotations

import datetime
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from django_cors_policy import fetch
from django_cors_policy.conf import SETTING
from django_cors_policy.decorators import Declaration, DecoratorPlace
from django_cors_policy.exceptions import PolicyErrors, short_repr
from django_cors_policy.hooks import RowChange, RowMatch
from django_cors_policy.inspection import name_of
from django_cors_policy.policy import DEFAULT_ALIAS, DEFAULTS, LISTS, Policy, compile_policy

from .findings import Fix
from .project import project_book, setting
from .target import Target

# Longer lists, and lists with patterns, are extended with [*old, new].
MOST_WRITTEN_OUT = 5
# How long a row lasts that a fix adds.
DAYS = 30
EXPIRY = ("--expires", f"{DAYS}d")
NO_CREDENTIALS = ("--no-credentials",)


class PlannedChange(NamedTuple):
    """A change of a row that adds to the origins of ``policy``."""

    policy: Policy
    change: RowChange


@dataclass(frozen=True)
class Change:
    """What a fix changes. ``call`` are fields of the call. ``policies`` are keys by alias.

    ``decorator`` is one with the fields to replace.
    """

    call: Mapping[str, Any] = field(default_factory=dict)
    target: Target | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    decorator: tuple[Declaration, Mapping[str, Any]] | None = None
    row: PlannedChange | None = None


@dataclass(frozen=True)
class Proposal(Fix):
    """A fix to try. ``change`` is None if it cannot be tried, or changes nothing."""

    change: Change | None = None


def place_of(policy: Policy, key: str) -> str:
    """Where the value of ``key`` is written, or would be."""
    return policy.place.written_at(key).locate(key)


# -- Policies.


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
        return (refused_because(*(f"{error.message} {error.hint}" for error in refused.errors)),)
    place = policy.place
    here = {key for key in change if isinstance(place.written_at(key), DecoratorPlace)}
    in_settings = {key: value for key, value in change.items() if key not in here}
    decorator = None
    if isinstance(place, DecoratorPlace) and here:
        fields = {key: value for key, value in change.items() if key in here}
        decorator = (place.declaration, fields)
    policies = {policy.alias: in_settings} if in_settings else {}
    whole = Change(policies=policies, decorator=decorator)
    fixes = []
    if here:
        words = [as_python(policy.alias)] if policy.alias != DEFAULT_ALIAS else []
        words += [
            f"{key.lower()}={as_python(value)}"
            for key, value in config.items()
            if isinstance(place.written_at(key), DecoratorPlace)
        ]
        fixes.append(replace_decorator(str(place), f"@cors_policy({', '.join(words)})", whole))
    if in_settings:
        fixes.append(_edit_policy(policy.alias, in_settings, whole))
    return tuple(fixes)


def refused_because(*reasons: str) -> Fix:
    """The reasons why the policy cannot be changed."""
    text = "The policy cannot allow this call as it is:"
    return Proposal("server", reasons, text)


def replace_decorator(place: str, line: str, change: Change | None) -> Fix:
    """A fix that replaces the view's decorator. It is a guess if there is no ``change`` to try."""
    text = f"Replace {place} with:"
    lines = (f"# {place}", line)
    return Proposal("decorator", lines, text, (line,), change is None, change)


def _edit_policy(alias: str, change: Mapping[str, Any], whole: Change) -> Fix:
    config = project_book().policies[alias].config
    lines = tuple(_assign(alias, config, key, value) for key, value in change.items())
    old = {key: value for key, value in change.items() if key in config}
    entries = tuple(f'"{key}": {as_python(change[key])},' for key in change if key not in config)
    policy = f"of policy {as_python(alias)}"
    edits = [_edit(key, config[key], value, policy) for key, value in old.items()]
    if entries:
        noun = "this line" if len(entries) == 1 else "these lines"
        edits.append(f"add {noun} to {'it' if edits else policy.removeprefix('of ')}:")
    text = f"In settings, {', and '.join(edits)}"
    return Proposal("settings", lines, text if entries else f"{text}.", entries, change=whole)


def _edit(key: str, old: Any, new: Any, policy: str) -> str:
    """The change of a key in words: "add ... to ..."."""
    place = f'"{key}" {policy}'
    if isinstance(old, LISTS) and isinstance(new, list):
        added = _join(new[len(old) :])
        if new[: len(old)] == list(old) and added:
            return f"add {added} to {place}"
        return f'replace "*" in {place} with {_join(new)}'
    return f"set {place} to {as_python(new)}"


def _join(items: Sequence[object]) -> str:
    return " and ".join(map(as_python, items))


def _assign(alias: str, config: Mapping[str, Any], key: str, value: Any) -> str:
    name = f'{SETTING}[{as_python(alias)}]["{key}"]'
    old = config.get(key)
    if isinstance(old, LISTS) and isinstance(value, list):
        count = len(old)
        is_plain = all(isinstance(item, str) for item in old)
        if value[:count] == list(old) and (count > MOST_WRITTEN_OUT or not is_plain):
            more = ", ".join(map(as_python, value[count:]))
            return f"{name} = [*{name}, {more}]"
    return f"{name} = {as_python(value)}"


def add_default_policy(config: Mapping[str, Any]) -> Fix:
    """A fix that adds the policy "default"."""
    value = f"{{{', '.join(f'{as_python(key)}: {as_python(config[key])}' for key in config)}}}"
    change = Change(policies={DEFAULT_ALIAS: config})
    if not hasattr(settings, SETTING):
        line = f'{SETTING} = {{"{DEFAULT_ALIAS}": {value}}}'
        return Proposal("settings", (line,), "In settings, add:", (line,), change=change)
    line = f'{SETTING}["{DEFAULT_ALIAS}"] = {value}'
    entry = f'"{DEFAULT_ALIAS}": {value},'
    text = f"In settings, add this policy to {SETTING}:"
    return Proposal("settings", (line,), text, (entry,), change=change)


# -- Other settings.


def add_to_setting(name: str, *items: str, first: bool = False) -> Fix:
    """A fix that adds ``items`` to a list in settings, or writes the list if there is none yet."""
    old = list(setting(name))
    change = Change(settings={name: [*items, *old] if first else [*old, *items]})
    # A name that only Django's defaults have is unknown in the settings file.
    is_written: bool = settings.is_overridden(name)  # type: ignore[misc]
    if not is_written:
        line = f"{name} = {as_python([*old, *items])}"
        return Proposal("settings", (line,), "In settings, add:", (line,), change=change)
    added = ", ".join(map(as_python, items))
    line = f"{name} = [{added}, *{name}]" if first else f"{name} = [*{name}, {added}]"
    where = f"{name}, as the first item" if first else name
    text = f"In settings, add {_join(items)} to {where}."
    return Proposal("settings", (line,), text, change=change)


def set_settings(values: Mapping[str, Any]) -> Fix:
    """A fix that sets settings to ``values``."""
    lines = tuple(f"{name} = {as_python(value)}" for name, value in values.items())
    return Proposal("settings", lines, "In settings, set:", lines, change=Change(settings=values))


def remove_middleware(path: str) -> Fix:
    line = f'MIDDLEWARE = [m for m in MIDDLEWARE if m != "{path}"]'
    others = [middleware for middleware in setting("MIDDLEWARE") if middleware != path]
    text = f'In settings, remove "{path}" from MIDDLEWARE.'
    change = Change(settings={"MIDDLEWARE": others})
    return Proposal("settings", (line,), text, change=change)


def move_middleware_first(path: str) -> Fix:
    line = f'MIDDLEWARE = ["{path}", *(m for m in MIDDLEWARE if m != "{path}")]'
    others = [middleware for middleware in setting("MIDDLEWARE") if middleware != path]
    text = f'In settings, move "{path}" to the start of MIDDLEWARE.'
    change = Change(settings={"MIDDLEWARE": [path, *others]})
    return Proposal("settings", (line,), text, change=change)


# -- The page's script.


def call_instead(target: Target) -> Fix:
    line = target.path_and_query if target.is_guessed else target.url
    text = "In the page's script, call this URL:"
    return Proposal("script", (line,), text, (line,), change=Change(target=target))


def use_method(method: str) -> Fix:
    return _write_in_script(f'method: "{method}"', method=method)


def omit_credentials() -> Fix:
    return _write_in_script('credentials: "omit"', credentials=False)


def include_credentials() -> Fix:
    return _write_in_script('credentials: "include"', credentials=True)


def _write_in_script(line: str, **call: Any) -> Fix:
    text = "In the page's script, write:"
    return Proposal("script", (line,), text, (line,), change=Change(call=call))


# -- Allowlist rows.


def add_row(policy: Policy, origin: str, *, credentials: bool) -> Fix:
    """A fix that allows ``origin`` for some time, with credentials only if they are needed."""
    values: dict[str, Any] = {"expires_at": timezone.now() + datetime.timedelta(days=DAYS)}
    options: tuple[str, ...] = EXPIRY
    if policy.allow_credentials and not credentials:
        values["allow_credentials"] = False
        options = (*NO_CREDENTIALS, *EXPIRY)
    return edit_row(policy, RowChange(origin, values), "add", *options)


def reactivate_row(policy: Policy, row: RowMatch) -> Fix:
    """A fix that puts ``row`` in force, and changes only what keeps it out of force."""
    values: dict[str, Any] = {"is_enabled": True}
    if "refused" in row.obstacles:
        values["allow_credentials"] = False
    if "expired" in row.obstacles:
        values["expires_at"] = timezone.now() + datetime.timedelta(days=DAYS)
    return edit_row(policy, RowChange(row.entry, values), *reactivation(row.obstacles))


def reactivation(obstacles: Collection[str]) -> tuple[str, ...]:
    """The subcommand of ``cors_origins``, and its options, that put a row in force.

    ``obstacles`` are those of ``RowMatch``.
    """
    options: tuple[str, ...] = ()
    if "refused" in obstacles:
        options = NO_CREDENTIALS
    if "expired" in obstacles:
        options = (*options, *EXPIRY)
    return ("enable", *options) if "disabled" in obstacles else ("add", *options, "--update")


def edit_row(policy: Policy, row: RowChange, subcommand: str, *options: str) -> Fix:
    """A fix that runs a subcommand of ``cors_origins``."""
    lines = (row_command(policy.alias, row.origin, subcommand, *options),)
    change = Change(row=PlannedChange(policy, row))
    return Proposal("shell", lines, "In a shell, run this command:", lines, change=change)


def row_command(alias: str, origin: str, subcommand: str, *options: str) -> str:
    """The command that runs a subcommand of ``cors_origins``, to paste into a shell."""
    policy = [] if alias == DEFAULT_ALIAS else ["--policy", alias]
    words = ["python", "manage.py", "cors_origins", subcommand, origin, *policy, *options]
    return shlex.join(words)


def run_check() -> Fix:
    """Not a change: the system check says what to change."""
    line = "python manage.py check"
    return Proposal("shell", (line,), "To see what to change, run this command:", (line,))


# -- Python code.


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
