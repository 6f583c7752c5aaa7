"""Which methods of its own class a method calls, as far as its compiled code shows."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from typing import Any

from .holding import levels_of, look_up, walk_held

_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_SUPER_ATTRIBUTE = ("LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD")
# Between "super" and the attribute of what it returns, before Python 3.12.
_CALLS = ("CALL_FUNCTION", "PRECALL", "CALL", "PUSH_NULL")


def find_called_methods(view_class: type, handler: str) -> list[str]:
    """The methods of ``view_class`` that its method ``handler`` calls, and that these call."""
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
    """The code of a function, and of those that it wraps or holds."""
    for function in (*levels_of(method), *walk_held(method)):
        if type(function) is types.FunctionType and function.__code__.co_argcount:
            yield function.__code__


@functools.lru_cache(maxsize=4096)  # a framework's handlers are those of many classes
def _names_of_self(code: types.CodeType, this: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_read_names_of_self(code, this))


def _read_names_of_self(code: types.CodeType, this: tuple[str, ...]) -> Iterator[str]:
    """The attributes of the object that the code calls ``this``, and of ``super()``."""
    before: Any = None
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name in _SUPER_ATTRIBUTE or (name in _ATTRIBUTE and before in (*this, "super")):
            yield str(instruction.argval)
        if not (before == "super" and name in _CALLS):
            # One instruction may load two names; the later one is on top.
            loaded = instruction.argval if name.startswith("LOAD_") else None
            before = loaded[-1] if isinstance(loaded, tuple) and loaded else loaded
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of_self(constant, this)
