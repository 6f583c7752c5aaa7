"""What a callable holds, found without asking it: closures, partials, attributes.

A decorator that copies nothing from the view below it still holds that view somewhere. Only what
``vars()`` and the interpreter's own types show is looked at. No attribute is asked of an object of
a foreign class: a proxy may answer every question, or run code to do so.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from django_cors_policy.decorators import attributes

# Items of one container that are looked at, and callables that are followed from one view. Real
# decorators stay far below.
MOST_ITEMS = 10_000
MOST_FOLLOWED = 1_000

# The iteration of the base class: a subclass may run code of its own.
_CONTAINERS: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (dict, dict.values),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
)


def look_up(view_class: type, name: str) -> Any:
    """What ``view_class`` has under ``name``, itself or by a parent; None if nothing."""
    return next((vars(klass)[name] for klass in view_class.__mro__ if name in vars(klass)), None)


def is_class(thing: object) -> TypeGuard[type]:
    """Whether ``thing`` is a class. ``isinstance`` would ask a proxy its class."""
    return issubclass(type(thing), type)


def is_partial(thing: object) -> bool:
    """Whether ``thing`` is a ``functools.partial``; as ``is_class``."""
    return issubclass(type(thing), functools.partial)


def unwrap(view: Any) -> Any:
    """The innermost of what ``functools.wraps`` and partials have put around ``view``."""
    for _ in range(MOST_FOLLOWED):
        if is_partial(view):
            view = view.func
        elif "__wrapped__" in (own := attributes(view)):
            view = own["__wrapped__"]
        else:
            break
    return view


def walk_held(view: Any) -> Iterator[Any]:
    """The callables and classes that ``view`` holds, those that they hold, and so on; each once."""
    seen = {id(view)}
    waiting = [view]
    followed = 0
    while waiting and followed < MOST_FOLLOWED:
        followed += 1
        for held in _held_by(waiting.pop()):
            if id(held) not in seen:
                seen.add(id(held))
                yield held
                if not is_class(held):
                    waiting.append(held)


def _held_by(holder: Any) -> Iterator[Any]:
    """The callables and classes that ``holder`` holds, itself or in a container or an instance."""
    for value in _values_of(holder):
        if callable(value):
            yield value
        elif (iterate := _iteration_of(value)) is not None:
            with contextlib.suppress(RuntimeError):  # another thread adds to it
                items = list(itertools.islice(iterate(value), MOST_ITEMS))
                yield from filter(callable, items)
        elif not is_instance(holder):
            # self of the method that made the view, say. From there on, only callables: an
            # application's objects lead everywhere.
            yield from filter(callable, _values_of(value))


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
    if type(holder) is types.MethodType:
        yield from (holder.__func__, holder.__self__)
        return
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
