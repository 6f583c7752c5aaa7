"""The subcommands of ``cors_origins`` and their options."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Mapping

from django.core.management.base import CommandParser, DjangoHelpFormatter
from django.db import connections

from django_cors_policy.policy import DEFAULT_ALIAS

from ..batches import FORMATS, NEVER
from ..states import State

STANDARD = "-"  # standard input or output


def add_subcommands(parser: CommandParser, run: Mapping[str, Callable[..., None]]) -> None:
    """Add the subcommands. The option ``run`` is set to the method of the one that is called."""
    # Django's own options may also follow the subcommand. Without defaults there, options
    # before the subcommand keep their values.
    shared = copy.deepcopy(parser)
    for action in shared._actions:  # noqa: SLF001 -- argparse has no public way to get them
        action.default = argparse.SUPPRESS
    shared.add_argument(
        "--database",
        choices=tuple(connections),
        help="the database to use (default: the one that requests read the rows from)",
    )
    commands = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)

    def subcommand(name: str, summary: str) -> CommandParser:
        command: CommandParser = commands.add_parser(
            name,
            parents=[shared],
            add_help=False,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=DjangoHelpFormatter,
        )
        command.set_defaults(run=run[name])
        return command

    command = subcommand("list", "show the rows and their states")
    command.add_argument("--policy", metavar="ALIAS", help="only rows of this policy")
    command.add_argument(
        "--state", choices=[state.value for state in State], help="only rows in this state"
    )
    command.add_argument(
        "--format",
        choices=("table", *FORMATS),
        default="table",
        help="a table for people (the default), or JSON or CSV for scripts",
    )

    command = subcommand("add", "add origins; existing rows do not change")
    _add_origins(command)
    _add_limits(command, "yes")
    command.add_argument("--note", help="who owns the origin, and who asked for the row")
    command.add_argument(
        "--update",
        action="store_true",
        help="change existing rows that have other values, instead of failing",
    )

    command = subcommand("enable", "enable disabled rows; they keep all other values")
    _add_origins(command)
    _add_limits(command, "as before")

    command = subcommand("disable", "disable rows without removing them")
    _add_origins(command)
    _add_missing_ok(command)

    command = subcommand("remove", "remove origins from the allowlist")
    _add_origins(command)
    _add_missing_ok(command)

    command = subcommand("import", "import the rows of a file, all or none")
    command.add_argument("file", metavar="FILE", help="a .json or .csv file, or - for stdin")
    _add_format(command)
    command.add_argument(
        "--policy",
        metavar="ALIAS",
        help="the policy of all rows; a row with another policy is an error",
    )
    command.add_argument(
        "--prune",
        action="store_true",
        help="remove rows that are not in the file (with --policy: only rows of that policy)",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="show the changes without making them"
    )

    command = subcommand("export", "write the rows to a file for import")
    command.add_argument(
        "file", metavar="FILE", nargs="?", default=STANDARD, help="default: - for stdout"
    )
    _add_format(command)
    command.add_argument("--policy", metavar="ALIAS", help="only rows of this policy")


def _add_origins(command: CommandParser) -> None:
    command.add_argument("origins", nargs="+", metavar="ORIGIN")
    command.add_argument(
        "--policy",
        metavar="ALIAS",
        default=DEFAULT_ALIAS,
        help="the policy in CORS_POLICIES (default: %(default)s)",
    )


def _add_limits(command: CommandParser, credentials: str) -> None:
    command.add_argument(
        "--expires",
        metavar="WHEN",
        help=f"a duration (30m, 12h, 7d, 2w), a date or time (2030-12-24T18:00Z), or {NEVER}",
    )
    command.add_argument(
        "--credentials",
        action=argparse.BooleanOptionalAction,
        help=f"allow cookies and logins, if the policy allows them (default: {credentials})",
    )


def _add_missing_ok(command: CommandParser) -> None:
    command.add_argument(
        "--missing-ok", action="store_true", help="do not fail if an origin is missing"
    )


def _add_format(command: CommandParser) -> None:
    command.add_argument(
        "--format", choices=FORMATS, help="the format, if the file name does not show it"
    )
