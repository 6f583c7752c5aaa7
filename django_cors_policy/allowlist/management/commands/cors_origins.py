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
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    no_translations,
)
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
    why_not_found,
    why_not_open,
)
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.rows import shown
from django_cors_policy.allowlist.states import RowStatus, State, status_of
from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyErrors, did_you_mean, short_repr
from django_cors_policy.management.terminal import closed_pipes_allowed, write, write_table

# No policy can use these rows. They need attention.
MISFITS = (State.UNKNOWN_POLICY, State.REFUSED, State.UNREADABLE)

# Wider than any line of progress.
BLANK_LINE = "\r" + " " * 60 + "\r"


class Command(BaseCommand):
    """Lists, adds, enables, disables, removes, imports and exports rows of the allowlist."""

    help = "Show, change, import and export the origins that the allowlist adds to policies."
    # These check the policies that rows are added to. Other checks are not needed here.
    requires_system_checks = (Tags.security,)

    def add_arguments(self, parser: CommandParser) -> None:
        run = {
            "list": self._list,
            "add": self._add,
            "enable": self._enable,
            "disable": self._disable,
            "remove": self._remove,
            "import": self._import,
            "export": self._export,
        }
        add_subcommands(parser, run)

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Revoking must always work, even while the settings are wrong.
        if options["run"] in (self._disable, self._remove):
            options["skip_checks"] = True
        return super().execute(*args, **options)

    @no_translations  # its texts are in English, and scripts read them
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
        with closed_pipes_allowed(self):
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

    # -- add, enable, disable and remove

    def _add(self, using: str, options: Mapping[str, Any]) -> None:
        lines = _read_origins(options, _read_values(options))
        plan = batches.make_plan(lines, using, advice="Use --no-credentials")
        if plan.refused:
            raise _refusal(problem for line in plan.refused for problem in line.problems)
        refused = [text for line in [*plan.changed, *plan.unchanged] for text in why_not_open(line)]
        if not options["update"]:
            refused += map(why_not_changed, plan.changed)
        if refused:
            raise _refusal(refused)
        batches.carry_out(plan, using)
        self._report_lines("Added", plan.added, options)
        self._report_lines("Changed", plan.changed, options)
        self._report_lines("Unchanged", plan.unchanged, options)

    def _enable(self, using: str, options: Mapping[str, Any]) -> None:
        values = {"is_enabled": True, **_read_values(options)}
        rows, _missing, refused = _find(using, options, "To add it, use 'add'.")
        plan = Plan()
        for row in rows:
            # Rows that are enabled keep their values.
            line = _change(row, {} if row.is_enabled else values, plan)
            refused += why_not_open(line)
        if refused:
            raise _refusal(refused)
        batches.carry_out(plan, using)
        self._report_lines("Enabled", plan.changed, options)
        self._report_lines("Unchanged", plan.unchanged, options)

    def _disable(self, using: str, options: Mapping[str, Any]) -> None:
        # Revoking must always work, so nothing about the rows is validated.
        rows, missing = _find_to_revoke(using, options)
        plan = Plan()
        for row in rows:
            _change(row, {"is_enabled": False}, plan)
        batches.carry_out(plan, using)
        self._report((f"Disabled: {name_of(line.row)}." for line in plan.changed), options)
        self._report_lines("Unchanged", plan.unchanged, options)
        self._report(missing, options)

    def _remove(self, using: str, options: Mapping[str, Any]) -> None:
        rows, missing = _find_to_revoke(using, options)
        batches.carry_out(Plan(removed=rows), using)
        self._report((f"Removed: {name_of(row)}." for row in rows), options)
        self._report(missing, options)

    # -- import and export

    def _import(self, using: str, options: Mapping[str, Any]) -> None:
        name, policy = options["file"], options["policy"]
        text = _read_file(name)
        lines = batches.read(text, _format(name, options["format"]), policy)
        is_watched = self.stderr.isatty() and options["verbosity"] > 0
        progress = self._progress if is_watched else None
        try:
            advice = "Set allow_credentials to false"
            plan = batches.make_plan(lines, using, progress, advice)
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
            with closed_pipes_allowed(self):
                self._write_plan(plan)
        counts = (
            f"{len(plan.added)} added, {len(plan.changed)} changed, "
            f"{len(plan.unchanged)} unchanged, {len(plan.removed)} removed."
        )
        self._report([f"Dry run: {counts}" if options["dry_run"] else counts], options)

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
            with closed_pipes_allowed(self):
                self.stdout.write(text, ending="")
            return
        try:
            Path(name).write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
        self._report([f"Exported {len(rows)} rows to {name}."], options)

    # -- output

    def _report(self, texts: Iterable[str], options: Mapping[str, Any]) -> None:
        if options["verbosity"] > 0:
            with closed_pipes_allowed(self):
                for text in texts:
                    write(self, text)

    def _report_lines(self, what: str, lines: Iterable[Line], options: Mapping[str, Any]) -> None:
        self._report((f"{what}: {in_words(line.row)}." for line in lines), options)

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


