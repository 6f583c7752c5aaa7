from __future__ import annotations

import importlib
import re
from types import SimpleNamespace
from typing import Any

import pytest

from django_cors_policy.origins import regex_tree
from django_cors_policy.origins.regex_tree import (
    ALPHABET,
    NOTHING,
    Assertion,
    Atomic,
    Characters,
    Choice,
    Repeat,
    Sequence,
    UnreadableError,
    read,
)


def one(character: str) -> Characters:
    return Characters(frozenset(character), (character,))


A, B = one("a"), one("b")


@pytest.mark.parametrize(
    ("pattern", "tree"),
    [
        ("", NOTHING),
        ("a", A),
        ("ab", Sequence((A, B))),
        ("(a)", A),
        ("(?:ab)", Sequence((A, B))),
        ("(?:a|bb)", Choice((A, Sequence((B, B))))),
        ("a*", Repeat(A, 0, None)),
        ("a+?", Repeat(A, 1, None)),
        ("a{2,3}", Repeat(A, 2, 3)),
        ("^a", Sequence((NOTHING, A))),
        (r"\Aa", Sequence((NOTHING, A))),
        ("a$", Sequence((A, Assertion(NOTHING)))),
        (r"a\b", Sequence((A, Assertion(NOTHING)))),
        ("(?=b)", Assertion(B)),
        ("(?!b)", Assertion(B)),
        ("(?<=b)", Assertion(NOTHING)),
        ("(?<!b)", Assertion(NOTHING)),
    ],
)
def test_trees(pattern: str, tree: Any) -> None:
    assert read(re.compile(pattern)) == tree


@pytest.mark.skipif("sys.version_info < (3, 11)")
@pytest.mark.parametrize(
    ("pattern", "tree"), [("(?>a)", Atomic(A)), ("a*+", Atomic(Repeat(A, 0, None)))]
)
def test_trees_of_newer_syntax(pattern: str, tree: Any) -> None:
    assert read(re.compile(pattern)) == tree


@pytest.mark.parametrize(
    "pattern",
    [
        ".",
        "a",
        "[^a]",
        "[abc]",
        "[a-f-]",
        "[^a-f]",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"[\w.]",
        r"[^\W\d]",
        "(?i)a",
        "(?i)[^a]",
        "(?i)[A-F]",
        "(?i:a)",
        "(?i)(?-i:a)",
    ],
)
def test_characters_are_those_that_re_admits(pattern: str) -> None:
    compiled = re.compile(pattern)
    tree = read(compiled)
    assert isinstance(tree, Characters)
    assert tree.admitted == {item for item in ALPHABET if compiled.fullmatch(item)}
    assert set(tree.typical) <= tree.admitted
    assert bool(tree.typical) == (pattern != r"\s")


def test_a_lone_dot_is_first_of_all_a_dot() -> None:
    tree = read(re.compile("."))
    assert isinstance(tree, Characters)
    assert tree.typical[:2] == (".", "a")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1",
        r"(a)?(?(1)b|c)",
        "(?:" * 100 + "a" + ")?" * 100,
    ],
)
def test_unreadable(pattern: str) -> None:
    with pytest.raises(UnreadableError):
        read(re.compile(pattern))


@pytest.mark.parametrize(
    "tree",
    [
        [],
        [("SOMETHING_NEW", None)],
        [("IN", [("SOMETHING_NEW", None)])],
        [("IN", [("CATEGORY", "CATEGORY_NEW")])],
        [("LITERAL", "a")],
        [("BRANCH", None)],
        ["LITERAL"],
        None,
    ],
)
def test_trees_of_another_shape(monkeypatch: pytest.MonkeyPatch, tree: Any) -> None:
    """The parser can change with any Python: what is not known is not guessed."""
    parser = SimpleNamespace(parse=lambda pattern, flags: tree)
    monkeypatch.setattr(regex_tree, "_parser", lambda: parser)
    if tree == []:
        assert read(re.compile("a")) == NOTHING
    else:
        with pytest.raises(UnreadableError):
            read(re.compile("a"))


@pytest.mark.parametrize("missing", [["re._parser"], ["re._parser", "sre_parse"]])
def test_the_parser_in_its_old_place_and_in_none(
    monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    parser = regex_tree._parser()
    there = {"re._parser": parser, "sre_parse": parser}

    def import_module(name: str) -> Any:
        if name in missing:
            raise ModuleNotFoundError(name)
        return there[name]

    monkeypatch.setattr(importlib, "import_module", import_module)
    if len(missing) == 1:
        assert read(re.compile("a")) == A
    else:
        with pytest.raises(UnreadableError):
            read(re.compile("a"))


def test_no_warning_is_repeated(recwarn: pytest.WarningsRecorder) -> None:
    pattern = re.compile("[[a]b")
    recwarn.clear()
    read(pattern)
    assert not recwarn
