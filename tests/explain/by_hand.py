"""A developer who changes settings exactly as the words of a fix say, and nothing else."""

from __future__ import annotations

import copy
import re
from typing import Any

from django_cors_policy.explain import Fix

ITEMS = r"(.+)"
POLICY = r'"(\w+)" of policy "([^"]+)"'


def change_by_hand(fix: Fix, settings: dict[str, Any]) -> dict[str, Any]:
    """``settings`` (those that the file has) after the change that ``fix.text`` names."""
    after = copy.deepcopy(settings)
    policies = after.get("CORS_POLICIES", {})
    _, words, text = re.split(r"(?:^|: )([Ii]n settings, )", fix.text)
    assert words
    assert text.endswith(":") == bool(fix.code)
    alias = ""
    for edit in text.rstrip(".:").split(", and "):
        if found := re.fullmatch(rf"add {ITEMS} to {POLICY}", edit):
            items, key, alias = found.groups()
            policies[alias][key] = [*policies[alias][key], *values(items)]
        elif found := re.fullmatch(rf'replace "\*" in {POLICY} with {ITEMS}', edit):
            key, alias, items = found.groups()
            assert list(policies[alias][key]) == ["*"]
            policies[alias][key] = values(items)
        elif found := re.fullmatch(rf"set {POLICY} to {ITEMS}", edit):
            key, alias, items = found.groups()
            assert key in policies[alias]
            [policies[alias][key]] = values(items)
        elif found := re.fullmatch(r'add (?:this line|these lines) to (?:it|policy "(.+)")', edit):
            policy, new = policies[found[1] or alias], entries(fix)
            assert not new.keys() & policy.keys()
            policy |= new
        elif edit == "add this policy to CORS_POLICIES":
            assert not entries(fix).keys() & policies.keys()
            policies |= entries(fix)
        elif edit in ("add", "set"):
            new = written(fix)
            assert edit == "set" or not new.keys() & after.keys()
            after |= new
        elif found := re.fullmatch(rf"add {ITEMS} to ([A-Z_]+)(, as the first item)?", edit):
            items, name, is_first = found.groups()
            old, new_items = after[name], values(items)
            after[name] = [*new_items, *old] if is_first else [*old, *new_items]
        elif found := re.fullmatch(r'remove "(.+)" from MIDDLEWARE', edit):
            after["MIDDLEWARE"] = [path for path in after["MIDDLEWARE"] if path != found[1]]
        else:
            found = re.fullmatch(r'move "(.+)" to the start of MIDDLEWARE', edit)
            assert found, edit
            after["MIDDLEWARE"].remove(found[1])
            after["MIDDLEWARE"].insert(0, found[1])
    return after


def values(items: str) -> list[Any]:
    """Values as words join them: ``"a" and "b"``."""
    return list(eval(f"[{items.replace(' and ', ', ')}]", {"re": re}))  # noqa: S307


def entries(fix: Fix) -> dict[str, Any]:
    """Lines of a dictionary."""
    return dict(eval(f"{{{''.join(fix.code)}}}", {"re": re}))  # noqa: S307


def written(fix: Fix) -> dict[str, Any]:
    """Lines of a settings file."""
    names: dict[str, Any] = {}
    exec("\n".join(fix.code), {"re": re}, names)  # noqa: S102
    return names