def _read_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of fields that the command line names."""
    values: dict[str, Any] = {}
    if options["expires"] is not None:
        try:
            values["expires_at"] = batches.parse_expires(options["expires"])
        except ValidationError as error:
            raise CommandError(f"--expires: {error.messages[0]}") from error
    if options.get("note") is not None:
        values["note"] = options["note"]
    if options["credentials"] is not None:
        values["allow_credentials"] = options["credentials"]
    return values


def _read_origins(options: Mapping[str, Any], values: Mapping[str, Any]) -> list[Line]:
    """Return the rows that the command line asks for."""
    values = {"policy": options["policy"], **values}
    lines = []
    for text in dict.fromkeys(options["origins"]):
        lines.append(batches.read_line(0, {"origin": text, **values}, None))
        lines[-1].text = text
    return lines


def _find(
    using: str, options: Mapping[str, Any], hint: str
) -> tuple[list[AllowedOrigin], list[Line], list[str]]:
    """Return the rows of the origins, the origins without a row, and the problems.

    ``hint`` says what to do about a missing row. It is empty if that is not a problem.
    """
    lines = _read_origins(options, {})
    refused = [problem for line in lines for problem in line.problems]
    lines = [line for line in lines if not line.problems]
    # Raw SQL may have written an origin in another way than browsers do.
    by_origin: dict[str, list[AllowedOrigin]] = {}
    spellings = {text for line in lines for text in (line.origin, line.text)}
    for row in batches.rows_with(spellings, using):
        by_origin.setdefault(row.origin, []).append(row)
    rows: dict[int, AllowedOrigin] = {}
    missing = []
    for line in lines:
        found = [row for text in (line.origin, line.text) for row in by_origin.get(text, ())]
        in_policy = {row.pk: row for row in found if row.policy == line.policy}
        rows |= in_policy
        if not in_policy:
            missing.append(line)
            elsewhere = list(dict.fromkeys(row.policy for row in found))
            refused += why_not_found(line, elsewhere, hint)
    return list(rows.values()), missing, refused


def _find_to_revoke(
    using: str, options: Mapping[str, Any]
) -> tuple[list[AllowedOrigin], list[str]]:
    """Return the rows of the origins, and remarks about missing rows."""
    hint = "" if options["missing_ok"] else "To ignore this, use --missing-ok."
    rows, missing, refused = _find(using, options, hint)
    if refused:
        raise _refusal(refused)
    return rows, [f"Not found: {shown(line.origin)} in policy {line.policy!r}." for line in missing]


def _change(row: AllowedOrigin, values: Mapping[str, Any], plan: Plan) -> Line:
    """Set the values of the row, and add it to the plan."""
    line = Line(0, row.policy, row.origin, values)
    line.change(row)
    (plan.changed if line.before else plan.unchanged).append(line)
    return line


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
