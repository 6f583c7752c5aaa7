"""``manage.py cors_origins``: the allowlist for scripts and for those who prefer a terminal."""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.checks import Tags
from django.core.exceptions import ValidationError
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from django.db import Error, IntegrityError, connections
from django.utils import timezone

from django_cors_policy.allowlist import transfer
from django_cors_policy.allowlist.database import UndecidedDatabaseError, allowlist_database
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.rows import parse_row, shown
from django_cors_policy.allowlist.states import RowStatus, State, status_of
from django_cors_policy.allowlist.transfer import NEVER, Change, Line, Plan, Refused
from django_cors_policy.allowlist.view_credentials import describe_credentials
from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean, short_repr
from django_cors_policy.policy import DEFAULT_ALIAS

# No policy can use such rows, and somebody should look at them.
MISFITS = (State.UNKNOWN_POLICY, State.REFUSED, State.UNREADABLE)

STANDARD = "-"  # standard input or output
# Wider than any line of progress.
BLANK_LINE = "\r" + " " * 60 + "\r"


class Command(BaseCommand):
    """Lists, adds and removes rows of the allowlist, and brings them from and into files."""

    help = "List, add, remove, import and export the origins that the database adds to policies."
    # They judge the policies that rows are added to. The rest of the project is not asked for.
    requires_system_checks = (Tags.security,)

    def add_arguments(self, parser: CommandParser) -> None:
        # Django's own options may stand behind the subcommand as well. Without a default there,
        # what was said in front of it stays said.
        shared = copy.deepcopy(parser)
        for action in shared._actions:  # noqa: SLF001 -- argparse has no other way to them
            action.default = argparse.SUPPRESS
        shared.add_argument(
            "--database",
            choices=tuple(connections),
            help="the database to work on, if not the one that requests read the rows from",
        )
        commands = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)

        def subcommand(name: str, run: Callable[..., None], summary: str) -> CommandParser:
            command: CommandParser = commands.add_parser(
                name,
                parents=[shared],
                add_help=False,
                help=summary,
                description=f"{summary[0].upper()}{summary[1:]}.",
                formatter_class=DjangoHelpFormatter,
            )
            command.set_defaults(run=run)
            return command

        command = subcommand("list", self._list, "show the rows, and whether each is live")
        command.add_argument("--policy", metavar="ALIAS", help="only rows of this policy")
        command.add_argument(
            "--state", choices=[state.value for state in State], help="only rows in this state"
        )
        command.add_argument(
            "--format",
            choices=("table", *transfer.FORMATS),
            default="table",
            help="a table for people (the default), or JSON or CSV for scripts",
        )

        command = subcommand("add", self._add, "allow origins; those allowed already are left")
        command.add_argument("origins", nargs="+", metavar="ORIGIN")
        self._add_policy_argument(command)
        command.add_argument(
            "--expires",
            metavar="WHEN",
            help=f"from now on (30m, 12h, 7d, 2w), a date or time (2030-12-24T18:00Z), or {NEVER}",
        )
        command.add_argument("--note", help="whose origin it is, and who asked for it")
        command.add_argument(
            "--credentials",
            action=argparse.BooleanOptionalAction,
            help="whether cookies and logins may be sent, where the policy allows that (it may)",
        )
        command.add_argument(
            "--update",
            action="store_true",
            help="change the rows that are there already with other values, instead of failing",
        )

        command = subcommand("remove", self._remove, "take origins out of the allowlist")
        command.add_argument("origins", nargs="+", metavar="ORIGIN")
        self._add_policy_argument(command)
        command.add_argument(
            "--missing-ok", action="store_true", help="succeed if they are not there"
        )

        command = subcommand("import", self._import, "bring in the rows of a file, all or none")
        command.add_argument("file", metavar="FILE", help="a .json or .csv file, - for stdin")
        command.add_argument(
            "--format", choices=transfer.FORMATS, help="if the file's name does not tell"
        )
        command.add_argument(
            "--policy",
            metavar="ALIAS",
            help="the policy of all rows; one that names another is refused",
        )
        command.add_argument(
            "--prune",
            action="store_true",
            help="remove what the file does not have (with --policy: of that policy)",
        )
        command.add_argument(
            "--dry-run", action="store_true", help="show what would change, and change nothing"
        )

        command = subcommand("export", self._export, "write the rows, as import reads them")
        command.add_argument(
            "file", metavar="FILE", nargs="?", default=STANDARD, help="default: - for stdout"
        )
        command.add_argument(
            "--format", choices=transfer.FORMATS, help="if the file's name does not tell"
        )
        command.add_argument("--policy", metavar="ALIAS", help="only rows of this policy")

    def _add_policy_argument(self, command: CommandParser) -> None:
        command.add_argument(
            "--policy",
            metavar="ALIAS",
            default=DEFAULT_ALIAS,
            help="the policy in CORS_POLICIES (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # The one that requests ask, even for reading: a replica may lag behind.
        try:
            using = options["database"] or allowlist_database()
        except UndecidedDatabaseError as error:
            raise CommandError(f"Pass --database: {error}") from error
        try:
            options["run"](using, options)
        except PolicyErrors as error:
            raise CommandError(str(error)) from error
        except Refused as refused:
            raise _refusal(text for _, text in refused.problems) from refused
        except IntegrityError as error:
            raise CommandError(
                f"Another process has changed the same rows ({error}). Nothing is changed here. "
                "Run the command again."
            ) from error
        except Error as error:
            raise CommandError(
                f"The database {using!r} does not do it: {error}. Nothing is changed. "
                "If the table is missing, run 'manage.py migrate' first."
            ) from error

    # -- list

    def _list(self, using: str, options: Mapping[str, Any]) -> None:
        policy_book()  # where settings are wrong, no row can be judged
        rows = [(row, status_of(row)) for row in self._rows(using, options["policy"])]
        if options["state"] is not None:
            wanted = State(options["state"])
            rows = [
                (row, standing)
                for row, standing in rows
                if standing.state == wanted or (wanted == State.LIVE and standing.state.is_live)
            ]
        if options["format"] == "table":
            self._write_table(rows)
            return
        items = (
            {**transfer.as_item(row), "state": standing.state.value, "why": standing.why}
            for row, standing in rows
        )
        fields = (*transfer.FIELDS, "state", "why")
        self.stdout.write(transfer.render(items, options["format"], fields), ending="")

    def _rows(self, using: str, policy: str | None) -> list[AllowedOrigin]:
        rows = AllowedOrigin.objects.using(using).order_by()
        if policy is not None:
            rows = rows.filter(policy=policy)
        # Databases sort differently; two exports of the same rows should not.
        found = sorted(rows.iterator(chunk_size=2000), key=lambda row: (row.policy, row.origin))
        if policy is not None and not found:
            policies = policy_book().policies
            if policy not in policies:
                raise CommandError(
                    f"{policy!r} is no policy in CORS_POLICIES, nor is there a row of it. "
                    f"{did_you_mean(policy, policies)}"
                )
        return found

    def _write_table(self, rows: Sequence[tuple[AllowedOrigin, RowStatus]]) -> None:
        heading = ("POLICY", "ORIGIN", "STATE", "CREDENTIALS", "NOTE")
        table = [heading, *(_as_cells(row, standing) for row, standing in rows)]
        widths = [max(_width(cells[column]) for cells in table) for column in range(4)]
        for index, cells in enumerate(table):
            padded = [
                cell + " " * (width - _width(cell))
                for cell, width in zip(cells, widths)  # noqa: B905 -- the last one needs none
            ]
            line = "  ".join([*padded, cells[4]]).rstrip()
            if index == 0:
                line = self.style.MIGRATE_HEADING(line)
            elif rows[index - 1][1].state in MISFITS:
                line = self.style.WARNING(line)
            self._say(line)
        counts = Counter(standing.state.value for _, standing in rows)
        summary = ", ".join(
            f"{counts[state.value]} {state.value}" for state in State if counts[state.value]
        )
        self._say(f"\n{len(rows)} rows: {summary}." if rows else "\nNo rows.")
        for row, standing in rows:
            if standing.state in MISFITS:
                self._say(f"{_in_words(row)}: {standing.why}")

    # -- add and remove

    def _add(self, using: str, options: Mapping[str, Any]) -> None:
        said: dict[str, Any] = {"policy": options["policy"]}
        if options["expires"] is not None:
            try:
                said["expires_at"] = transfer.parse_expires(options["expires"])
            except ValidationError as error:
                raise CommandError(f"--expires: {error.messages[0]}") from error
        if options["note"] is not None:
            said["note"] = options["note"]
        if options["credentials"] is not None:
            said["allow_credentials"] = options["credentials"]
        lines, problems = _read_origins(options["origins"], said)
        plan = transfer.make_plan(lines, using, problems=problems)
        changed = [change.row for change in plan.changed]
        refused = [problem for row in plan.unchanged for problem in transfer.problems_of(row)]
        refused += [why for row in [*changed, *plan.unchanged] if (why := _why_not_open(row))]
        if not options["update"]:
            refused += map(_why_not_changed, plan.changed)
        if refused:
            raise _refusal(refused)
        transfer.carry_out(plan, using)
        for what, rows in (
            ("Added", plan.added),
            ("Changed", changed),
            ("There already", plan.unchanged),
        ):
            for row in rows:
                self._report(f"{what}: {_in_words(row)}.", options)

    def _remove(self, using: str, options: Mapping[str, Any]) -> None:
        policy = options["policy"]
        lines, problems = _read_origins(options["origins"], {"policy": policy})
        rows = {}
        elsewhere: dict[str, list[str]] = {}
        for row in transfer.rows_with([line.origin for line in lines], using):
            if row.policy == policy:
                rows[row.origin] = row
            else:
                elsewhere.setdefault(row.origin, []).append(row.policy)
        missing = [line.origin for line in lines if line.origin not in rows]
        refused = [text for _, text in problems]
        for origin in missing:
            refused += _why_not_removed(
                origin, policy, elsewhere.get(origin, ()), options["missing_ok"]
            )
        if refused:
            raise _refusal(refused)
        transfer.carry_out(Plan(removed=list(rows.values())), using)
        for row in rows.values():
            self._report(f"Removed: {_name(row)}.", options)
        for origin in missing:
            self._report(f"Not there: {shown(origin)} in policy {policy!r}.", options)

    # -- import and export

    def _import(self, using: str, options: Mapping[str, Any]) -> None:
        name, policy = options["file"], options["policy"]
        text = _read_file(name)
        lines, problems = transfer.read(text, _format(name, options["format"]), policy)
        try:
            plan = transfer.make_plan(
                lines, using, problems=problems, progress=self._progress(options)
            )
            if options["prune"]:
                plan.removed.extend(transfer.surplus(lines, using, policy))
            if not options["dry_run"]:
                transfer.carry_out(plan, using, self._progress(options))
        except Refused as refused:
            place = "standard input" if name == STANDARD else name
            raise _refusal(
                f"{place}:{line}: {text}" for line, text in refused.problems
            ) from refused
        finally:
            if self._is_watched(options):
                self.stderr.write(BLANK_LINE, _plain, ending="")
        if options["dry_run"] or options["verbosity"] > 1:
            self._write_plan(plan)
        counts = (
            f"{len(plan.added)} added, {len(plan.changed)} changed, "
            f"{len(plan.unchanged)} unchanged, {len(plan.removed)} removed."
        )
        self._report(f"Would be: {counts}" if options["dry_run"] else counts, options)

    def _write_plan(self, plan: Plan) -> None:
        for row in plan.removed:
            self._say(self.style.ERROR(f"- {_in_words(row)}"))
        for row in plan.added:
            self._say(self.style.SUCCESS(f"+ {_in_words(row)}"))
        for change in plan.changed:
            self._say(self.style.WARNING(f"~ {_name(change.row)}: {_differences(change)}"))

    def _export(self, using: str, options: Mapping[str, Any]) -> None:
        name = options["file"]
        format = _format(name, options["format"])
        rows = self._rows(using, options["policy"])
        text = transfer.render(map(transfer.as_item, rows), format)
        if name == STANDARD:
            self.stdout.write(text, ending="")
            return
        try:
            Path(name).write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
        self._report(f"Exported to {name}: {len(rows)} rows.", options)

    # -- what is said, and where

    def _report(self, text: str, options: Mapping[str, Any]) -> None:
        if options["verbosity"] > 0:
            self._say(text)

    def _say(self, text: str) -> None:
        try:
            self.stdout.write(text)
        except UnicodeEncodeError:
            self.stdout.write(text.encode("ascii", "backslashreplace").decode())

    def _is_watched(self, options: Mapping[str, Any]) -> bool:
        return bool(self.stderr.isatty()) and options["verbosity"] > 0

    def _progress(self, options: Mapping[str, Any]) -> transfer.Progress | None:
        if not self._is_watched(options):
            return None

        def show(what: str, done: int, total: int) -> None:
            self.stderr.write(f"\r{what} {done:,} of {total:,} rows ", _plain, ending="")
            self.stderr.flush()

        return show


def _plain(text: str) -> str:
    return text


def _refusal(problems: Iterable[str]) -> CommandError:
    # The same is often wrong with several origins.
    lines = list(dict.fromkeys(problems))
    if len(lines) == 1:
        return CommandError(f"{lines[0]} Nothing is changed.")
    listed = "\n".join(f"- {line}" for line in lines)
    return CommandError(f"{len(lines)} problems; nothing is changed:\n{listed}")


def _read_origins(
    origins: Iterable[str], said: Mapping[str, Any]
) -> tuple[list[Line], list[tuple[int, str]]]:
    """What the command line says of each origin, and what is wrong with it."""
    lines = {}
    problems: list[tuple[int, str]] = []
    for text in origins:
        try:
            line = transfer.read_line(0, {"origin": text, **said}, None)
        except Refused as refused:
            problems += refused.problems
        else:
            lines[line.origin] = line  # one that is written twice is meant once
    return list(lines.values()), problems


def _why_not_open(row: AllowedOrigin) -> str:
    """Why the row, though it is there, does not let the origin in; empty if it does."""
    if not row.is_enabled:
        why = "somebody has disabled it. Enable it in the admin, or remove it and add it again."
    elif row.expires_at is not None and row.is_expired:
        why = f"it expired {_moment(row.expires_at)}. Say until when: --update --expires 7d."
    else:
        return ""
    return f"{_name(row)} is there already, and {why}"


def _why_not_changed(change: Change) -> str:
    return (
        f"{_name(change.row)} is there already, with other values: {_differences(change)}. "
        "To change it, say --update."
    )


def _why_not_removed(
    origin: str, policy: str, elsewhere: Sequence[str], missing_ok: bool
) -> list[str]:
    try:
        parse_row(origin)
    except PolicyError as error:
        return [str(error)]  # a slip of the pen, which would leave the origin that was meant
    if missing_ok:
        return []
    hint = "--missing-ok lets that pass."
    if elsewhere:
        hint = f"It is in {', '.join(map(repr, elsewhere))}: name that with --policy."
    return [f"{shown(origin)} is not in policy {policy!r}. {hint}"]


def _read_file(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()
        return data.decode("utf-8-sig")  # spreadsheets put a mark in front
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CommandError(f"{name}:{line}: This is no UTF-8. Save the file as UTF-8.") from error


def _format(name: str, format: str | None) -> str:
    if format is not None:
        return format
    if name == STANDARD:
        return "json"
    suffix = Path(name).suffix.lower().removeprefix(".")
    if suffix not in transfer.FORMATS:
        raise CommandError(f"{name} does not tell its format. Say --format json or --format csv.")
    return suffix


def _as_cells(row: AllowedOrigin, standing: RowStatus) -> tuple[str, str, str, str, str]:
    return (
        _printable(row.policy),
        shown(row.origin),
        standing.text.replace("\N{NO-BREAK SPACE}", " "),
        describe_credentials(row),
        _printable(row.note),
    )


def _name(row: AllowedOrigin) -> str:
    return f"{shown(row.origin)} in policy {row.policy!r}"


def _in_words(row: AllowedOrigin) -> str:
    facts = [_name(row)]
    if not row.is_enabled:
        facts.append("disabled")
    if row.expires_at is not None:
        facts.append(_until(row.expires_at))
    if not row.allow_credentials:
        facts.append("without credentials")
    return ", ".join(facts)


def _differences(change: Change) -> str:
    return ", ".join(
        f"{name} is {_value(before)}, not {_value(getattr(change.row, name))}"
        for name, before in change.before.items()
    )


def _value(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return _moment(value)
    # As import and export have it.
    return short_repr(value) if isinstance(value, str) else json.dumps(value)


def _until(moment: datetime.datetime) -> str:
    return f"{'expired' if moment <= timezone.now() else 'until'} {_moment(moment)}"


def _moment(moment: datetime.datetime) -> str:
    if timezone.is_aware(moment):
        moment = timezone.localtime(moment)
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".rstrip()


def _printable(text: str) -> str:
    """The text without what could move the cursor, or turn the line around."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _width(text: str) -> int:
    """How many columns a terminal needs for the text."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
