"""What the commands share to write to a terminal."""

from __future__ import annotations

import io
import os

import pytest
from django.core.management.base import BaseCommand

from django_cors_policy.management.terminal import (
    align,
    closed_pipes_allowed,
    printable,
    width_to_fit,
    wrap,
    write,
    write_table,
)


class Ascii(io.StringIO):
    encoding = "ascii"

    def write(self, text: str) -> int:
        text.encode(self.encoding)
        return super().write(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("für Ann", "für Ann"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("\u202eb\n", "\\u202eb\\n")],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_table_is_aligned_by_what_terminals_show() -> None:
    out = io.StringIO()
    rows = [(("東京", "no"), False), (("a", "\x1b"), True)]
    write_table(BaseCommand(stdout=out, no_color=True), ("NAME", "OPEN"), rows)
    assert out.getvalue() == "NAME  OPEN\n東京  no\na     \\x1b\n"


def test_rows_that_stand_out_are_coloured() -> None:
    out = io.StringIO()
    command = BaseCommand(stdout=out, force_color=True)
    write_table(command, ("NAME",), [(("plain",), False), (("loud",), True)])
    heading, plain, loud, _ = out.getvalue().split("\n")
    assert plain == "plain"
    assert heading == command.style.MIGRATE_HEADING("NAME")
    assert loud == command.style.WARNING("loud") != "loud"


def test_a_terminal_of_few_characters_gets_escapes() -> None:
    out = Ascii()
    write(BaseCommand(stdout=out), "für Ann")
    write(BaseCommand(stdout=out), "/admin/… für")
    assert out.getvalue() == "f\\xfcr Ann\n/admin/... f\\xfcr\n"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("any text of any length", None, ["any text of any length"]),
        ("GET, POST", 9, ["GET, POST"]),
        ("GET, POST", 8, ["GET,", "  POST"]),
        ("GET, POST, PUT", 9, ["GET,", "  POST,", "  PUT"]),
        ("/api/books/", 9, ["/api/", "  books/"]),
        ("shop.views.stock", 12, ["shop.views.", "  stock"]),
        ("abcdefghij", 8, ["abcdefgh", "  ij"]),
        ("東京東京東京", 8, ["東京東京", "  東京"]),
        ("a          b", 8, ["a", "    b"]),
    ],
)
def test_wrap(text: str, width: int | None, lines: list[str]) -> None:
    assert wrap(text, width) == lines


def test_a_table_that_is_too_wide_is_wrapped_where_it_costs_the_fewest_lines() -> None:
    rows = [["PATH", "BECAUSE OF"], ["/api/books/", "a long reason"], ["/api/", "a reason"]]
    assert align(rows) == [
        "PATH         BECAUSE OF",
        "/api/books/  a long reason",
        "/api/        a reason",
    ]
    assert align(rows, 23) == [
        "PATH         BECAUSE OF",
        "/api/books/  a long\n               reason",
        "/api/        a reason",
    ]
    # Columns of a few characters cannot be read, so such a table is wider.
    assert align(rows, 1) == [
        "PATH      BECAUSE\n            OF",
        "/api/     a long\n  books/    reason",
        "/api/     a reason",
    ]


def test_a_pipe_that_is_closed() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as pipe:
        command = BaseCommand(stdout=pipe)
        with closed_pipes_allowed(command):
            write(command, "too late")
        # What was left, and what is written later, is discarded without an error.
        write(command, "later")
        pipe.flush()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_width_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, terminal = BaseCommand(stdout=io.StringIO()), BaseCommand(stdout=Terminal())
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((72, 24)))
    assert (width_to_fit(pipe), width_to_fit(terminal)) == (None, 72)
    monkeypatch.setenv("COLUMNS", "72")
    assert width_to_fit(pipe) == 72
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((9, 24)))
    assert width_to_fit(terminal) == 40
