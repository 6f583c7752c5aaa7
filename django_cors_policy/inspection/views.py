"""What decorators have written on a view, read from the view for each of its HTTP methods.

Nothing here knows of requests or settings. A decorator is found wherever it can be written, and
where another decorator hides it, that is found too.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django_cors_policy.decorators import (
    Declaration,
    Mark,
    attributes,
    marks_above,
    marks_on,
)
from django_cors_policy.exceptions import PolicyError

from .holding import closure_of, is_class, is_partial, look_up, walk_held
from .names import FUNCTIONS, class_of, is_api_view, name_of

AnyView = Callable[..., Any]

# The methods that all views of a kind have from their framework. Nobody decorates these, so they
# follow the view's own methods.
FRAMEWORK_MODULES = ("django.views.generic.base", "rest_framework.views")


@dataclass(frozen=True)
class Found:
    """A decorator that governs a method of a view, and the name of what it is written on.

    ``is_hidden``: another decorator hides it, so nothing but a search finds it. Such a view is
    closed, because the decorator above may lead to other views as well. ``better`` is then the code
    that shows it.
    """

    declaration: Declaration
    on: str
    better: str = ""

    @property
    def is_hidden(self) -> bool:
        return bool(self.better)

    def error(self) -> PolicyError:
        """What to say about a hidden one (E020)."""
        return PolicyError(
            self.declaration,
            "is below a decorator that hides it, so the middleware cannot read it",
            f"Until that changes, the view allows no other origin. Write it on top:\n\n"
            f"{self.better}\n\n"
            "If the other decorator is your own, functools.wraps(view) in it is enough.",
            id="E020",
            key=self.on,
        )


@dataclass(frozen=True)
class Overridden:
    """A handler that a subclass has overridden without a decorator: ``method`` is answered by
    ``by``, where its parent's ``declaration`` on ``on`` no longer holds.
    """

    method: str
    by: str
    declaration: Declaration
    on: str


class ViewInspection:
    """Everything that decorators say about one view. Reads the view once, and never raises.

    ``methods``: the HTTP methods that the view handles, in upper case; empty where only the view
    knows (a function).
    """

    def __init__(self, view: AnyView) -> None:
        self.view = view
        self._inner, around = _without_partials(view)
        self._class = class_of(self._inner)
        self._operations = _ninja_operations(self._inner)
        if self._class is not None and not _is_method(self._inner):
            # as_view() copies what is on dispatch; the rest is around it.
            around |= marks_on(self._inner) - marks_on(look_up(self._class, "dispatch"))
        elif self._class is None:
            around |= marks_on(self._inner)
        self._around = around
        self.methods = self._methods()

    @property
    def own_methods(self) -> tuple[str, ...]:
        """``methods`` but for those that follow another."""
        return tuple(name for name in self.methods if not self._leader_of(name.lower()))

    def find(self, method: str) -> Found | None:
        """The decorator that governs ``method``, in upper case; any that the view does not handle
        has what governs the view as a whole.
        """
        if (outermost := _outermost(self._around)) is not None:
            return Found(outermost.declaration, self._name_around())
        if self._operations:
            return self._find_on_operation(method)
        if (hidden := _find_hidden(self.view, self._class)) is not None:
            return hidden
        if self._class is None:
            return None
        return self._find_on_class(self._class, self._handler_name(method))

    def find_all(self) -> set[Found | None]:
        """What ``find`` returns for all methods; None among it if some have none."""
        return {self.find(method) for method in (*self.methods, "")}

    def marks(self) -> set[Mark]:
        """Every mark that the view leads to, whether or not it governs anything."""
        found = set(self._around)
        for operation in self._operations:
            found |= _marks_on_operation(operation)
        for held in (self.view, self._inner, *walk_held(self.view)):
            found |= _marks_carried_by(held)
        for klass in self._class.__mro__ if self._class is not None else ():
            for value in list(vars(klass).values()):
                found |= _marks_carried_by(value)
                if callable(value):
                    found.update(*map(_marks_carried_by, walk_held(value)))
        return found

    def find_overridden(self) -> Iterator[Overridden]:
        """Handlers that are overridden without a decorator, where a parent's has one."""
        if self._class is None or self._around or _is_method(self._inner):
            return
        for method in self.methods:
            handler = self._handler_name(method)
            by = ""
            for klass, rest in _mro_of(self._class):
                found = _found_on_handler(klass, rest, handler)
                if found is None and handler in vars(klass):
                    by = by or f"{name_of(klass)}.{handler}"
                elif found is not None and by:
                    yield Overridden(method, by, found.declaration, found.on)
                if found is not None or _found_on_itself(klass, rest) is not None:
                    break

    def _methods(self) -> tuple[str, ...]:
        if self._operations:
            methods = (method for operation in self._operations for method in operation["methods"])
            return tuple(sorted({str(method).upper() for method in methods}))
        if self._class is None or _is_method(self._inner) or self._is_instance:
            return ()
        # setup() and as_view() have head() follow get().
        return tuple(
            sorted(
                name.upper()
                for name in self._method_names()
                if self._has_own(name) or (name == "head" and self._has_own("get"))
            )
        )

    def _method_names(self) -> list[str]:
        """``http_method_names`` of the class, or as ``as_view()`` replaced it."""
        assert self._class is not None  # noqa: S101 -- only classes have them
        own = attributes(self._inner)
        replaced = own.get("view_initkwargs") or own.get("initkwargs") or {}
        names = replaced.get("http_method_names", look_up(self._class, "http_method_names"))
        return [name.lower() for name in names or () if isinstance(name, str)]

    def _handler_name(self, method: str) -> str:
        """The name of the class's method that answers ``method``; ``""`` if there is none."""
        if _is_method(self._inner):
            function = self._inner.__func__
            return function.__name__ if type(function) is types.FunctionType else ""
        if self._is_instance:
            return "__call__"
        if method not in self.methods:
            return ""
        name = method.lower()
        name = self._leader_of(name) or name
        actions = self._actions
        return actions.get(name, name) if actions is not None else name

    def _leader_of(self, name: str) -> str:
        """The method whose policy ``name`` has, in lower case; ``""`` if it has its own.

        HEAD without a method of its own follows GET. The framework's OPTIONS, which only describes
        the view, follows GET as well, or else the first method that the view has.
        """
        if self._class is None or self._operations:
            return ""
        if name == "head" and not self._has_own(name):
            return "get"
        if name == "options" and _is_of_framework(self._class, name):
            own = [other for other in self._method_names() if self._has_own(other)]
            return "get" if "get" in own else next((o for o in own if o != name), "")
        return ""

    def _has_own(self, name: str) -> bool:
        """Whether the view has a handler or an action for ``name`` itself."""
        assert self._class is not None  # noqa: S101 -- only classes have handlers
        if self._actions is not None and name != "options":
            return name in self._actions
        return look_up(self._class, name) is not None

    @property
    def _is_instance(self) -> bool:
        """Whether the view is an object of its class, and no function that makes one."""
        return type(self._inner) is self._class

    @property
    def _actions(self) -> Mapping[str, str] | None:
        """Method to action, of a view set of REST framework."""
        return attributes(self._inner).get("actions")

    def _find_on_class(self, view_class: type, handler: str) -> Found | None:
        """The nearest along the MRO; each class is asked for its own method, then for itself."""
        is_overridden = False
        for klass, rest in _mro_of(view_class):
            if not is_overridden and (found := _found_on_handler(klass, rest, handler)):
                return found
            if found := _found_on_itself(klass, rest):
                return found
            # Overridden and not decorated. (Wrapped by another decorator, it still shows what it
            # inherits, and the parents are asked.)
            value = vars(klass).get(handler)
            if value is not None and not marks_on(value) & _inherited_marks(rest, handler):
                is_overridden = True
        if _is_method(self._inner):  # a function that was put on the instance
            outermost = _outermost(marks_on(self._inner))
            return Found(outermost.declaration, name_of(self._inner)) if outermost else None
        return None

    def _find_on_operation(self, method: str) -> Found | None:
        """What is on the operation of Django Ninja that answers ``method``."""
        for operation in self._operations:
            if method not in operation["methods"]:
                continue
            function = operation["view_func"]
            if (outermost := _outermost(_marks_on_operation(operation))) is not None:
                return Found(outermost.declaration, name_of(function))
            return _find_hidden(operation.get("run")) or _find_hidden(function)
        return None

    def _name_around(self) -> str:
        if self._class is None:
            return name_of(self._inner)
        name = name_of(self._class)
        return name if is_api_view(self._class) else f"{name}.as_view()"


