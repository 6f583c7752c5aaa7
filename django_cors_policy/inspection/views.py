"""What decorators have written on a view, read from the view for each of its HTTP methods.

Nothing here knows of requests or settings. A decorator is found wherever it can be written, and
where another function hides it, that is found too.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.views import View

from django_cors_policy.decorators import (
    SAME_ORIGIN,
    Declaration,
    Mark,
    attributes,
    marks_above,
    marks_on,
)
from django_cors_policy.exceptions import PolicyError

from .calls import find_called_methods
from .holding import (
    TooMuchError,
    closure_of,
    is_class,
    is_partial,
    levels_of,
    look_up,
    walk_held,
)
from .names import FUNCTIONS, class_of, class_shown_by, is_api_view, name_of

AnyView = Callable[..., Any]

# Where the methods that a framework gives to all of its views are defined.
FRAMEWORK_MODULES = ("django.views.generic.base", "rest_framework.views")

_NO_MARKS: frozenset[Mark] = frozenset()


@dataclass(frozen=True)
class Found:
    """A decorator that governs a method of a view, and the name of what it is written on.

    ``is_hidden``: another function hides it, so nothing but a search finds it. Such a view is
    closed, because that function may lead to other views as well. ``better`` is then the code that
    shows it.
    """

    declaration: Declaration
    on: str
    better: str = ""

    @property
    def is_hidden(self) -> bool:
        return bool(self.better)

    def error(self) -> PolicyError:
        """What to say about a hidden one (E020)."""
        reason = (
            "is hidden: another function holds the decorated view, and the middleware cannot know "
            "when it calls it"
        )
        hint = (
            "Until that changes, the view allows no other origin. If the other function is a "
            f"decorator, write it below:\n\n{self.better}\n\n"
            "If it is your own decorator, functools.wraps(view) in it is enough. If it never calls "
            "the view, decorate the outer view itself."
        )
        if self.declaration is _UNKNOWN:
            reason = "may be hidden: the view holds too much to be searched"
            hint = (
                "Until that changes, the view allows no other origin. Decorate it with "
                "@cors_policy, or with @same_origin_only to keep it so."
            )
        return PolicyError(self.declaration, reason, hint, id="E020", key=self.on)


# What a view that holds too much to be searched may hold.
_UNKNOWN = Declaration(SAME_ORIGIN, "Some decorator")


@dataclass(frozen=True)
class Bypass:
    """A method that does not have its parent's or its neighbour's decorator: ``method`` is answered
    by ``by``, and ``declaration`` on ``on`` does not govern it.
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
        *_, self._inner = levels_of(view)
        self._class = class_of(self._inner)
        self._operations = _ninja_operations(self._inner)
        self.methods = self._methods()

    def find(self, method: str) -> Found | None:
        """The decorator that governs ``method``, in upper case; any that the view does not handle
        has what governs the view as a whole.
        """
        if self._around is not None:
            return self._around
        if self._operations:
            return self._find_on_operation(method)
        if self._class is None:
            return None
        return self._find_on_class(self._class, self._handler_name(method))

    @cached_property
    def found(self) -> frozenset[Found | None]:
        """What ``find`` returns for all methods; None among it if some have none."""
        return frozenset(self.find(method) for method in (*self.methods, ""))

    @property
    def own_methods(self) -> tuple[str, ...]:
        """``methods`` but for those that follow another."""
        return tuple(name for name in self.methods if not self._leader_of(name.lower()))

    def marks(self) -> set[Mark]:
        """Every mark that the view leads to, whether or not it governs anything."""
        found: set[Mark] = set()
        searched: list[Any] = list(levels_of(self.view))
        for operation in self._operations:
            found |= _marks_on_operation(operation)
            searched += [operation["view_func"], operation.get("run")]
        for klass in self._class.__mro__ if self._class is not None else ():
            found |= marks_on(klass)
            searched += [vars(klass)[name] for name in self._handlers if name in vars(klass)]
        for view in searched:
            found |= marks_on(view)
            try:
                found.update(*(_marks_carried_by(held, self._class) for held in walk_held(view)))
            except TooMuchError:
                continue
        return found

    def find_overridden(self) -> Iterator[Bypass]:
        """Handlers that are overridden without a decorator, where a parent's has one."""
        if self._class is None or self._around or self._operations:
            return
        for method in self.methods or ("",):
            handler = self._handler_name(method)
            by = ""
            for klass, rest in _mro_of(self._class):
                found = _found_on_handler(klass, rest, handler)
                if found is None and handler in vars(klass):
                    by = by or f"{name_of(klass)}.{handler}"
                elif found is not None and by:
                    yield Bypass(method, by, found.declaration, found.on)
                if found is not None or _found_on_itself(klass, rest) is not None:
                    break

    def find_calls(self) -> Iterator[Bypass]:
        """Handlers without a decorator whose code calls a decorated method of their class."""
        if self._class is None or self._around or self._operations:
            return
        if not _marks_of_class(self._class):
            return  # most classes: to read code takes long
        for method in self.own_methods or ("",):
            handler = self._handler_name(method)
            if marks_on(look_up(self._class, handler)):
                continue
            for name in find_called_methods(self._class, handler):
                mark = _outermost(marks_on(look_up(self._class, name)))
                if mark is not None:
                    on = f"{name_of(self._class)}.{name}"
                    yield Bypass(method, f"{name_of(self._class)}.{handler}", mark.declaration, on)

    # -- Its HTTP methods, and what answers them.

    def _methods(self) -> tuple[str, ...]:
        if self._operations:
            methods = (method for operation in self._operations for method in operation["methods"])
            return tuple(sorted({str(method).upper() for method in methods}))
        if self._class is None or self._is_method or self._is_instance:
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
        names = look_up(self._class, "http_method_names")
        for key in ("view_initkwargs", "initkwargs"):
            names = _dictionary(self._inner, key).get("http_method_names", names)
        if not issubclass(type(names), (list, tuple, set, frozenset)):
            names = View.http_method_names  # a property, say: only an object of the class knows
        return [name.lower() for name in names if isinstance(name, str)]

    def _has_own(self, name: str) -> bool:
        """Whether the view has a handler or an action for ``name`` itself."""
        assert self._class is not None  # noqa: S101 -- only classes have handlers
        return name in self._actions or look_up(self._class, name) is not None

    def _handler_name(self, method: str) -> str:
        """The name of the class's method that answers ``method``; ``""`` if there is none."""
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

    @property
    def _handlers(self) -> set[str]:
        """The names of the class's methods that answer requests."""
        return {"dispatch", *map(self._handler_name, (*self.methods, ""))}

    @property
    def _is_method(self) -> bool:
        return type(self._inner) is types.MethodType

    @property
    def _is_instance(self) -> bool:
        """Whether the view is an object of its class, and no function that makes one."""
        return type(self._inner) is self._class

    @property
    def _actions(self) -> Mapping[str, str]:
        """Method to action, of a view set of REST framework."""
        return _dictionary(self._inner, "actions")

    # -- What is written around it, on its class, on its operations.

    @cached_property
    def _around(self) -> Found | None:
        """What is written around the whole view, or what hides something in it."""
        copied = _NO_MARKS
        if self._is_method:
            copied = marks_on(self._inner)
        elif self._class is not None:
            copied = marks_on(look_up(self._class, "dispatch"))  # by as_view()
        own = self._class.__mro__ if self._class is not None else ()
        visible = _NO_MARKS.union(
            *(marks_on(vars(klass).get(name)) for klass in own for name in self._handlers),
            *map(marks_on, own),
        )
        return _find_through(
            self.view,
            self._name_around(),
            copied,
            self._class,
            visible,
            may_hold=not self._operations,
        )

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
        if self._is_method:  # a function that was put on the object
            outermost = _outermost(marks_on(self._inner))
            return Found(outermost.declaration, name_of(self._inner)) if outermost else None
        return None

    def _find_on_operation(self, method: str) -> Found | None:
        """What is on the operation of Django Ninja that answers ``method``."""
        for operation in self._operations:
            if method not in operation["methods"]:
                continue
            function = operation["view_func"]
            name = name_of(function)
            run = operation.get("run")
            around = marks_above(function) | (marks_on(run) - marks_on(_below(run)))
            if (outermost := _outermost(around)) is not None:
                return Found(outermost.declaration, name)
            return _find_through(run, name, _NO_MARKS, None) or _find_through(
                function, name, _NO_MARKS, None
            )
        return None

    def _name_around(self) -> str:
        if self._class is None or self._is_method:
            return name_of(self._inner)
        name = name_of(self._class)
        return name if is_api_view(self._class) or self._is_instance else f"{name}.as_view()"


