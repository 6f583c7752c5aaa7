"""The class behind a view, and how views are called in messages."""

from __future__ import annotations

import types
from typing import Any

from django_cors_policy.decorators import attributes

from .holding import is_class, is_partial, unwrap

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


def class_of(view: Any) -> type | None:
    """The class behind a view: of ``as_view()``, of REST framework, of a method or an instance."""
    own = attributes(view)
    for candidate in (own.get("view_class"), own.get("cls")):
        if is_class(candidate):
            return candidate
    if type(view) is types.MethodType:
        owner = view.__self__
        return owner if is_class(owner) else type(owner)
    return None if type(view) in FUNCTIONS or is_partial(view) else type(view)


def name_of(view: Any) -> str:
    """The dotted name of a function or method, or else of the class behind a view."""
    if not is_class(view):
        while is_partial(view):
            view = view.func
        view_class = None if type(view) is types.MethodType else class_of(view)
        view = view_class or unwrap(view)
        if type(view) is types.MethodType:
            view = view.__func__
        if not is_class(view) and type(view) not in FUNCTIONS:
            view = type(view)
    if is_api_view(view):
        return f"{view.__module__}.{view.__name__}"  # the function's name
    return f"{view.__module__}.{view.__qualname__}"


def is_api_view(view_class: Any) -> bool:
    """Whether REST framework's ``@api_view`` made the class."""
    return getattr(view_class, "__qualname__", "") == "WrappedAPIView"
