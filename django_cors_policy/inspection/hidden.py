"""Find the decorator of a view or of a function that it wraps, even if it is hidden."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django_cors_policy.decorators import SAME_ORIGIN, Declaration, Mark, marks_on
from django_cors_policy.exceptions import PolicyError

from .frameworks import actions_of, class_shown_by
from .holding import TooMuchError, is_class, is_partial, levels_of, walk_held
from .names import FUNCTIONS, class_of, name_of

NO_MARKS: frozenset[Mark] = frozenset()


@dataclass(frozen=True)
class Found:
    """A decorator that governs a method of a view. ``on`` is the name of the decorated object.

    ``is_hidden``: another function hides the decorator, so only a search finds it. Such a view is
    closed, because that function may call other views as well. ``better`` is then code with the
    decorator in a visible place.
    """

    declaration: Declaration
    on: str
    better: str = ""

    @property
    def is_hidden(self) -> bool:
        return bool(self.better) or self.declaration is UNKNOWN

    def error(self) -> PolicyError:
        """The error E020 for a hidden decorator."""
        reason = (
            "is hidden: another function contains the decorated view, and the middleware cannot "
            "know when that function calls it"
        )
        hint = (
            "Until you fix this, the view allows no other origin. If the other function is a "
            f"decorator, change the order:\n\n{self.better}\n\n"
            "If you wrote that decorator, you can use functools.wraps(view) in it instead. If the "
            "other function never calls the decorated view, decorate the outer view itself."
        )
        if self.declaration is UNKNOWN:
            reason = "may be hidden: the view contains too many objects to search"
            hint = (
                "Until you fix this, the view allows no other origin. Decorate it with "
                "@cors_policy, or with @same_origin_only to keep other origins blocked."
            )
        return PolicyError(self.declaration, reason, hint, id="E020", key=self.on)


# The result for a view with too many objects to search: one of them may have a decorator.
UNKNOWN = Declaration(SAME_ORIGIN, "A decorator")


def find_outermost(marks: Iterable[Mark], name: str) -> Found | None:
    """Return the outermost of ``marks``, which are on the object named ``name``."""
    outermost = max(marks, key=lambda mark: mark.order, default=None)
    return Found(outermost.declaration, name) if outermost is not None else None


def find_through(
    view: Any,
    name: str,
    inherited: frozenset[Mark] = NO_MARKS,
    view_class: type | None = None,
    visible: frozenset[Mark] = NO_MARKS,
    *,
    may_hold: bool = True,
) -> Found | None:
    """Return the outermost decorator of ``view`` and of all that it wraps.

    A decorator hidden in one level comes before the visible ones of the levels below. The search
    ignores ``inherited`` marks. Marks on ``view_class``, and those that are ``visible`` elsewhere,
    do not count as hidden. ``may_hold``: whether to search the innermost level.
    """
    levels = list(levels_of(view))
    for level, below in zip(levels, [*levels[1:], None], strict=True):
        if found := find_outermost(marks_on(level) - marks_on(below) - inherited, name):
            return found
        if below is None and not may_hold:
            return None
        if found := _find_hidden(level, below, visible, view_class):
            return found
    return None


def _find_hidden(
    view: Any, below: Any, visible: frozenset[Mark], view_class: type | None
) -> Found | None:
    """Return a decorator that is hidden in ``view``, but not in ``below``."""
    shown = marks_on(view)
    classes: set[type | None] = {None}
    known: dict[tuple[type, str], frozenset[Mark]] = {}
    try:
        for held in walk_held(view, below):
            # The function that as_view() made references its class, but may call only some methods.
            shown_class = class_shown_by(held)
            classes.add(shown_class)
            if is_class(held) and held in classes:
                continue
            marks = marks_carried_by(held, known, view_class) - shown
            if shown_class is not None and shown_class is view_class:
                marks -= visible
            if found := find_outermost(marks, name_of(held)):
                return replace(found, better=_write_better(found.declaration, view, held))
    except TooMuchError:
        return Found(UNKNOWN, name_of(view))
    return None


def _write_better(declaration: Declaration, view: Any, held: Any) -> str:
    """Return code for ``held`` in which ``view`` no longer hides our decorator."""
    name = name_of(held).rpartition(".")[2]
    above = "other_decorator"
    if type(view) is types.FunctionType and ".<locals>." in view.__qualname__:
        # The inner function of a decorator: "audit.<locals>.inner". A decorator with arguments
        # has one more level.
        outer, *inner = view.__qualname__.split(".<locals>.")
        above = outer.rpartition(".")[2] + ("(...)" if len(inner) > 1 else "")
    elif type(view) not in (*FUNCTIONS, types.MethodType) and not is_partial(view):
        above = type(view).__name__
    ours = declaration.name
    if "..." in ours or "<" in ours:  # it was cut, or contains a value that is not code
        ours = f"{ours.partition('(')[0]}(...)"
    if class_shown_by(held) is not None:
        actions = "{...}" if actions_of(held) else ""
        return f"    path(..., {ours[1:]}({above}({name}.as_view({actions}))))"
    return f"    {ours}\n    @{above}\n    def {name}(request): ..."


def marks_carried_by(
    held: Any, known: dict[tuple[type, str], frozenset[Mark]], exclude: type | None = None
) -> frozenset[Mark]:
    """The marks on a callable and on what it calls, except those of the class ``exclude``.

    ``known`` is filled with the marks of classes: a view can hold thousands of objects of a few.
    """
    if is_class(held):
        is_own = exclude is not None and held in exclude.__mro__
        return NO_MARKS if is_own else marks_of_class(held)
    marks = marks_on(held)
    is_method = type(held) is types.MethodType
    view_class = class_shown_by(held)
    if view_class is not None and not is_method:
        actions = actions_of(held).values()
        return marks | marks_of_class(view_class, {"dispatch", *actions} if actions else None)
    if type(held) in FUNCTIONS or is_partial(held):
        return marks
    function = held.__func__ if is_method else type(held).__call__
    name = function.__name__ if type(function) is types.FunctionType else ""
    owner = class_of(held) or object
    if (owner, name) not in known:
        known[owner, name] = marks_of_class(owner, {name})
    return marks | known[owner, name]


def marks_of_class(view_class: type, names: Iterable[str] | None = None) -> frozenset[Mark]:
    """The marks on a class, its parents, and their methods; with ``names`` only on those."""
    parents = [klass for klass in view_class.__mro__ if klass is not object]
    # Look names up: walking through all members takes long, and a view can hold many objects.
    members = (
        value
        for own in map(vars, parents)
        for value in (list(own.values()) if names is None else map(own.get, names))
        if type(value) not in _NEVER_MARKED
    )
    return NO_MARKS.union(*map(marks_on, (*parents, *members)))


_NEVER_MARKED = (str, int, float, bool, tuple, list, dict, type(None))
