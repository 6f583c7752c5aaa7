"""``manage.py cors_policies``: which policy governs each URL pattern, and what it allows."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.urls import get_resolver

from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.hooks import hooks
from django_cors_policy.inspection import Route, ViewInspection, walk_urls
from django_cors_policy.management.terminal import write_table
from django_cors_policy.policy import Policy, PolicyBook, Ruling
from django_cors_policy.resolution import rule_view

# The table shows this many origins and counts the rest. JSON has them all.
ORIGINS_SHOWN = 2


@dataclass(frozen=True)
class GovernedMethods:
    """One or more methods of a URL pattern, governed by the same policy."""

    route: Route
    methods: tuple[str, ...]
    ruling: Ruling | None
    is_sure: bool

    @property
    def policy(self) -> Policy | None:
        return self.ruling.policy if self.ruling is not None else None

    @property
    def is_open(self) -> bool:
        """Whether any other origin is allowed."""
        return self.policy is not None and bool(
            self.policy.origins or self.policy.allow_origin_func or _takes_rows(self.policy)
        )

    @property
    def is_open_with_credentials(self) -> bool:
        return self.is_open and self.policy is not None and self.policy.allow_credentials


class Command(BaseCommand):
    """List each URL pattern with its policy; methods with different policies get their own rows."""

    help = (
        "List each URL pattern with the CORS policy that governs it, the reason, and the origins "
        "that may call it."
    )
    # The checks list all invalid policies, but this command would stop at the first one.
    requires_system_checks = (Tags.security, Tags.urls)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--format",
            choices=["table", "json"],
            default="table",
            help="a table to read (the default), or JSON for programs",
        )
        parser.add_argument(
            "--only",
            choices=["open", "credentials"],
            help="list only patterns that other origins can call (at all, or with credentials)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            book = policy_book()
            rows = [
                row
                for route in walk_urls(get_resolver().url_patterns)
                for row in _rows(book, route)
            ]
        except PolicyErrors as error:
            raise CommandError(str(error)) from error
        if options["only"] == "open":
            rows = [row for row in rows if row.is_open]
        elif options["only"] == "credentials":
            rows = [row for row in rows if row.is_open_with_credentials]
        if options["format"] == "json":
            self.stdout.write(json.dumps([_as_json(row) for row in rows], indent=2))
        else:
            self._write_table(rows)

    def _write_table(self, rows: list[GovernedMethods]) -> None:
        cells = ((_as_cells(row), row.is_open_with_credentials) for row in rows)
        write_table(self, ("PATH", "METHODS", "OPEN TO", "BECAUSE OF"), cells)
        with_credentials = sum(row.is_open_with_credentials for row in rows)
        others = sum(row.is_open for row in rows) - with_credentials
        closed = len(rows) - with_credentials - others
        self.stdout.write(
            f"\n{with_credentials} open with credentials, {others} open without, {closed} closed."
        )
        if not all(row.is_sure for row in rows):
            self.stdout.write("* Some paths of this pattern may match other PATHS.")


def _rows(book: PolicyBook, route: Route) -> Iterator[GovernedMethods]:
    """Yield one row for a pattern, or more if its methods have different policies."""
    by_path = book.rule_path(route.literal)
    by_method: dict[Ruling | None, list[str]] = {}
    for method in ViewInspection(route.pattern.callback).own_methods or ("",):
        ruling = rule_view(book, route.pattern.callback, method)
        by_method.setdefault(ruling, []).append(method)
    for ruling, methods in by_method.items():
        yield GovernedMethods(
            route,
            tuple(filter(None, methods)),
            ruling or by_path,
            is_sure=ruling is not None or route.is_literal or book.is_uniform_below(route.literal),
        )


def _as_cells(row: GovernedMethods) -> tuple[str, str, str, str]:
    return (
        row.route.path + ("" if row.is_sure else " *"),
        ", ".join(row.methods) or "any",
        _open_to(row),
        row.ruling.reason if row.ruling is not None else "no policy for the path",
    )


def _open_to(row: GovernedMethods) -> str:
    policy = row.policy
    if policy is None or not row.is_open:
        return "no other origin"
    if policy.any_origin:
        return "any origin"
    who = [_origin_text(origin) for origin in policy.origins]
    if len(who) > ORIGINS_SHOWN:
        who[ORIGINS_SHOWN:] = [f"{len(who) - ORIGINS_SHOWN} more"]
    if _takes_rows(policy):
        who.append("allowlist rows")
    if policy.allow_origin_func is not None:
        who.append("ALLOW_ORIGIN_FUNC")
    return ", ".join(who) + (" WITH CREDENTIALS" if policy.allow_credentials else "")


def _as_json(row: GovernedMethods) -> dict[str, Any]:
    policy = row.policy
    return {
        "path": row.route.path,
        "name": row.route.pattern.name,
        "view": row.route.pattern.lookup_str,
        "methods": list(row.methods) or None,
        "policy": policy.alias if policy is not None else None,
        "origins": [_origin_text(origin) for origin in policy.origins] if policy else [],
        "takes_rows": bool(policy and _takes_rows(policy)),
        "asks_function": bool(policy and policy.allow_origin_func),
        "credentials": row.is_open_with_credentials,
        "allow_methods": list(policy.allow_methods) if policy else [],
        "allow_headers": list(policy.allow_headers) if policy else [],
        "because_of": row.ruling.reason if row.ruling is not None else None,
        "is_sure": row.is_sure,
    }


def _takes_rows(policy: Policy) -> bool:
    return (
        hooks.origin_source is not None and policy.rows_alias is not None and not policy.any_origin
    )


def _origin_text(origin: object) -> str:
    return f"/{origin.pattern}/" if isinstance(origin, re.Pattern) else str(origin)