def _mro_of(view_class: type) -> Iterator[tuple[type, tuple[type, ...]]]:
    """Each class, and those after it."""
    mro = view_class.__mro__
    return ((klass, mro[position + 1 :]) for position, klass in enumerate(mro))


def _found_on_handler(klass: type, rest: Iterable[type], handler: str) -> Found | None:
    """What ``klass`` says about its method ``handler``, beyond what it inherits."""
    value = vars(klass).get(handler)
    if value is None:
        return None
    if outermost := _outermost(marks_on(value) - _inherited_marks(rest, handler)):
        return Found(outermost.declaration, f"{name_of(klass)}.{handler}")
    return _find_hidden(value, klass)


def _found_on_itself(klass: type, rest: Iterable[type]) -> Found | None:
    """What ``klass`` says about itself, by a decorator on the class or on ``dispatch``."""
    dispatch = vars(klass).get("dispatch")
    own = marks_on(dispatch) - _inherited_marks(rest, "dispatch")
    if outermost := _outermost(marks_on(klass) | own):
        return Found(outermost.declaration, name_of(klass))
    return _find_hidden(dispatch, klass)


def _inherited_marks(mro: Iterable[type], name: str) -> frozenset[Mark]:
    return next((marks_on(vars(klass)[name]) for klass in mro if name in vars(klass)), frozenset())


