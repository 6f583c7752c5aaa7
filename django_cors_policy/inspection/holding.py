"""Search the objects that a callable holds: in closures, partials, attributes and containers.

A decorator that copies no attributes from the view still has a reference to that view. The search
reads only ``vars()`` and Python's built-in types. It never gets attributes from objects of other
classes, because a proxy may return a value for any name, or run code.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from django_cors_policy.decorators import attributes

# Limits for one view: objects that hold others, and all values. Real decorators need far fewer.
MOST_OBJECTS = 50_000
MOST_VALUES = 1_000_000

# The iterators of the base classes, because a subclass may run its own code.
_CONTAINERS: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (dict, lambda items: (*dict.keys(items), *dict.values(items))),
    (collections.deque, collections.deque.__iter__),
    (types.MappingProxyType, types.MappingProxyType.values),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
)
# Types whose values hold no other objects. The search adds more when it finds them.
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})


class TooMuchError(Exception):
    """The view holds more objects than the search looks at."""


def look_up(view_class: type | None, name: str) -> Any:
    """The attribute ``name`` of ``view_class`` or of its parents; None if there is none."""
    mro = view_class.__mro__ if view_class is not None else ()
    return next((vars(klass)[name] for klass in mro if name in vars(klass)), None)


def is_class(thing: object) -> TypeGuard[type]:
    """Whether ``thing`` is a class. ``isinstance`` would run code of a proxy."""
    return issubclass(type(thing), type)


def is_partial(thing: object) -> bool:
    """Whether ``thing`` is a ``functools.partial``, without ``isinstance``."""
    return issubclass(type(thing), functools.partial)


def levels_of(view: Any) -> Iterator[Any]:
    """Yield ``view``, then what it wraps by ``functools.wraps`` or a partial, and so on.

    Ends at the function that ``as_view()`` made, at a method, or at an instance.
    """
    seen: set[int] = set()
    while id(view) not in seen:
        seen.add(id(view))
        yield view
        if is_partial(view):
            view = view.func
            continue
        own = attributes(view)
        below = own.get("__wrapped__")
        # as_view() copies the attributes of dispatch(), including __wrapped__.
        is_as_view = _names_class(own) and not _names_class(attributes(below))
        if below is None or is_as_view or type(view) is types.MethodType or is_class(view):
            return
        view = below


def _names_class(own: Any) -> bool:
    return "view_class" in own or "cls" in own


def walk_held(view: Any, exclude: Any = None) -> Iterator[Any]:
    """Yield the callables and classes that ``view`` holds, directly or indirectly; each once.

    Leaves out ``exclude``, and all that only ``exclude`` holds. Raises ``TooMuchError`` above the
    limits.
    """
    plain = set(_PLAIN)
    seen = {id(view), id(exclude)}
    values = 0
    # Each value with whether to search it if it is not callable. False for values of objects that
    # are not callable themselves: these can lead to the whole application.
    waiting = _held_by(view)
    while waiting:
        value, takes_objects = waiting.pop()
        values += 1
        kind = type(value)
        if kind in plain or id(value) in seen:
            continue
        if _holds_nothing(kind):
            plain.add(kind)
            continue
        iterate = _iteration_of(value)
        if iterate is not None:
            with contextlib.suppress(RuntimeError):  # another thread changes the container
                items = list(iterate(value))
                values += len(items)
                held = [(item, takes_objects) for item in items if type(item) not in plain]
                if held:
                    seen.add(id(value))
                    waiting += held
        elif callable(value) or takes_objects:
            seen.add(id(value))
            if callable(value):
                yield value
            if not is_class(value):
                waiting += _held_by(value)
        if len(seen) > MOST_OBJECTS or values > MOST_VALUES:
            raise TooMuchError


def _held_by(holder: Any) -> list[tuple[Any, bool]]:
    """The values in ``holder``, each with whether to search it if it is not callable."""
    if type(holder) is types.MethodType:
        # Not the object itself: it may be a view too, but the method does not call it.
        owner = holder.__self__
        of_owner = [] if is_class(owner) else [(value, False) for value in _values_of(owner)]
        return [(holder.__func__, True), *of_owner]
    return [(value, callable(holder)) for value in _values_of(holder)]


def _holds_nothing(kind: type) -> bool:
    """Whether instances of a type cannot hold other objects, such as a date or a Decimal."""
    return not (
        kind.__dictoffset__
        or issubclass(kind, tuple(container for container, _ in _CONTAINERS))
        or any(
            name == "__call__" or type(value) is types.MemberDescriptorType
            for klass in kind.__mro__
            for name, value in vars(klass).items()
        )
    )


def is_instance(thing: object) -> bool:
    """Whether ``thing`` is not a function, method, partial or class."""
    return not (
        is_partial(thing)
        or type(thing) in (types.FunctionType, types.MethodType)
        or is_class(thing)
    )


def _iteration_of(thing: object) -> Callable[[Any], Iterable[Any]] | None:
    return next((iterate for kind, iterate in _CONTAINERS if issubclass(type(thing), kind)), None)


def _values_of(holder: Any) -> Iterator[Any]:
    if type(holder) in (classmethod, staticmethod):
        yield holder.__func__
    if is_partial(holder):
        yield from (holder.func, *holder.args, *holder.keywords.values())
    if type(holder) is types.FunctionType:
        yield from closure_of(holder)
        yield from holder.__defaults__ or ()
        yield from (holder.__kwdefaults__ or {}).values()
    yield from list(attributes(holder).values())
    if is_instance(holder):
        yield from _slots_of(holder)


def closure_of(function: types.FunctionType) -> Iterator[Any]:
    """The values that a function uses from the functions around it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name == "__class__":
            continue  # the class of the method, for super()
        with contextlib.suppress(ValueError):  # an empty cell
            yield cell.cell_contents


def _slots_of(thing: object) -> Iterator[Any]:
    for klass in type(thing).__mro__:
        for descriptor in list(vars(klass).values()):
            if type(descriptor) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # not set
                    yield descriptor.__get__(thing)
