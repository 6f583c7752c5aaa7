"""What a callable holds, found without asking it: closures, partials, attributes, containers.

A decorator that copies nothing from the view below it still holds that view somewhere. Only what
``vars()`` and the interpreter's own types show is looked at. No attribute is asked of an object of
a foreign class: a proxy may answer every question, or run code to do so.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from django_cors_policy.decorators import attributes

# For one view: objects that hold others, and values altogether. Real decorators stay far below.
MOST_OBJECTS = 50_000
MOST_VALUES = 1_000_000

# The iteration of the base class: a subclass may run code of its own.
_CONTAINERS: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (dict, lambda items: (*dict.keys(items), *dict.values(items))),
    (collections.deque, collections.deque.__iter__),
    (types.MappingProxyType, types.MappingProxyType.values),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
)
# Values that hold nothing; others are recognised as they come.
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})


class TooMuchError(Exception):
    """A view holds more than is looked at."""


def look_up(view_class: type | None, name: str) -> Any:
    """What ``view_class`` has under ``name``, itself or by a parent; None if nothing."""
    mro = view_class.__mro__ if view_class is not None else ()
    return next((vars(klass)[name] for klass in mro if name in vars(klass)), None)


def is_class(thing: object) -> TypeGuard[type]:
    """Whether ``thing`` is a class. ``isinstance`` would ask a proxy its class."""
    return issubclass(type(thing), type)


def is_partial(thing: object) -> bool:
    """Whether ``thing`` is a ``functools.partial``; as ``is_class``."""
    return issubclass(type(thing), functools.partial)


def levels_of(view: Any) -> Iterator[Any]:
    """``view``, what ``functools.wraps`` and partials say is below it, and so on; outermost first.

    It ends at the function that ``as_view()`` made, at a method, at an object.
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
        # as_view() copies the attributes of dispatch(), which may have been wrapped.
        is_as_view = _names_class(own) and not _names_class(attributes(below))
        if below is None or is_as_view or type(view) is types.MethodType or is_class(view):
            return
        view = below


def _names_class(own: Any) -> bool:
    return "view_class" in own or "cls" in own


def walk_held(view: Any, besides: Any = None) -> Iterator[Any]:
    """The callables and classes that ``view`` holds, those that they hold, and so on; each once.

    Not ``besides``, and what only that holds. Raises ``TooMuchError`` where there is no end to it.
    """
    plain = set(_PLAIN)
    seen = {id(view), id(besides)}
    values = 0
    # What is looked into, and whether any object in it is looked into as well. From a plain object
    # only callables are: an application's objects lead everywhere.
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
            with contextlib.suppress(RuntimeError):  # another thread adds to it
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
    """What ``holder`` holds, each with whether the objects in it are looked into as well."""
    if type(holder) is types.MethodType:
        # Not the object itself: being a view too, it is none that the method calls.
        owner = holder.__self__
        of_owner = [] if is_class(owner) else [(value, False) for value in _values_of(owner)]
        return [(holder.__func__, True), *of_owner]
    return [(value, callable(holder)) for value in _values_of(holder)]


def _holds_nothing(kind: type) -> bool:
    """Whether no object of a type can hold another: a date, a Decimal."""
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
    """Whether ``thing`` is neither a function, method or partial, nor a class."""
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
    """What a function holds of the functions around it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name == "__class__":
            continue  # there for super(): the class that the method is written in
        with contextlib.suppress(ValueError):  # an empty cell
            yield cell.cell_contents


def _slots_of(thing: object) -> Iterator[Any]:
    for klass in type(thing).__mro__:
        for descriptor in list(vars(klass).values()):
            if type(descriptor) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # not set
                    yield descriptor.__get__(thing)
