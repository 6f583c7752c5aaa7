"""Find the decorator that governs each HTTP method of a view.

This uses neither requests nor settings. It finds decorators in all places where you can write them,
even if another function hides them.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from django_cors_policy.decorators import Mark, marks_above, marks_on

from .frameworks import (
    actions_of,
    is_api_view,
    is_of_framework,
    marks_on_operation,
    method_names,
    ninja_operations,
)
from .hidden import NO_MARKS, Found, find_outermost, find_through, marks_carried_by
from .holding import TooMuchError, levels_of, look_up, walk_held
from .names import class_of, name_of

AnyView = Callable[..., Any]


class ViewInspection:
    """The policy decorators on one view. Reads the view once, and never raises.

    ``methods``: the HTTP methods that the view handles, in upper case. Empty if they are unknown,
    as for a function.
    """

    def __init__(self, view: AnyView) -> None:
        self.view = view
        *_, self._inner = levels_of(view)
        self.view_class = class_of(self._inner)
        self.operations = ninja_operations(self._inner)
        self._actions = actions_of(self._inner)
        self._is_method = type(self._inner) is types.MethodType
        # Whether the view is an instance of its class, and not a function that makes one.
        self._is_instance = type(self._inner) is self.view_class
        self._mro = self.view_class.__mro__ if self.view_class is not None else ()
        self._names: list[str] = []
        if self.view_class is not None and not self._is_method and not self._is_instance:
            self._names = method_names(self._inner, self.view_class)
        self.methods = self._methods()

    def find(self, method: str) -> Found | None:
        """Return the decorator that governs ``method``, in upper case. For a method that the view
        does not handle, return the decorator of the whole view.
        """
        if self.around is not None:
            return self.around
        if self.operations:
            return self._find_on_operation(method)
        if self.view_class is None:
            return None
        return self._find_along_mro(self.view_class, self.handler_of(method))

    @cached_property
    def found(self) -> frozenset[Found | None]:
        """All results of ``find``. None is one of them if some methods have no decorator."""
        return frozenset(self.find(method) for method in (*self.methods, ""))

    @property
    def own_methods(self) -> tuple[str, ...]:
        """``methods`` without those that have the policy of another method."""
        return tuple(name for name in self.methods if not self._leader_of(name.lower()))

    def marks(self) -> set[Mark]:
        """All marks that can be found from the view, even if they govern nothing."""
        found: set[Mark] = set()
        searched: list[Any] = list(levels_of(self.view))
        for operation in self.operations:
            found |= marks_on_operation(operation)
            searched += [operation["view_func"], operation.get("run")]
        for klass in self._mro:
            found |= marks_on(klass)
            searched += [vars(klass)[name] for name in self._handlers if name in vars(klass)]
        for view in searched:
            found |= marks_on(view)
            try:
                known: dict[tuple[type, str], frozenset[Mark]] = {}
                found.update(
                    *(marks_carried_by(held, known, self.view_class) for held in walk_held(view))
                )
            except TooMuchError:
                continue
        return found

    # -- HTTP methods and their handlers.

    def _methods(self) -> tuple[str, ...]:
        if self.operations:
            methods = (method for operation in self.operations for method in operation["methods"])
            return tuple(sorted({str(method).upper() for method in methods}))
        # If a class has no head(), Django and REST framework call get() instead.
        return tuple(
            sorted(
                name.upper()
                for name in self._names
                if self._has_own(name) or (name == "head" and self._has_own("get"))
            )
        )

    def _has_own(self, name: str) -> bool:
        """Whether the view has its own handler or action for ``name``."""
        return name in self._actions or look_up(self.view_class, name) is not None

    def handler_of(self, method: str) -> str:
        """The name of the class's method that handles ``method``; ``""`` if there is none."""
        if self._is_method:
            function = self._inner.__func__
            return function.__name__ if type(function) is types.FunctionType else ""
        if self._is_instance:
            return "__call__"
        if method not in self.methods:
            return ""
        name = method.lower()
        name = self._leader_of(name) or name
        return self._actions.get(name, name)

    def _leader_of(self, name: str) -> str:
        """The method whose policy ``name`` shares, in lower case; ``""`` if it has its own.

        HEAD without its own handler shares the policy of GET. The framework's OPTIONS, which only
        describes the view, shares it too, or the policy of the first method if there is no GET.
        """
        if self.view_class is None or self.operations:
            return ""
        if name == "head" and not self._has_own(name):
            return "get"
        if name == "options" and is_of_framework(self.view_class, name):
            own = [other for other in self._names if self._has_own(other)]
            return "get" if "get" in own else next((o for o in own if o != name), "")
        return ""

    @property
    def _handlers(self) -> set[str]:
        """The names of the class's methods that handle requests."""
        return {"dispatch", *map(self.handler_of, (*self.methods, ""))}

    # -- Decorators around the view, on its class, and on its operations.

    @cached_property
    def around(self) -> Found | None:
        """The decorator around the whole view, or one that is hidden in it."""
        # as_view() copies the marks of dispatch().
        origin = self._inner if self._is_method else look_up(self.view_class, "dispatch")
        visible = NO_MARKS.union(
            *(marks_on(vars(klass).get(name)) for klass in self._mro for name in self._handlers),
            *map(marks_on, self._mro),
        )
        return find_through(
            self.view,
            self._name_around(),
            marks_on(origin),
            self.view_class,
            visible,
            may_hold=not self.operations,
        )

    def _find_along_mro(self, view_class: type, handler: str) -> Found | None:
        """The first decorator in the MRO. In each class, its own method comes before the class."""
        is_overridden = False
        for klass, parents in mro_of(view_class):
            if not is_overridden and (found := find_on_handler(klass, parents, handler)):
                return found
            if found := find_on_class(klass, parents):
                return found
            # Overridden and not decorated. An inherited method that another decorator wraps still
            # has the inherited marks, and does not count as overridden.
            value = vars(klass).get(handler)
            if value is not None and not marks_on(value) & _inherited_marks(parents, handler):
                is_overridden = True
        if self._is_method:  # a function that was set on the instance
            return find_outermost(marks_on(self._inner), name_of(self._inner))
        return None

    def _find_on_operation(self, method: str) -> Found | None:
        """The decorator on the Django Ninja operation that handles ``method``."""
        for operation in self.operations:
            if method not in operation["methods"]:
                continue
            function = operation["view_func"]
            name = name_of(function)
            run = operation.get("run")
            around = marks_above(function) | (marks_on(run) - marks_on(_below(run)))
            return (
                find_outermost(around, name)
                or find_through(run, name)
                or find_through(function, name)
            )
        return None

    def _name_around(self) -> str:
        if self.view_class is None or self._is_method:
            return name_of(self._inner)
        name = name_of(self.view_class)
        return name if is_api_view(self.view_class) or self._is_instance else f"{name}.as_view()"


