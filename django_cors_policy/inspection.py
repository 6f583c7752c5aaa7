"""What decorators have written on views, read from the views and from the URLconf.

Nothing here knows of requests or settings. The marks are found wherever a decorator can stand, and
where another decorator hides one, that is found too.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern
from django.views import View

from .decorators import Declaration, Mark, marks_on
from .exceptions import PolicyError

# The methods that classes have handlers for. All others share what the class says.
HANDLED_METHODS = frozenset(name.upper() for name in View.http_method_names)

AnyView = Callable[..., Any]


def find_mark(view: AnyView, method: str) -> tuple[Declaration, str] | None:
    """The declaration that governs a method of a view, and the name of what it stands on.

    ``method`` is in upper case; any other than Django's means the view as a whole.
    """
    view, around = _without_partials(view)
    view_class = _class_of(view)
    if view_class is None:
        outermost = _outermost(around | marks_on(view))
        return (outermost.declaration, name_of(view)) if outermost is not None else None
    # as_view() copies what stands on dispatch; the rest was put around it.
    around |= marks_on(view) - marks_on(getattr(view_class, "dispatch", None))
    if (outermost := _outermost(around)) is not None:
        return outermost.declaration, _name_around(view_class)
    return _find_mark_on_class(view_class, _handler_name(view, view_class, method))


@dataclass(frozen=True)
class HiddenMark:
    """A decorator that another one hides, on the view named ``on``.

    ``is_certain``: REST framework's ``@api_view`` hides it. Elsewhere, a view may hold a decorated
    one because it calls it of its own accord.
    """

    declaration: Declaration
    on: str
    is_certain: bool

    def error(self) -> PolicyError:
        """What to say about it (E020; as a warning W010)."""
        name = self.on.rpartition(".")[2]
        below = "@api_view([...])" if self.is_certain else "@other_decorator"
        return PolicyError(
            self.declaration,
            "stands below a decorator that hides it from preflights",
            "Write it on top of the others:\n\n"
            f"    {self.declaration.name}\n    {below}\n    def {name}(request): ...\n",
            id="E020",
            key=self.on,
        )


def find_hidden_mark(view: AnyView) -> HiddenMark | None:
    """A decorator that stands below another one which shows nothing of it.

    One that does not use ``functools.wraps`` holds the function it was given in a closure, in a
    partial or in an attribute, and nobody else can see it there.
    """
    whole = view
    view, around = _without_partials(view)
    view_class = _class_of(view)
    functions: list[Any] = [whole]
    if view_class is not None:
        around |= marks_on(view) - marks_on(getattr(view_class, "dispatch", None))
        functions += _handlers(view, view_class)
    if around:
        return None  # what stands on top of all wins over what it hides
    for function in functions:
        if marks_on(function) and (function is not whole or view_class is None):
            continue
        for held in _functions_held_by(function):
            if (outermost := _outermost(marks_on(held))) is not None:
                return HiddenMark(outermost.declaration, name_of(held), _is_api_view(view_class))
    return None


def find_marks(view: AnyView) -> set[tuple[Declaration, str] | None]:
    """What ``find_mark`` finds for the methods of a view; None among it if some have none."""
    return {find_mark(view, method) for method in methods_of(view) or ("",)}


@dataclass(frozen=True)
class Route:
    """One URL pattern with all that stands before it.

    ``path`` is for people to read; ``literal`` is what every path of it begins with, and
    ``is_literal`` whether that is all.
    """

    path: str
    literal: str
    is_literal: bool
    pattern: URLPattern


def walk_urls(
    patterns: Iterable[object],
    path: str = "/",
    literal: str = "/",
    is_literal: bool = True,
) -> Iterator[Route]:
    """Every URL pattern of a URLconf, in the order in which they are tried."""
    for pattern in patterns:
        if not isinstance(pattern, (URLPattern, URLResolver)):
            continue  # Django's own checks say what is wrong with it
        text = str(pattern.pattern)
        whole, beginning = text, text
        if isinstance(pattern.pattern, LocalePrefixPattern):
            whole, beginning = "<language>/", ""
        elif isinstance(pattern.pattern, RegexPattern):
            whole = text.removeprefix("^").removesuffix("$")
            beginning = re.split(r"[\\.^$*+?()|\[\]{}]", whole, maxsplit=1)[0]
        elif "<" in text:
            beginning = text.partition("<")[0]
        here = (
            path + whole,
            literal + beginning if is_literal else literal,
            is_literal and beginning == whole,
        )
        if isinstance(pattern, URLResolver):
            yield from walk_urls(pattern.url_patterns, *here)
        else:
            yield Route(*here, pattern)


def methods_of(view: AnyView) -> tuple[str, ...]:
    """The HTTP methods that a class-based view handles; empty for a function, which may any."""
    view, _ = _without_partials(view)
    view_class = _class_of(view)
    if view_class is None or isinstance(view, view_class):
        return ()
    allowed = {name.upper() for name in getattr(view_class, "http_method_names", ())}
    actions = getattr(view, "actions", None)
    return tuple(
        method
        for method in sorted(allowed & HANDLED_METHODS)
        if method != "OPTIONS"
        and (method.lower() in actions if actions else hasattr(view_class, method.lower()))
    )


def _find_mark_on_class(view_class: type, handler: str) -> tuple[Declaration, str] | None:
    """The nearest mark along the MRO; each class is asked for its own method, then for itself."""
    pending = {handler, "dispatch"}
    for position, klass in enumerate(view_class.__mro__):
        namespace = vars(klass)
        rest = view_class.__mro__[position + 1 :]
        own: dict[str, frozenset[Mark]] = {}
        for name in pending & namespace.keys():
            inherited = _inherited_marks(rest, name)
            marks = marks_on(namespace[name])
            own[name] = marks - inherited
            # Overridden and not decorated. (Wrapped by another decorator, it still shows what it
            # inherits, and the parents are asked.)
            if not marks & inherited:
                pending = pending - {name}
        if outermost := _outermost(own.get(handler, ())):
            return outermost.declaration, f"{name_of(klass)}.{handler}"
        if outermost := _outermost(marks_on(klass) | own.get("dispatch", frozenset())):
            return outermost.declaration, name_of(klass)
    return None


def _inherited_marks(mro: Iterable[type], name: str) -> frozenset[Mark]:
    for klass in mro:
        if name in vars(klass):
            return marks_on(vars(klass)[name])
    return frozenset()


def _handler_name(view: AnyView, view_class: type, method: str) -> str:
    """The name of the class's method that answers ``method``; ``""`` if there is none."""
    if isinstance(view, view_class):
        return "__call__"
    actions: dict[str, str] | None = getattr(view, "actions", None)  # a ViewSet of REST framework
    name = method.lower()
    if actions is not None:
        return actions.get(name) or (actions.get("get", "") if name == "head" else "")
    if name == "head" and not hasattr(view_class, "head"):
        return "get"
    return name


