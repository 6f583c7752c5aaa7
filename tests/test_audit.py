"""A request runs the files that ``CONTRIBUTING.rst`` lists and no others, and these are short."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import django_cors_policy

PACKAGE = Path(django_cors_policy.__file__).parent
ROOT = PACKAGE.parent
MOST_LINES = 1500
# The rows of the table, by what ``tests.audit`` calls the same.
FEATURES = {
    "echo": '``"*"`` for methods or headers, with credentials',
    "decorators": "decorators on views",
    "words": "``DEBUG``, or refusals in the log",
}

SECTION = (
    (ROOT / "CONTRIBUTING.rst")
    .read_text(encoding="utf-8")
    .partition("\nThe files that a request runs\n-----------------------------\n")[2]
    .partition("\n------")[0]
)


@functools.cache
def ran() -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def listed() -> list[str]:
    return re.findall(r"^#\. ``([\w/]+\.py)``:", SECTION, re.MULTILINE)


def added(feature: str) -> list[str]:
    """The files in a row of the table, which may go on in lines that begin with spaces."""
    [row] = re.findall(rf"^{re.escape(feature)} {{2,}}(.*(?:\n .*)*)$", SECTION, re.MULTILINE)
    return re.findall(r"``([\w/]+\.py)``", row)


def test_the_list_is_what_runs() -> None:
    assert len(listed()) > 3
    assert sorted(listed()) == ran()[""]


@pytest.mark.parametrize("feature", FEATURES)
def test_what_features_add(feature: str) -> None:
    assert set(ran()[feature]) - set(listed()) == set(added(FEATURES[feature]))


def test_one_person_can_read_them_in_an_hour() -> None:
    lines = {name: len((PACKAGE / name).read_text().splitlines()) for name in listed()}
    assert sum(lines.values()) <= MOST_LINES, lines
