"""The decorator on a view or on what it wraps, also where another function hides it."""

from __future__ import annotations

import types
from collections.abc import Container, Iterable
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
        return bool(self.better) or self.declaration is UNKNOWN

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
        if self.declaration is UNKNOWN:
            reason = "may be hidden: the view holds too much to be searched"
            hint = (
                "Until that changes, the view allows no other origin. Decorate it with "
                "@cors_policy, or with @same_origin_only to keep it so."
            )
        return PolicyError(self.declaration, reason, hint, id="E020", key=self.on)


# What a view that holds too much to be searched may hold.
UNKNOWN = Declaration(SAME_ORIGIN, "Some decorator")


def find_outermost(marks: Iterable[Mark], name: str) -> Found | None:
    """The outermost of ``marks``, which are on what is called ``name``."""
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
    """The outermost decorator from ``view`` down to what it wraps, beyond the ``inherited`` marks.

    What a level holds and does not show comes before what the levels below it show; but for the
    class ``view_class``, and the marks that are ``visible`` elsewhere. ``may_hold``: whether the
    innermost level is searched.
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
            marks = marks_carried_by(held, view_class) - shown
            if shown_class is not None and shown_class is view_class:
                marks -= visible
            if found := find_outermost(marks, name_of(held)):
                return replace(found, better=_write_better(found.declaration, view, held))
    except TooMuchError:
        return Found(UNKNOWN, name_of(view))
    return None


def _write_better(declaration: Declaration, view: Any, held: Any) -> str:
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
        actions = "{...}" if actions_of(held) else ""
        return f"    path(..., {ours[1:]}({above}({name}.as_view({actions}))))"
    return f"    {ours}\n    @{above}\n    def {name}(request): ..."


def marks_carried_by(held: Any, besides: type | None = None) -> frozenset[Mark]:
    """The marks on a callable and on what it leads to, but for those of the class ``besides``."""
    if is_class(held):
        is_own = besides is not None and held in besides.__mro__
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
    return marks | marks_of_class(class_of(held) or object, {name})


def marks_of_class(view_class: type, names: Container[str] | None = None) -> frozenset[Mark]:
    """The marks on a class, its parents, and the methods of all, or those in ``names`` alone."""
    parents = [klass for klass in view_class.__mro__ if klass is not object]
    members = (
        value
        for klass in parents
        for name, value in list(vars(klass).items())
        if (names is None or name in names) and type(value) not in _NEVER_MARKED
    )
    return NO_MARKS.union(*map(marks_on, (*parents, *members)))


_NEVER_MARKED = (str, int, float, bool, tuple, list, dict, type(None))
