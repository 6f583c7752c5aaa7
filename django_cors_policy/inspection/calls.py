"""Find the methods that a method calls on its own class, as far as its bytecode shows."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from typing import Any

from .holding import levels_of, look_up, walk_held

_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_SUPER_ATTRIBUTE = ("LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD")
# Before Python 3.12, these come between "super" and the attribute of its result.
_CALLS = ("CALL_FUNCTION", "PRECALL", "CALL", "PUSH_NULL")


def find_called_methods(view_class: type, handler: str) -> list[str]:
    """The methods of ``view_class`` that its method ``handler`` calls, directly or indirectly."""
    found: dict[str, None] = {}
    waiting = [handler]
    while waiting:
        for code in _codes_of(look_up(view_class, waiting.pop())):
            for name in _names_of_self(code, code.co_varnames[:1]):
                if name not in found and callable(look_up(view_class, name)):
                    found[name] = None
                    waiting.append(name)
    found.pop(handler, None)
    return list(found)


def _codes_of(method: Any) -> Iterator[types.CodeType]:
    """The code of ``method``, and of the functions that it wraps or references."""
    for function in (*levels_of(method), *walk_held(method)):
        if type(function) is types.FunctionType and function.__code__.co_argcount:
            yield function.__code__


@functools.lru_cache(maxsize=4096)  # many classes share a framework's handlers
def _names_of_self(code: types.CodeType, this: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_read_names_of_self(code, this))


def _read_names_of_self(code: types.CodeType, this: tuple[str, ...]) -> Iterator[str]:
    """The attributes that the code reads from the variable ``this`` and from ``super()``."""
    before: Any = None
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name in _SUPER_ATTRIBUTE or (name in _ATTRIBUTE and before in (*this, "super")):
            yield str(instruction.argval)
        if not (before == "super" and name in _CALLS):
            # One instruction may load two names. The second is on top of the stack.
            loaded = instruction.argval if name.startswith("LOAD_") else None
            before = loaded[-1] if isinstance(loaded, tuple) and loaded else loaded
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of_self(constant, this)
