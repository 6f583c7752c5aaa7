"""The tables in the docs are those of the results beside them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "_performance"


def test_documented_tables_are_made_from_the_documented_results(tmp_path: Path) -> None:
    code = (
        "import json, pathlib, sys; from tables import write_docs;"
        "write_docs(json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, DOCS / "results.json", tmp_path],
        check=True,
        cwd=ROOT / "benchmarks",
        timeout=60,
    )
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.txt")}


def test_each_table_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "performance.rst").read_text(encoding="utf-8")
    included = re.findall(r"^\.\. include:: _performance/(.+)$", page, re.MULTILINE)
    assert sorted(included) == sorted(path.name for path in DOCS.glob("*.txt"))