def _is_of_framework(view_class: type, name: str) -> bool:
    definer = next(klass for klass in view_class.__mro__ if name in vars(klass))
    return definer.__module__ in FRAMEWORK_MODULES


def _find_hidden(view: Any, view_class: type | None = None) -> Found | None:
    """A decorator that ``view`` holds and does not show. ``view_class`` shows all of its own."""
    for held in walk_held(view):
        marks = _marks_carried_by(held)
        if marks and view_class is not None:
            marks -= _marks_of_class(view_class)
        if (outermost := _outermost(marks - marks_on(view))) is not None:
            better = _order(outermost.declaration, view, held)
            return Found(outermost.declaration, name_of(held), better)
    return None


def _order(declaration: Declaration, view: Any, held: Any) -> str:
    """The decorators of ``held`` as they should be written, where ``view`` hides ours."""
    name = name_of(held).rpartition(".")[2]
    above = "other_decorator"
    if type(view) is types.FunctionType and ".<locals>." in view.__qualname__:
        # The function within a decorator: "audit.<locals>.inner", or one more with arguments.
        outer, *inner = view.__qualname__.split(".<locals>.")
        above = outer.rpartition(".")[2] + ("(...)" if len(inner) > 1 else "")
    elif type(view) not in (*FUNCTIONS, types.MethodType) and not is_partial(view):
        above = type(view).__name__
    if class_of(held) is not None:
        return f"    path(..., {declaration.name[1:]}({above}({name}.as_view())))"
    return f"    {declaration.name}\n    @{above}\n    def {name}(request): ..."


def _marks_carried_by(held: Any) -> frozenset[Mark]:
    """The marks on a callable, and on the class behind it."""
    view_class = held if is_class(held) else class_of(held)
    marks = marks_on(held)
    return marks | _marks_of_class(view_class) if view_class is not None else marks


def _marks_of_class(view_class: type) -> frozenset[Mark]:
    """The marks on a class, its parents, and the methods of all."""
    return frozenset[Mark]().union(
        *(
            marks_on(value)
            for klass in view_class.__mro__
            for value in (klass, *list(vars(klass).values()))
        )
    )


def _without_partials(view: Any) -> tuple[Any, frozenset[Mark]]:
    """The view inside of any partials, and the marks on these."""
    marks = frozenset[Mark]()
    while is_partial(view):
        marks |= marks_on(view)
        view = view.func
    return view, marks


def _is_method(view: Any) -> bool:
    return type(view) is types.MethodType


def _outermost(marks: Iterable[Mark]) -> Mark | None:
    return max(marks, key=lambda mark: mark.order, default=None)


# --- Django Ninja ------------------------------------------------------------------------------


def _ninja_operations(view: Any) -> list[Mapping[str, Any]]:
    """The operations behind a view of Django Ninja, as their attributes; empty for other views."""
    held = closure_of(view) if type(view) is types.FunctionType else ()
    path_view = next(filter(_is_path_view, held), None)
    return [attributes(operation) for operation in attributes(path_view).get("operations", ())]


def _is_path_view(thing: Any) -> bool:
    return "operations" in attributes(thing) and any(
        klass.__module__ == "ninja.operation" and klass.__qualname__ == "PathView"
        for klass in type(thing).__mro__
    )


def _marks_on_operation(operation: Mapping[str, Any]) -> frozenset[Mark]:
    """Those below ``@api.get``, above it, and by Ninja's own ``decorate_view``."""
    function = operation["view_func"]
    return marks_on(function) | marks_above(function) | marks_on(operation.get("run"))
