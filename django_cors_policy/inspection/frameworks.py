"""What Django, REST framework and Django Ninja leave on the views that they make."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from django.views import View

from django_cors_policy.decorators import Mark, attributes, marks_above, marks_on

from .holding import closure_of, is_class, look_up

# Where Django and REST framework define the methods that all of their views have.
_BASE_MODULES = ("django.views.generic.base", "rest_framework.views")


def class_shown_by(view: Any) -> type | None:
    """The class that ``as_view()`` of Django or REST framework has made ``view`` of, if so."""
    own = attributes(view)
    return next(filter(is_class, (own.get("view_class"), own.get("cls"))), None)


def actions_of(view: Any) -> Mapping[str, str]:
    """Method to action, of a view set of REST framework."""
    return _dictionary(view, "actions")


def is_api_view(view_class: Any) -> bool:
    """Whether REST framework's ``@api_view`` made the class."""
    return getattr(view_class, "__qualname__", "") == "WrappedAPIView"


def method_names(view: Any, view_class: type) -> list[str]:
    """``http_method_names`` of the class, or as ``as_view()`` replaced it, in lower case."""
    names = look_up(view_class, "http_method_names")
    for key in ("view_initkwargs", "initkwargs"):
        names = _dictionary(view, key).get("http_method_names", names)
    if not issubclass(type(names), (list, tuple, set, frozenset)):
        names = View.http_method_names  # a property, say: only an object of the class knows
    return [name.lower() for name in names if isinstance(name, str)]


def is_of_framework(view_class: type, name: str) -> bool:
    """Whether the class has the method ``name`` as the framework wrote it."""
    definer = next((klass for klass in view_class.__mro__ if name in vars(klass)), None)
    return definer is not None and definer.__module__ in _BASE_MODULES


def _dictionary(view: Any, name: str) -> Mapping[str, Any]:
    """An attribute of ``view``, if it is a dictionary; else an empty one."""
    found = attributes(view).get(name)
    return found if type(found) is dict else {}


def ninja_operations(view: Any) -> list[Mapping[str, Any]]:
    """The operations behind a view of Django Ninja, as their attributes; empty for other views."""
    held = closure_of(view) if type(view) is types.FunctionType else ()
    path_view = next(filter(_is_path_view, held), None)
    return [attributes(operation) for operation in attributes(path_view).get("operations", ())]


def _is_path_view(thing: Any) -> bool:
    return "operations" in attributes(thing) and any(
        klass.__module__ == "ninja.operation" and klass.__qualname__ == "PathView"
        for klass in type(thing).__mro__
    )


def marks_on_operation(operation: Mapping[str, Any]) -> frozenset[Mark]:
    """Those below ``@api.get``, above it, and by Ninja's own ``decorate_view``."""
    function = operation["view_func"]
    return marks_on(function) | marks_above(function) | marks_on(operation.get("run"))
