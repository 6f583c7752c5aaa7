"""The tables in the docs: their targets are the benchmark's, and a run renews its own tables."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "_performance"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``benchmarks/tables.py``, which is no part of a package."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module("tables")
    for name in ("tables", "scenarios"):
        sys.modules.pop(name, None)


def rows(name: str) -> list[tuple[str, ...]]:
    """The rows of a table in the docs, without its header."""
    text = (DOCS / f"{name}.txt").read_text(encoding="utf-8")
    _, *found = re.split(r"^   \* - ", text, flags=re.MULTILINE)
    return [tuple(row.strip().split("\n     - ")) for row in found][1:]


def test_documented_targets_are_those_of_the_benchmark(tables: Any) -> None:
    def promise(target: Any) -> tuple[str, ...]:
        unmeasured = dataclasses.replace(target, value=lambda results: 0)
        return tuple(unmeasured.row(None)[:3])

    assert [row[:3] for row in rows("targets")] == [promise(target) for target in tables.TARGETS]


def test_a_run_renews_its_own_tables_and_no_others(tables: Any, tmp_path: Path) -> None:
    (tmp_path / "servers.txt").write_text("as before")
    (tmp_path / "main.txt").write_text("as before")
    counts = {"nothing": [100], "no-op": [200], "ours": [1100], "peer": [20_100]}
    measured = {
        "about": {"Python": "3.13"},
        "instructions": {"allowed": counts},
        "floors": {"nothing": [0], "object_no_op": [500]},
        "times": {},
        "memory": {},
    }
    tables.write_docs(tables.tables(measured), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("about.txt", "floors.txt", "main.txt", "servers.txt", "targets.txt")
    ]
    assert (tmp_path / "servers.txt").read_text() == "as before"
    row = ["Allowed actual request, 3 origins", "1,000", "20,000", "20.0", "10.0", "2.00"]
    shown = "   * - " + "\n     - ".join([*row, "", "", ""])
    assert re.sub(r" +$", "", shown, flags=re.MULTILINE) in (tmp_path / "main.txt").read_text()


def test_each_table_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "performance.rst").read_text(encoding="utf-8")
    included = re.findall(r"^\.\. include:: _performance/(.+)$", page, re.MULTILINE)
    assert sorted(included) == sorted(path.name for path in DOCS.glob("*.txt"))
