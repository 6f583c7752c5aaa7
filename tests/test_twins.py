"""Sync and async differ in ``await`` alone: each pair has one syntax tree without it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import django_cors_policy

MIDDLEWARE = Path(django_cors_policy.__file__).parent / "middleware.py"
# What the two call differs by name: the name in async code -> that in sync code.
PAIRS = {
    "awrap": "wrap",
    "_agrant_for": "_grant_for",
    "_aask_others": "_ask_others",
    "_aask": "_ask",
    "aprepare": "prepare",
}
FUNCTIONS: dict[str, Any] = {
    node.name: node
    for node in ast.parse(MIDDLEWARE.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
}


class WithoutAwait(ast.NodeTransformer):
    def visit_Await(self, node: ast.Await) -> Any:
        return self.visit(node.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        # Neither docstrings nor annotations do anything.
        plain = ast.FunctionDef(node.name, node.args, node.body, [], returns=None)
        return self.visit_FunctionDef(plain)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        node.name = PAIRS.get(node.name, node.name)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_Name(self, node: ast.Name) -> Any:
        node.id = PAIRS.get(node.id, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        node.attr = PAIRS.get(node.attr, node.attr)
        return self.generic_visit(node)


def without_await(source: Any) -> str:
    return ast.unparse(ast.fix_missing_locations(WithoutAwait().visit(source)))


@pytest.mark.parametrize("name", ["awrap", "_agrant_for", "_aask_others"])
def test_both_do_the_same(name: str) -> None:
    assert without_await(FUNCTIONS[name]) == without_await(FUNCTIONS[PAIRS[name]])


def test_a_difference_is_found() -> None:
    same = ["async def awrap(a: int) -> int:\n    'Doc.'\n    return await a.aprepare()"]
    same += ["def wrap(a):\n    return a.prepare()"]
    one, other = (without_await(ast.parse(text)) for text in same)
    assert one == other
    assert without_await(ast.parse(same[1].replace("return", "return 1 +"))) != other