def _handlers(view: AnyView, view_class: type) -> Iterator[Any]:
    for method in HANDLED_METHODS:
        name = _handler_name(view, view_class, method)
        if hasattr(view_class, name):
            yield getattr(view_class, name)


def _without_partials(view: Any) -> tuple[Any, frozenset[Mark]]:
    """The view inside of any partials, and the marks on these."""
    marks = frozenset[Mark]()
    while isinstance(view, functools.partial):
        marks |= marks_on(view)
        view = view.func
    return view, marks


def _class_of(view: Any) -> type | None:
    """The class behind a view: of ``as_view()``, of REST framework, or of a callable instance."""
    for candidate in (getattr(view, "view_class", None), getattr(view, "cls", None)):
        if isinstance(candidate, type):
            return candidate
    return None if inspect.isroutine(view) else type(view)


def _outermost(marks: Iterable[Mark]) -> Mark | None:
    return max(marks, key=lambda mark: mark.order, default=None)


def _functions_held_by(function: Any) -> Iterator[Any]:
    """The functions that a callable holds, and those that they hold, as far as can be seen."""
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        for held in _held_by(inspect.unwrap(waiting.pop())):
            if id(held) not in seen and callable(held) and not isinstance(held, type):
                seen.add(id(held))
                waiting.append(held)
                yield held


def _held_by(function: Any) -> Iterator[Any]:
    if isinstance(function, functools.partial):
        yield from (function.func, *function.args, *function.keywords.values())
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # an empty cell
            yield cell.cell_contents
    if not inspect.isfunction(function):
        yield from getattr(function, "__dict__", {}).values()


def _is_api_view(view_class: type | None) -> bool:
    return view_class is not None and view_class.__qualname__ == "WrappedAPIView"


def name_of(view: Any) -> str:
    """The dotted name of a view, without what is wrapped around it: a function, or its class."""
    if not isinstance(view, type):
        inner, _ = _without_partials(view)
        view_class = _class_of(inner)
        if view_class is not None:
            return _name_of_class(view_class)
        view, _ = _without_partials(inspect.unwrap(view))
        if not hasattr(view, "__qualname__"):
            view = type(view)
    return f"{view.__module__}.{view.__qualname__}"


def _name_of_class(view_class: type) -> str:
    if _is_api_view(view_class):
        return f"{view_class.__module__}.{view_class.__name__}"  # the function's name
    return name_of(view_class)


def _name_around(view_class: type) -> str:
    name = _name_of_class(view_class)
    return name if _is_api_view(view_class) else f"{name}.as_view()"
