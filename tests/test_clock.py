"""The tests that depend on dates run at difficult hours too (``tox -e clock``)."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ASKS = re.compile(r"timezone\.now\(|datetime\.now\(|\btoday\(|\btime\.time\(|expires_at")
# They run on servers and in browsers, which need their real clocks.
ELSEWHERE = ("tests/browsers", "tests/processes")


def test_all_modules_that_ask_for_the_time_are_named() -> None:
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    named = [line.partition("::")[0] for line in parser["clock"]["tests"].split()]
    assert all((ROOT / path).exists() for path in named)
    asking = {
        module.relative_to(ROOT).as_posix()
        for module in ROOT.glob("tests/**/test_*.py")
        if ASKS.search(module.read_text(encoding="utf-8"))
    }
    asking.discard(Path(__file__).relative_to(ROOT).as_posix())
    missing = {path for path in asking if not path.startswith((*named, *ELSEWHERE))}
    assert missing == set(), "name them in tox.ini: [clock] tests"
    # The search finds something.
    assert {"tests/allowlist/test_admin.py", "tests/explain/test_fixes.py"} <= asking


def test_each_run_leaves_a_report_that_ci_counts() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    reports = re.findall(r"--clock=\S+ --junitxml=\{work_dir\}/reports/([\w-]+)\.xml", tox)
    assert len(reports) == tox.count("--clock=") > 0
    [counted] = re.findall(r"^runs\+=\((clock-.+)\)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert counted.split() == reports
