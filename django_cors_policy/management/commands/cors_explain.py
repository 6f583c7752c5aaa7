"""``manage.py cors_explain``: why a call from another origin is blocked, and what to change."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.urls import NoReverseMatch, reverse

from django_cors_policy import fetch
from django_cors_policy.explain import Exchange, Explanation, Finding, explain
from django_cors_policy.management.terminal import closed_pipes_allowed, printable, write

BLOCKED, MISUSED = 1, 2  # exit statuses

# In columns. Longer lines of prose are hard to read.
NARROWEST, WIDEST = 40, 100
INDENT = "  "
PASTE_INDENT = "    "


class Command(BaseCommand):
    """Simulate the browser for one call, and print the explanation."""

    help = (
        "Explain whether CORS allows a call from another origin: whether the browser sends it, "
        "whether the script can read the response, and what to change. This sends nothing over "
        "the network and runs no view. The exit status is 0 if CORS allows the call, 1 if it is "
        "blocked, and 2 if an argument or CORS_POLICIES is invalid."
    )
    # Invalid policies have their own exit status here, and other problems that checks find must not
    # stop this command.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "origin",
            metavar="ORIGIN",
            type=_text,
            help="the page's origin, as location.origin shows it: https://app.example.com or null",
        )
        parser.add_argument(
            "method", metavar="METHOD", type=_text, help="the method, as the script writes it"
        )
        parser.add_argument(
            "url",
            metavar="PATH_OR_URL",
            type=_text,
            help="what the script calls; with a whole URL, cookies and redirects are checked too",
        )
        parser.add_argument(
            "--header",
            action="append",
            default=[],
            dest="headers",
            metavar="NAME",
            type=_text,
            help="a request header that the script sets (repeatable)",
        )
        parser.add_argument(
            "--content-type",
            default="",
            metavar="TYPE",
            type=_text,
            help="the Content-Type that the script sets, such as application/json",
        )
        parser.add_argument(
            "--reads",
            action="append",
            default=[],
            metavar="NAME",
            type=_text,
            help="a response header that the script reads (repeatable)",
        )
        parser.add_argument(
            "--credentials",
            action="store_true",
            help='the script sends credentials (credentials: "include", or withCredentials)',
        )
        parser.add_argument(
            "--format",
            choices=["text", "json"],
            default="text",
            help="text to read (the default), or JSON for programs",
        )
        parser.add_argument(
            "--fail-on-csrf",
            action="store_true",
            help="exit with status 1 too if CORS allows the call, but Django answers 403 (CSRF)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            explanation = explain(
                options["origin"],
                options["method"],
                options["url"],
                headers=options["headers"],
                content_type=options["content_type"],
                credentials=options["credentials"],
                reads=options["reads"],
            )
        except ImproperlyConfigured as error:
            lines = map(printable, str(error).split("\n"))
            raise CommandError("\n".join(lines), returncode=MISUSED) from error
        with closed_pipes_allowed(self):
            if options["format"] == "json":
                self.stdout.write(json.dumps(explanation.as_dict(), indent=2))
            else:
                self._write(explanation)
        failing = ("blocked", "csrf") if options["fail_on_csrf"] else ("blocked",)
        if explanation.outcome in failing:
            sys.exit(BLOCKED)

    def _write(self, explanation: Explanation) -> None:
        self._lines: list[str] = []
        self._write_explanation(explanation)
        write(self, "\n".join(self._lines))

    # -- The parts, the most important first.

    def _write_explanation(self, explanation: Explanation) -> None:
        styles = {"allowed": self.style.SUCCESS, "blocked": self.style.ERROR}
        style = styles.get(explanation.outcome, self.style.WARNING)
        self._prose(explanation.verdict, style=style)
        for finding in explanation.findings:
            self._line()
            self._write_finding(finding)
        self._write_reasons(explanation)
        for exchange in explanation.exchanges:
            self._write_exchange(exchange)
        self._heading("The script")
        self._fact("can read", _readable(explanation))
        self._fact("cookies", explanation.cookies)
        if explanation.other_notes:
            self._heading("Notes")
        for position, note in enumerate(explanation.other_notes):
            if position:
                self._line()
            self._write_finding(note, INDENT)

    def _write_finding(self, finding: Finding, indent: str = "") -> None:
        self._prose(f"{finding.text}{_link(finding.row, ' ')}", indent)
        for lead, fix in finding.advice():
            self._line()
            self._prose(lead, indent)
            for line in fix.code:
                self._line(line, indent + PASTE_INDENT, self.style.MIGRATE_LABEL)
            if fix.where == "server":  # sentences, not code to paste
                for line in fix.lines:
                    self._prose(line, indent + PASTE_INDENT)

    def _write_reasons(self, explanation: Explanation) -> None:
        call = explanation.call
        credentials = "with credentials" if call.credentials else "without credentials"
        self._heading("Why")
        self._fact("call", f"{call.method} {explanation.url} from {call.origin}, {credentials}")
        self._fact("view", explanation.view or "none at this path")
        if explanation.policy:
            policy = f"{explanation.policy!r}, because of {explanation.because_of}"
            self._fact("policy", policy)
        if explanation.allowed_by:
            link = _link(explanation.row, ", ")
            self._fact("origin", f"allowed by {explanation.allowed_by}{link}")
        if explanation.exchanges:  # otherwise the browser stops before it needs one
            needed_for = " and ".join(explanation.preflight_needed_for)
            self._fact("preflight", f"needed for {needed_for}" if needed_for else "not needed")

    def _write_exchange(self, exchange: Exchange) -> None:
        self._heading(exchange.kind.capitalize())
        for sign, message in ((">", exchange.request), ("<", exchange.response)):
            # Not wrapped: each header is one line.
            self._line(f"{sign} {message.line}", INDENT, self.style.MIGRATE_LABEL)
            for name, value in message.headers:
                self._line(f"{sign} {name}: {value}", INDENT)
        style = self.style.ERROR if exchange.failure else self.style.SUCCESS
        self._prose(_conclusion(exchange), INDENT, style)

    # -- Output helpers.

    def _heading(self, text: str) -> None:
        self._line()
        self._line(text, style=self.style.MIGRATE_HEADING)

    def _fact(self, name: str, text: str) -> None:
        self._prose(text, f"{INDENT}{name:<9}  ")

    def _prose(
        self, text: str, indent: str = "", style: Callable[[str], str] | None = None
    ) -> None:
        """Write ``text`` after ``indent`` (may be a label), wrapped to the terminal's width."""
        width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
        text = text.replace("\N{NO-BREAK SPACE}", " ")  # as in Django's "3 hours"
        for line in textwrap.wrap(
            printable(text),
            width,
            initial_indent=indent,
            subsequent_indent=" " * len(indent),
            break_long_words=False,  # so that you can copy URLs and header names
            break_on_hyphens=False,
        ):
            self._line(line, style=style)

    def _line(
        self, text: str = "", indent: str = "", style: Callable[[str], str] | None = None
    ) -> None:
        line = indent + printable(text)
        self._lines.append(line if style is None else style(line))


def _text(argument: str) -> str:
    """Return ``argument``. Refuse text that is not UTF-8, because browsers never send it."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"{argument!r} is not UTF-8.") from None
    return argument


def _conclusion(exchange: Exchange) -> str:
    """Say what the browser does with the response."""
    if exchange.kind == "preflight":
        if exchange.failure:
            return f"The browser does not send the request: {exchange.failure}"
        return "The browser sends the request."
    if exchange.failure:
        return f"The script does not get the response: {exchange.failure}"
    if any(name == "Location" for name, _ in exchange.response.headers):
        return "The browser follows the redirect."
    return "The script gets the response."


def _link(row: int | None, before: str) -> str:
    """The admin page of the row after ``before``; empty if the admin does not have it."""
    if row is None:
        return ""
    try:
        url = reverse("admin:cors_policy_allowlist_allowedorigin_change", args=[row])
    except NoReverseMatch:
        return ""
    return f"{before}{url}"


def _readable(explanation: Explanation) -> str:
    if not explanation.may_read:
        return "nothing"
    if fetch.WILDCARD in explanation.readable_headers:
        return "status, body, and every header except Set-Cookie"
    return f"status, body, and the headers {', '.join(explanation.readable_headers)}"