def _below(view: Any) -> Any:
    """The object that ``view`` wraps, or None."""
    return next(itertools.islice(levels_of(view), 1, None), None)


def mro_of(view_class: type) -> Iterator[tuple[type, tuple[type, ...]]]:
    """Yield each class of the MRO, with the classes after it."""
    mro = view_class.__mro__
    return ((klass, mro[position + 1 :]) for position, klass in enumerate(mro))


def find_on_handler(klass: type, parents: Iterable[type], handler: str) -> Found | None:
    """The decorator that ``klass`` itself has on its method ``handler``."""
    value = vars(klass).get(handler)
    if value is None:
        return None
    inherited = _inherited_marks(parents, handler)
    return find_through(value, f"{name_of(klass)}.{handler}", inherited, klass)


def find_on_class(klass: type, parents: Iterable[type]) -> Found | None:
    """The decorator on ``klass`` itself or on its ``dispatch``."""
    dispatch = vars(klass).get("dispatch")
    inherited = _inherited_marks(parents, "dispatch")
    if found := find_outermost(marks_on(klass) | (marks_on(dispatch) - inherited), name_of(klass)):
        return found
    if dispatch is None:
        return None
    return find_through(dispatch, name_of(klass), inherited, klass)


def _inherited_marks(mro: Iterable[type], name: str) -> frozenset[Mark]:
    return next((marks_on(vars(klass)[name]) for klass in mro if name in vars(klass)), NO_MARKS)
