"""Which rows of a listing share a line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from django_cors_policy.management.folding import fold, unfolded


@dataclass(frozen=True)
class Row:
    path: str
    fold_key: str = "policy"
    methods: tuple[str, ...] = ()


def folded(*rows: Row, below: str = "") -> list[str]:
    """The path of each line, with an ellipsis and the number of paths for a prefix."""
    return [
        f"{line.path}… {line.count}" if line.is_prefix else line.path for line in fold(rows, below)
    ]


def rows(*paths: str) -> list[Row]:
    return [Row(path) for path in paths]


@pytest.mark.parametrize(
    ("paths", "lines"),
    [
        ([], []),
        (["/a/"], ["/a/"]),
        (["/a/x/", "/a/y/"], ["/a/x/", "/a/y/"]),
        (["/a/x/", "/a/y/", "/a/z"], ["/a/… 3"]),
        (["/a/", "/a/x", "/a/y"], ["/a/… 3"]),
        (["/a/x", "/b/y", "/c"], ["/… 3"]),
        # As much as all have in common.
        (["/a/b/c/x", "/a/b/c/y", "/a/b/c/z"], ["/a/b/c/… 3"]),
        # One path counts once, in a line for itself as in a line for a prefix.
        (["/a/x", "/a/x", "/a/x", "/a/y"], ["/a/x", "/a/y"]),
        (["/a/x", "/a/x", "/a/y", "/a/z"], ["/a/… 3"]),
        # A slash in a converter or an expression is none between two parts.
        ([rf"/(?P<key>[^/]+){end}" for end in "xyz"], ["/… 3"]),
        ([f"/<a/b:key>{end}" for end in "xyz"], ["/… 3"]),
        ([rf"/a\(\/{end}" for end in "xyz"], ["/… 3"]),
        ([f"/<int:key>/{end}" for end in "xyz"], ["/<int:key>/… 3"]),
    ],
)
def test_one_policy(paths: list[str], lines: list[str]) -> None:
    assert folded(*rows(*paths)) == lines


def test_another_policy_keeps_a_prefix_unfolded() -> None:
    listed = rows("/a/x/1", "/a/x/2", "/a/x/3", "/a/y", "/a/z")
    assert folded(*listed) == ["/a/… 5"]
    assert folded(*listed, Row("/a/x/4", "other")) == [
        "/a/x/1",
        "/a/x/2",
        "/a/x/3",
        "/a/y",
        "/a/z",
        "/a/x/4",
    ]
    assert folded(*listed, Row("/a/w/1", "other")) == ["/a/x/… 3", "/a/y", "/a/z", "/a/w/1"]
    assert folded(*listed, Row("/b", "other")) == ["/a/… 5", "/b"]


def test_one_path_with_two_policies() -> None:
    assert folded(Row("/a"), Row("/a", "other"), Row("/a")) == ["/a", "/a"]


def test_below_a_prefix() -> None:
    listed = rows("/a/x/1", "/a/x/2", "/a/x/3", "/a/y")
    assert folded(*listed, below="/") == ["/a/… 4"]
    assert folded(*listed, below="/a") == folded(*listed, below="/a/") == ["/a/x/… 3", "/a/y"]
    assert folded(*listed, below="/a/x/") == ["/a/x/1", "/a/x/2", "/a/x/3", "/a/y"]


def test_methods_of_a_line() -> None:
    get, post = ("GET",), ("POST",)
    [line] = fold([Row(f"/{number}", methods=get) for number in range(3)])
    assert line.methods == get
    [line] = fold([Row("/1", methods=get), Row("/2", methods=get), Row("/3", methods=post)])
    assert line.methods == ()
    # Two rows of one path are one line if they are equal.
    two = [line.methods for line in fold([Row("/a", methods=get), Row("/a", methods=post)])]
    assert two == [get, post]


def test_unfolded() -> None:
    assert [line.rows for line in unfolded(rows("/a", "/a", "/a"))] == [(Row("/a"),)] * 3
