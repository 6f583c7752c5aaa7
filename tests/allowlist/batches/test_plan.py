"""Lines that are asked for, compared with the database. The admin and the command test the rest."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.allowlist.batches import Line, carry_out, make_plan
from django_cors_policy.allowlist.models import AllowedOrigin

pytestmark = pytest.mark.django_db

ONE, TWO = "https://one.example", "https://two.example"


def line(number: int, origin: str = ONE, **values: Any) -> Line:
    return Line(number, "default", origin, values)


def test_each_line_has_one_outcome() -> None:
    there = AllowedOrigin.objects.create(origin=ONE, note="old")
    lines = [
        line(1, note="new"),
        line(2, TWO),
        line(3, TWO, note="again"),
        line(4, "https://*"),
        Line(5, problems=["nothing that can be read"]),
    ]
    plan = make_plan(lines, "default")
    outcomes = {name: found for name, found in vars(plan).items() if found}
    assert outcomes == {
        "changed": [lines[0]],
        "added": [lines[1]],
        "duplicates": [lines[2]],
        "refused": [lines[4], lines[3]],
    }
    assert (lines[0].row.pk, lines[0].row.note, lines[0].before) == (
        there.pk,
        "new",
        {"note": "old"},
    )
    assert lines[2].same_as == 2
    assert lines[3].problems


def test_what_is_not_said_of_a_row_is_left_as_it_is() -> None:
    AllowedOrigin.objects.create(origin=ONE, note="old", is_enabled=False)
    assert make_plan([line(1)], "default").unchanged
    carry_out(make_plan([line(1, note="new")], "default"), "default")
    row = AllowedOrigin.objects.get()
    assert (row.note, row.is_enabled) == ("new", False)


def test_progress_counts_to_the_end() -> None:
    told: list[tuple[str, int, int]] = []
    plan = make_plan([line(1), line(2, TWO)], "default", lambda *step: told.append(step))
    carry_out(plan, "default", lambda *step: told.append(step))
    assert told == [("Compared", 2, 2), ("Written", 2, 2)]
