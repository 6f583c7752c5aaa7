"""Attributes that Django, REST framework and Django Ninja set on the views that they build."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from django.views import View

from django_cors_policy.decorators import Mark, attributes, marks_above, marks_on

from .holding import closure_of, is_class, look_up

# Modules of the base classes of Django's and REST framework's views.
_BASE_MODULES = ("django.views.generic.base", "rest_framework.views")


def class_shown_by(view: Any) -> type | None:
    """The class whose ``as_view()`` made ``view``, in Django or REST framework; else None."""
    own = attributes(view)
    return next(filter(is_class, (own.get("view_class"), own.get("cls"))), None)


def actions_of(view: Any) -> Mapping[str, str]:
    """The actions of a REST framework view set by HTTP method; empty for other views."""
    return _dictionary(view, "actions")


def is_api_view(view_class: Any) -> bool:
    """Whether REST framework's ``@api_view`` made the class."""
    return getattr(view_class, "__qualname__", "") == "WrappedAPIView"


def method_names(view: Any, view_class: type) -> list[str]:
    """``http_method_names`` of the class, or as passed to ``as_view()``, in lower case."""
    names = look_up(view_class, "http_method_names")
    for key in ("view_initkwargs", "initkwargs"):
        names = _dictionary(view, key).get("http_method_names", names)
    if not issubclass(type(names), (list, tuple, set, frozenset)):
        names = View.http_method_names  # for example a property, which needs an instance
    return [name.lower() for name in names if isinstance(name, str)]


def is_of_framework(view_class: type, name: str) -> bool:
    """Whether the class inherits the method ``name`` from the framework unchanged."""
    definer = next((klass for klass in view_class.__mro__ if name in vars(klass)), None)
    return definer is not None and definer.__module__ in _BASE_MODULES


def _dictionary(view: Any, name: str) -> Mapping[str, Any]:
    """The attribute ``name`` of ``view`` if it is a dictionary, else an empty dictionary."""
    found = attributes(view).get(name)
    return found if type(found) is dict else {}


def ninja_operations(view: Any) -> list[Mapping[str, Any]]:
    """The attributes of each operation of a Django Ninja view; empty for other views."""
    held = closure_of(view) if type(view) is types.FunctionType else ()
    path_view = next(filter(_is_path_view, held), None)
    return [attributes(operation) for operation in attributes(path_view).get("operations", ())]


def _is_path_view(thing: Any) -> bool:
    return "operations" in attributes(thing) and any(
        klass.__module__ == "ninja.operation" and klass.__qualname__ == "PathView"
        for klass in type(thing).__mro__
    )


def marks_on_operation(operation: Mapping[str, Any]) -> frozenset[Mark]:
    """Marks from below ``@api.get``, from above it, and from Ninja's ``decorate_view``."""
    function = operation["view_func"]
    return marks_on(function) | marks_above(function) | marks_on(operation.get("run"))
