"""``manage.py cors_origins``: the allowlist in scripts and in the terminal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from django.core.checks import Tags
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, IntegrityError

from django_cors_policy.allowlist import batches
from django_cors_policy.allowlist.batches import Line, Plan
from django_cors_policy.allowlist.database import UndecidedDatabaseError, allowlist_database
from django_cors_policy.allowlist.management.arguments import STANDARD, add_subcommands
from django_cors_policy.allowlist.management.words import (
    as_cells,
    differences,
    in_words,
    name_of,
    why_not_changed,
    why_not_open,
)
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.rows import parse_row, shown
from django_cors_policy.allowlist.states import RowStatus, State, status_of
from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean, short_repr
from django_cors_policy.management.terminal import write, write_table

# No policy can use these rows. They need attention.
MISFITS = (State.UNKNOWN_POLICY, State.REFUSED, State.UNREADABLE)

# Wider than any line of progress.
BLANK_LINE = "\r" + " " * 60 + "\r"


class Command(BaseCommand):
    """Lists, adds, removes, imports and exports rows of the allowlist."""

    help = "List, add, remove, import and export the origins that the allowlist adds to policies."
    # These check the policies that rows are added to. Other checks are not needed here.
    requires_system_checks = (Tags.security,)

    def add_arguments(self, parser: CommandParser) -> None:
        run = {
            "list": self._list,
            "add": self._add,
            "remove": self._remove,
            "import": self._import,
            "export": self._export,
        }
        add_subcommands(parser, run)

    def handle(self, *args: Any, **options: Any) -> None:
        # Read from the database that requests use, too: a replica may lag behind.
        try:
            using = options["database"] or allowlist_database()
        except UndecidedDatabaseError as error:
            raise CommandError(f"Pass --database: {error}") from error
        try:
            options["run"](using, options)
        except PolicyErrors as error:
            raise CommandError(str(error)) from error
        except IntegrityError as error:
            raise CommandError(
                f"Another process changed the same rows ({error}). This command changed nothing. "
                "Run it again."
            ) from error
        except Error as error:
            raise CommandError(
                f"The database {using!r} reported an error: {error}. Nothing was changed. "
                "If the table is missing, run 'manage.py migrate' first."
            ) from error

    # -- list

    def _list(self, using: str, options: Mapping[str, Any]) -> None:
        policy_book()  # report wrong settings: they give no row a state
        rows = [(row, status_of(row)) for row in self._rows(using, options["policy"])]
        if options["state"] is not None:
            wanted = State(options["state"])
            rows = [
                (row, status)
                for row, status in rows
                if status.state == wanted or (wanted == State.LIVE and status.state.is_live)
            ]
        if options["format"] == "table":
            self._write_table(rows)
            return
        items = (
            {**batches.as_item(row), "state": status.state.value, "why": status.why}
            for row, status in rows
        )
        fields = (*batches.FIELDS, "state", "why")
        self.stdout.write(batches.render(items, options["format"], fields), ending="")

    def _rows(self, using: str, policy: str | None) -> list[AllowedOrigin]:
        rows = AllowedOrigin.objects.using(using).order_by()
        if policy is not None:
            rows = rows.filter(policy=policy)
        # Databases sort differently, but exports of the same rows should be equal.
        found = sorted(rows.iterator(chunk_size=2000), key=lambda row: (row.policy, row.origin))
        if policy is not None and not found:
            policies = policy_book().policies
            if policy not in policies:
                raise CommandError(
                    f"{policy!r} is not a policy in CORS_POLICIES and has no rows. "
                    f"{did_you_mean(policy, policies)}"
                )
        return found

    def _write_table(self, rows: Sequence[tuple[AllowedOrigin, RowStatus]]) -> None:
        cells = ((as_cells(row, status), status.state in MISFITS) for row, status in rows)
        write_table(self, ("POLICY", "ORIGIN", "STATE", "CREDENTIALS", "NOTE"), cells)
        counts = Counter(status.state.value for _, status in rows)
        summary = ", ".join(
            f"{counts[state.value]} {state.value}" for state in State if counts[state.value]
        )
        write(self, f"\n{len(rows)} rows: {summary}." if rows else "\nNo rows.")
        for row, status in rows:
            if status.state in MISFITS:
                write(self, f"{in_words(row)}: {status.why}")

    # -- add and remove

    def _add(self, using: str, options: Mapping[str, Any]) -> None:
        values: dict[str, Any] = {"policy": options["policy"]}
        if options["expires"] is not None:
            try:
                values["expires_at"] = batches.parse_expires(options["expires"])
            except ValidationError as error:
                raise CommandError(f"--expires: {error.messages[0]}") from error
        if options["note"] is not None:
            values["note"] = options["note"]
        if options["credentials"] is not None:
            values["allow_credentials"] = options["credentials"]
        plan = batches.make_plan(_read_origins(options["origins"], values), using)
        if plan.refused:
            raise _refusal(problem for line in plan.refused for problem in line.problems)
        refused = [text for line in plan.unchanged for text in batches.problems_of(line.row)]
        for line in [*plan.changed, *plan.unchanged]:
            refused += why_not_open(line.row)
        if not options["update"]:
            refused += map(why_not_changed, plan.changed)
        if refused:
            raise _refusal(refused)
        batches.carry_out(plan, using)
        for what, lines in (
            ("Added", plan.added),
            ("Changed", plan.changed),
            ("Unchanged", plan.unchanged),
        ):
            for line in lines:
                self._report(f"{what}: {in_words(line.row)}.", options)

    def _remove(self, using: str, options: Mapping[str, Any]) -> None:
        policy = options["policy"]
        lines = _read_origins(options["origins"], {"policy": policy})
        refused = [problem for line in lines for problem in line.problems]
        origins = dict.fromkeys(line.origin for line in lines if not line.problems)
        rows = {}
        elsewhere: dict[str, list[str]] = {}
        for row in batches.rows_with(origins, using):
            if row.policy == policy:
                rows[row.origin] = row
            else:
                elsewhere.setdefault(row.origin, []).append(row.policy)
        missing = [origin for origin in origins if origin not in rows]
        for origin in missing:
            refused += _why_not_removed(
                origin, policy, elsewhere.get(origin, ()), options["missing_ok"]
            )
        if refused:
            raise _refusal(refused)
        batches.carry_out(Plan(removed=list(rows.values())), using)
        for row in rows.values():
            self._report(f"Removed: {name_of(row)}.", options)
        for origin in missing:
            self._report(f"Not found: {shown(origin)} in policy {policy!r}.", options)

    # -- import and export

    def _import(self, using: str, options: Mapping[str, Any]) -> None:
        name, policy = options["file"], options["policy"]
        text = _read_file(name)
        lines = batches.read(text, _format(name, options["format"]), policy)
        is_watched = self.stderr.isatty() and options["verbosity"] > 0
        progress = self._progress if is_watched else None
        try:
            plan = batches.make_plan(lines, using, progress)
            for line in plan.duplicates:
                message = f"{short_repr(line.origin)} is already on line {line.same_as}."
                line.problems.append(f"{message} Remove one of the two.")
            refused = sorted([*plan.refused, *plan.duplicates], key=attrgetter("number"))
            if options["prune"] and not refused:
                plan.removed.extend(batches.surplus(lines, using, policy))
            if not (options["dry_run"] or refused):
                batches.carry_out(plan, using, progress)
        finally:
            if progress is not None:
                self.stderr.write(BLANK_LINE, str, ending="")
        if refused:
            place = "standard input" if name == STANDARD else name
            raise _refusal(
                f"{place}:{line.number}: {problem}" for line in refused for problem in line.problems
            )
        if options["dry_run"] or options["verbosity"] > 1:
            self._write_plan(plan)
        counts = (
            f"{len(plan.added)} added, {len(plan.changed)} changed, "
            f"{len(plan.unchanged)} unchanged, {len(plan.removed)} removed."
        )
        self._report(f"Dry run: {counts}" if options["dry_run"] else counts, options)

    def _write_plan(self, plan: Plan) -> None:
        for row in plan.removed:
            write(self, self.style.ERROR(f"- {in_words(row)}"))
        for line in plan.added:
            write(self, self.style.SUCCESS(f"+ {in_words(line.row)}"))
        for line in plan.changed:
            write(self, self.style.WARNING(f"~ {name_of(line.row)}: {differences(line)}"))

    def _export(self, using: str, options: Mapping[str, Any]) -> None:
        name = options["file"]
        format = _format(name, options["format"])
        rows = self._rows(using, options["policy"])
        text = batches.render(map(batches.as_item, rows), format)
        if name == STANDARD:
            self.stdout.write(text, ending="")
            return
        try:
            Path(name).write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
        self._report(f"Exported {len(rows)} rows to {name}.", options)

    # -- output

    def _report(self, text: str, options: Mapping[str, Any]) -> None:
        if options["verbosity"] > 0:
            write(self, text)

    def _progress(self, what: str, done: int, total: int) -> None:
        self.stderr.write(f"\r{what} {done:,} of {total:,} rows ", str, ending="")
        self.stderr.flush()


def _refusal(problems: Iterable[str]) -> CommandError:
    # Several origins often have the same problem.
    lines = list(dict.fromkeys(problems))
    if len(lines) == 1:
        return CommandError(f"{lines[0]} Nothing was changed.")
    listed = "\n".join(f"- {line}" for line in lines)
    return CommandError(f"{len(lines)} problems; nothing was changed:\n{listed}")


def _read_origins(origins: Iterable[str], values: Mapping[str, Any]) -> list[Line]:
    """Return the rows that the command line asks for."""
    return [batches.read_line(0, {"origin": text, **values}, None) for text in origins]


def _why_not_removed(
    origin: str, policy: str, elsewhere: Sequence[str], missing_ok: bool
) -> list[str]:
    try:
        parse_row(origin)
    except PolicyError as error:
        return [str(error)]  # probably a typo: the intended origin would stay allowed
    if missing_ok:
        return []
    hint = "To ignore this, use --missing-ok."
    if elsewhere:
        hint = f"It is in {', '.join(map(repr, elsewhere))}: choose the policy with --policy."
    return [f"{shown(origin)} is not in policy {policy!r}. {hint}"]


def _read_file(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()
        return data.decode("utf-8-sig")  # spreadsheets write a byte order mark
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CommandError(f"{name}:{line}: This is not UTF-8. Save the file as UTF-8.") from error


def _format(name: str, format: str | None) -> str:
    if format is not None:
        return format
    if name == STANDARD:
        return "json"
    suffix = Path(name).suffix.lower().removeprefix(".")
    if suffix not in batches.FORMATS:
        raise CommandError(f"{name}: Unknown format. Use --format json or --format csv.")
    return suffix
