"""Origins that can belong to strangers: names below the suffix of a hosting service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django_cors_policy.origins import (
    OriginPattern,
    registrable_domain,
    shared_suffix,
    split_origin,
)
from django_cors_policy.policy import Policy

from .findings import Fix


def if_yours(fixes: Iterable[Fix], origin: str, policy: Policy | None) -> tuple[Fix, ...]:
    """Return ``fixes`` that allow ``origin``, with a condition if it can be a stranger's."""
    suffix = open_suffix(origin, policy)
    if not suffix:
        return tuple(fixes)
    condition = f"Only if {origin} is yours, because anyone can get a name below {suffix}:"
    return tuple(
        replace(fix, text=f"{condition} {fix.text[:1].lower()}{fix.text[1:]}")
        if fix.where != "server"
        else fix
        for fix in fixes
    )


def open_suffix(origin: str, policy: Policy | None) -> str:
    """Return the suffix below which anyone can get a name like that of ``origin``.

    Empty if there is none, or if ``policy`` already names an origin of the same site.
    """
    parts = split_origin(origin)
    if parts is None or _knows(policy, registrable_domain(parts[1])):
        return ""
    return shared_suffix(parts[1])


def _knows(policy: Policy | None, site: str) -> bool:
    """Whether the policy already names an origin of ``site``."""
    entries = policy.origins if policy is not None else ()
    return any(
        registrable_domain(entry.host) == site
        for entry in entries
        if isinstance(entry, OriginPattern)
    )