def _below(view: Any) -> Any:
    """What is wrapped by ``view``, if anything is."""
    return next(itertools.islice(levels_of(view), 1, None), None)


def _dictionary(view: Any, name: str) -> Mapping[str, Any]:
    """An attribute of ``view``, if it is a dictionary; else an empty one."""
    found = attributes(view).get(name)
    return found if type(found) is dict else {}


def _mro_of(view_class: type) -> Iterator[tuple[type, tuple[type, ...]]]:
    """Each class, and those after it."""
    mro = view_class.__mro__
    return ((klass, mro[position + 1 :]) for position, klass in enumerate(mro))


def _found_on_handler(klass: type, rest: Iterable[type], handler: str) -> Found | None:
    """What ``klass`` says about its method ``handler``, beyond what it inherits."""
    value = vars(klass).get(handler)
    if value is None:
        return None
    inherited = _inherited_marks(rest, handler)
    return _find_through(value, f"{name_of(klass)}.{handler}", inherited, klass)


def _found_on_itself(klass: type, rest: Iterable[type]) -> Found | None:
    """What ``klass`` says about itself, by a decorator on the class or on ``dispatch``."""
    dispatch = vars(klass).get("dispatch")
    inherited = _inherited_marks(rest, "dispatch")
    if outermost := _outermost(marks_on(klass) | (marks_on(dispatch) - inherited)):
        return Found(outermost.declaration, name_of(klass))
    if dispatch is None:
        return None
    return _find_through(dispatch, name_of(klass), inherited, klass)


