"""The class of a view, and the name of a view in messages."""

from __future__ import annotations

import types
from typing import Any

from .frameworks import class_shown_by, is_api_view
from .holding import is_class, is_partial, levels_of

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


def class_of(view: Any) -> type | None:
    """The class of a method, of an instance or of the result of ``as_view()``; else None."""
    if (view_class := class_shown_by(view)) is not None:
        return view_class
    if type(view) is types.MethodType:
        owner = view.__self__
        return owner if is_class(owner) else type(owner)
    return None if type(view) in FUNCTIONS or is_partial(view) else type(view)


def name_of(view: Any) -> str:
    """The dotted name of a function or method; for other views, the name of their class."""
    *_, view = levels_of(view)
    if type(view) is types.MethodType:
        view = view.__func__
    elif not is_class(view):
        view = class_of(view) or view
    if not is_class(view) and type(view) not in FUNCTIONS:
        view = type(view)
    if is_api_view(view):
        return f"{view.__module__}.{view.__name__}"  # the function's name
    return f"{view.__module__}.{view.__qualname__}"
