"""What the commands share to write to a terminal."""

from __future__ import annotations

import io

import pytest
from django.core.management.base import BaseCommand

from django_cors_policy.management.terminal import printable, write, write_table


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
    assert out.getvalue() == "f\\xfcr Ann\n"
