"""Rows as files write them. The command's tests read and write whole files."""

from __future__ import annotations

import pytest

from django_cors_policy.allowlist.batches import read, read_line, render

ONE = "https://one.example"


@pytest.mark.parametrize("format", ["csv", "json"])
def test_what_is_written_reads_the_same(format: str) -> None:
    item = {"policy": "default", "origin": ONE, "note": "=1, and\nmore"}
    [line] = read(render([item], format, tuple(item)), format, None)
    assert (line.number, line.policy, line.origin) == (2, "default", ONE)
    assert line.values == {"note": "=1, and\nmore"}
    assert not line.problems


def test_all_problems_of_a_line_are_told() -> None:
    line = read_line(7, {"origin": "", "is_enabled": "maybe", "color": "red"}, None)
    assert line.number == 7
    assert [problem.partition(" ")[0] for problem in line.problems] == [
        "Unknown",
        "origin:",
        "is_enabled:",
    ]