def _inherited_marks(mro: Iterable[type], name: str) -> frozenset[Mark]:
    return next((marks_on(vars(klass)[name]) for klass in mro if name in vars(klass)), _NO_MARKS)


def _is_of_framework(view_class: type, name: str) -> bool:
    definer = next((klass for klass in view_class.__mro__ if name in vars(klass)), None)
    return definer is not None and definer.__module__ in FRAMEWORK_MODULES


def _find_through(
    view: Any,
    name: str,
    inherited: frozenset[Mark],
    view_class: type | None,
    visible: frozenset[Mark] = _NO_MARKS,
    *,
    may_hold: bool = True,
) -> Found | None:
    """The outermost decorator from ``view`` down to what it wraps, beyond the ``inherited`` marks.

    What a level holds and does not show comes before what the levels below it show; but for the
    class ``view_class``, and the marks that are ``visible`` elsewhere. ``may_hold``: whether the
    innermost level is searched.
    """
    levels = list(levels_of(view))
    for level, below in zip(levels, [*levels[1:], None], strict=True):
        own = marks_on(level) - marks_on(below) - inherited
        if (outermost := _outermost(own)) is not None:
            return Found(outermost.declaration, name)
        if below is None and not may_hold:
            return None
        if found := _find_hidden(level, below, visible, view_class):
            return found
    return None


def _find_hidden(
    view: Any, below: Any, visible: frozenset[Mark], view_class: type | None
) -> Found | None:
    """A decorator that ``view`` holds and does not show, elsewhere than ``below``."""
    shown = marks_on(view)
    classes: set[type | None] = {None}
    try:
        for held in walk_held(view, below):
            # What as_view() made holds its class, and leads to some of its methods only.
            shown_class = class_shown_by(held)
            classes.add(shown_class)
            if is_class(held) and held in classes:
                continue
            marks = _marks_carried_by(held, view_class) - shown
            if shown_class is not None and shown_class is view_class:
                marks -= visible
            mark = _outermost(marks)
            if mark is not None:
                better = _order(mark.declaration, view, held)
                return Found(mark.declaration, name_of(held), better)
    except TooMuchError:
        name = name_of(view)
        return Found(_UNKNOWN, name, _order(_UNKNOWN, view, view))
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
    ours = declaration.name
    if "..." in ours or "<" in ours:  # it was cut, or holds what cannot be written
        ours = f"{ours.partition('(')[0]}(...)"
    if class_shown_by(held) is not None:
        actions = "{...}" if _dictionary(held, "actions") else ""
        return f"    path(..., {ours[1:]}({above}({name}.as_view({actions}))))"
    return f"    {ours}\n    @{above}\n    def {name}(request): ..."


def _marks_carried_by(held: Any, besides: type | None = None) -> frozenset[Mark]:
    """The marks on a callable and on what it leads to, but for those of the class ``besides``."""
    if is_class(held):
        is_own = besides is not None and held in besides.__mro__
        return _NO_MARKS if is_own else _marks_of_class(held)
    marks = marks_on(held)
    if type(held) is types.MethodType:
        return marks | _marks_of_method(class_of(held) or object, held.__func__)
    if (view_class := class_shown_by(held)) is not None:
        return marks | _marks_of_class(view_class, _dictionary(held, "actions"))
    if type(held) in FUNCTIONS or is_partial(held):
        return marks
    return marks | _marks_of_method(type(held), type(held).__call__)


def _marks_of_method(owner: type, function: Any) -> frozenset[Mark]:
    """The marks on a class, its parents, and its method of that name."""
    name = function.__name__ if type(function) is types.FunctionType else ""
    return _NO_MARKS.union(
        *(marks_on(klass) | marks_on(vars(klass).get(name)) for klass in owner.__mro__)
    )


def _marks_of_class(view_class: type, actions: Mapping[str, str] | None = None) -> frozenset[Mark]:
    """The marks on a class, its parents, and the methods of all, or those for ``actions`` alone."""
    names = {"dispatch", *actions.values()} if actions else None
    return _NO_MARKS.union(
        *(
            marks_on(value)
            for klass in view_class.__mro__
            if klass is not object
            for name, value in (("dispatch", klass), *list(vars(klass).items()))
            if (names is None or name in names) and type(value) not in _NEVER_MARKED
        )
    )


_NEVER_MARKED = (str, int, float, bool, tuple, list, dict, type(None))


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
