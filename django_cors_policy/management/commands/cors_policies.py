"""``manage.py cors_policies``: which policy governs each URL pattern, and what it allows."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.urls import Resolver404, get_resolver, resolve

from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.hooks import is_open, takes_rows
from django_cors_policy.inspection import Route, ViewInspection, walk_urls
from django_cors_policy.management.folding import Line, fold, unfolded
from django_cors_policy.management.terminal import (
    ELLIPSIS,
    align,
    closed_pipes_allowed,
    printable,
    width_to_fit,
    wrap,
    write,
)
from django_cors_policy.policy import Policy, PolicyBook, Ruling
from django_cors_policy.resolution import rule_view

# The heading of a group names this many origins and counts the rest. JSON has them all.
ORIGINS_SHOWN = 5
INDENT = "  "


@dataclass(frozen=True)
class GovernedMethods:
    """One or more methods of a URL pattern, governed by the same policy."""

    route: Route
    methods: tuple[str, ...]
    ruling: Ruling | None
    is_sure: bool

    @property
    def path(self) -> str:
        return self.route.path

    @property
    def fold_key(self) -> Hashable:
        """Views that are closed because of a mistake are not folded with others."""
        return self.policy, self.ruling.closed_because if self.ruling is not None else ""

    @property
    def reason(self) -> str:
        return self.ruling.reason if self.ruling is not None else "no policy for the path"

    @property
    def policy(self) -> Policy | None:
        return self.ruling.policy if self.ruling is not None else None

    @property
    def is_open(self) -> bool:
        """Whether any other origin is allowed."""
        return self.policy is not None and is_open(self.policy)

    @property
    def is_open_with_credentials(self) -> bool:
        return self.is_open and self.policy is not None and self.policy.allow_credentials


AnyLine = Line[GovernedMethods]


class Command(BaseCommand):
    """List the URL patterns by what is open to whom; methods with different policies separately."""

    help = (
        "List the URL patterns by the origins that may call them, with the CORS policy that "
        "governs each and the reason. Patterns below one prefix with one policy share a line."
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
        parser.add_argument(
            "--path",
            default="",
            metavar="PREFIX",
            help="list only patterns that start with PREFIX, such as /api/",
        )
        parser.add_argument(
            "--unfold",
            action="store_true",
            help="list each pattern on a line of its own; JSON always does",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        below = options["path"] and "/" + options["path"].removeprefix("/")
        try:
            book = policy_book()
            rows = [
                row
                for route in walk_urls(get_resolver().url_patterns)
                for row in _rows(book, route)
            ]
        except PolicyErrors as error:
            raise CommandError(str(error)) from error
        # Before the filters: a line for a prefix says that everything below has this policy.
        lines = unfolded(rows) if options["unfold"] else fold(rows, below)
        lines = [line for line in lines if line.path.startswith(below)]
        rows = [row for row in rows if row.path.startswith(below)]
        if below and not rows:
            raise CommandError(_nothing_below(below))
        if options["only"] == "open":
            rows = [row for row in rows if row.is_open]
        elif options["only"] == "credentials":
            rows = [row for row in rows if row.is_open_with_credentials]
        with closed_pipes_allowed(self):
            if options["format"] == "json":
                self.stdout.write(json.dumps([_as_json(row) for row in rows], indent=2))
            else:
                listed = set(map(id, rows))
                self._write_table(rows, [line for line in lines if id(line.rows[0]) in listed])

    def _write_table(self, rows: list[GovernedMethods], lines: list[AnyLine]) -> None:
        width = width_to_fit(self)
        groups: dict[Hashable, list[int]] = {}
        for index, line in enumerate(lines):
            groups.setdefault(_group_of(line.rows[0]), []).append(index)
        cells = [("PATH", "METHODS", "BECAUSE OF"), *map(_as_cells, lines)]
        heading, *texts = align(cells, None if width is None else width - len(INDENT))
        write(self, self.style.MIGRATE_HEADING(_indented(heading)))
        # What is most dangerous comes first; the order of the URLconf decides the rest.
        for _, indexes in sorted(groups.items(), key=lambda group: _risk_of(lines, group[1])):
            row = lines[indexes[0]].rows[0]
            title = "\n".join(wrap(printable(_open_to(row)), width))
            block = "\n".join([title, *(_indented(texts[index]) for index in indexes)])
            write(self, "")
            write(self, self.style.WARNING(block) if row.is_open_with_credentials else block)
        self._write_summary(rows, lines, width)

    def _write_summary(
        self, rows: list[GovernedMethods], lines: list[AnyLine], width: int | None
    ) -> None:
        # Equal rows count once, as they do in the table.
        rows = list({(row.path, row.methods, row.fold_key): row for row in rows}.values())
        with_credentials = sum(row.is_open_with_credentials for row in rows)
        others = sum(row.is_open for row in rows) - with_credentials
        closed = len(rows) - with_credentials - others
        notes = [
            f"{with_credentials} open with credentials, {others} open without, {closed} closed."
        ]
        if not all(row.is_sure for row in rows):
            notes.append("* Some paths of this pattern may match other PATHS.")
        folded = next((line.path for line in lines if line.is_prefix), None)
        if folded is not None:
            notes.append(
                f"{ELLIPSIS} All patterns with this prefix have the same policy. To list them, add "
                f"--unfold or --path {shlex.quote(folded)}"
            )
        write(self, "")
        for note in notes:
            write(self, "\n".join(wrap(printable(note), width)))


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


def _nothing_below(below: str) -> str:
    """Say that no pattern starts with ``below``, and if it is a path, name its pattern."""
    message = f"No URL pattern starts with {below!r}."
    with contextlib.suppress(Resolver404):
        path = f"/{resolve(below).route}"
        if any(route.path == path for route in walk_urls(get_resolver().url_patterns)):
            path = printable(shlex.quote(path))
            return f"{message} The path belongs to this pattern: --path {path}"
    return f"{message} To list all patterns, leave out --path."


def _group_of(row: GovernedMethods) -> Hashable:
    """Rows with the same value are open to the same origins."""
    policy = row.policy
    if policy is None or not row.is_open:
        return None
    # By id(), because some callable objects cannot be hashed.
    return (
        policy.allow_credentials,
        tuple(map(_origin_text, policy.origins)),
        takes_rows(policy),
        id(policy.allow_origin_func),
    )


def _risk_of(lines: list[AnyLine], indexes: list[int]) -> int:
    row = lines[indexes[0]].rows[0]
    return 2 - row.is_open - row.is_open_with_credentials


def _as_cells(line: AnyLine) -> tuple[str, str, str]:
    path = f"{line.path}{ELLIPSIS} ({line.count} URLs)" if line.is_prefix else line.path
    if not all(row.is_sure for row in line.rows):
        path += " *"
    reason, *others = dict.fromkeys(row.reason for row in line.rows)
    if others:
        reason += f" and {len(others)} more"
    return path, ", ".join(line.methods) or "any", reason


def _indented(text: str) -> str:
    return "\n".join(INDENT + line for line in text.split("\n"))


def _open_to(row: GovernedMethods) -> str:
    policy = row.policy
    if policy is None or not row.is_open:
        return "Closed to other origins"
    if policy.any_origin:
        return "Open to any origin"
    who = [_origin_text(origin) for origin in policy.origins]
    if len(who) > ORIGINS_SHOWN:
        who[ORIGINS_SHOWN:] = [f"{len(who) - ORIGINS_SHOWN} more"]
    if takes_rows(policy):
        who.append("allowlist rows")
    if policy.allow_origin_func is not None:
        who.append("ALLOW_ORIGIN_FUNC")
    return f"Open{' WITH CREDENTIALS' if policy.allow_credentials else ''} to {', '.join(who)}"


def _as_json(row: GovernedMethods) -> dict[str, Any]:
    policy = row.policy
    return {
        "path": row.route.path,
        "name": row.route.pattern.name,
        "view": row.route.pattern.lookup_str,
        "methods": list(row.methods) or None,
        "policy": policy.alias if policy is not None else None,
        "origins": [_origin_text(origin) for origin in policy.origins] if policy else [],
        "takes_rows": bool(policy and takes_rows(policy)),
        "asks_function": bool(policy and policy.allow_origin_func),
        "credentials": row.is_open_with_credentials,
        "allow_methods": list(policy.allow_methods) if policy else [],
        "allow_headers": list(policy.allow_headers) if policy else [],
        "because_of": row.ruling.reason if row.ruling is not None else None,
        "is_sure": row.is_sure,
    }


def _origin_text(origin: object) -> str:
    return f"/{origin.pattern}/" if isinstance(origin, re.Pattern) else str(origin)
