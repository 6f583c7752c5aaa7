"""Plain English: words and turns that a reader has to read twice are in no text of the package.

A list cannot make prose plain. It keeps away what reviews of this project's texts found most often.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
READMES = [ROOT / "README.rst", ROOT / "CONTRIBUTING.rst", ROOT / "example_project" / "README.rst"]
CODE = sorted(
    path
    for folder in ("django_cors_policy", "example_project")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".html", ".txt"}
)
# What to write instead stands beside each.
RIDDLES = {
    r"\b(nobody|no one)\b": "say who cannot, and what they cannot do",
    r"\b(somebody|someone)\b": "say who: a user, an attacker, another process",
    r"\b(whoever|whosoever)\b": "write 'users who ...'",
    r"\b(whatever|whichever|whatsoever)\b": "write 'any', 'all', 'regardless of'",
    r"(?<!\bthere )\b(is|are) no (?!longer\b|more\b|less\b)": "write 'is not a', 'unknown'",
    r"\bas may be\b": "leave it out",
    r"\bto the letter\b": "write 'literally' or 'exactly'",
    r"\bhas its origin of\b": "write 'takes its origin from'",
    r"\b(lest|wherein|whereby|thereof|hitherto|henceforth|herein)\b": "use everyday words",
    r"\bas good as\b": "write 'equals', 'the same as'",
    r"\b(of its|of their|of his) own accord\b": "write 'by itself'",
    r"\bbut for\b": "write 'except'",
    r"\bsave for\b": "write 'except'",
    r"\bfor good\b": "write 'permanently'",
    r"\bmeanwhile\b": "write 'at the same time', 'since then'",
    r"\bwhether or no\b": "write 'whether'",
}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The prose of a file with its lines: of Python the strings and comments, else all."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, source
        return
    parts: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts |= {*node.values}
            values = (getattr(part, "value", "") for part in node.values)
            yield node.lineno, "".join(v if isinstance(v, str) else "…" for v in values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.lineno, node.value
    lines = source.splitlines()
    comments = {
        token.start[0]: token.string.lstrip("#: ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    # A comment that goes over several lines is read as one.
    for line in comments:
        if line - 1 not in comments or not lines[line - 1].lstrip().startswith("#"):
            rest = itertools.takewhile(comments.__contains__, itertools.count(line))
            yield line, " ".join(comments[number] for number in rest)


def riddles_in(text: str) -> list[str]:
    flat = " ".join(text.split())
    return [
        f"{found.group()!r}: {instead}"
        for riddle, instead in RIDDLES.items()
        for found in re.finditer(riddle, flat, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", [*READMES, *CODE], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_riddles(path: Path) -> None:
    found = [f"{line}: {riddle}" for line, text in texts(path) for riddle in riddles_in(text)]
    assert found == []


def test_the_finder_of_riddles(tmp_path: Path) -> None:
    assert riddles_in("A rehearsal answers nobody.") != []
    assert riddles_in("'X' is no key of a policy") != []
    plain = (
        "Unknown policy key 'X'; the origin is no longer allowed. There is no policy for the path."
    )
    assert riddles_in(plain) == []
    path = tmp_path / "code.py"
    path.write_text('# Ask\n# whoever is\nx = (f"{y} is no "\n     "key")\nz = "is no " "longer"\n')
    assert [line for line, text in texts(path) if riddles_in(text)] == [3, 1]
