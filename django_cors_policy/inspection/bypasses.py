"""Find methods that bypass a decorator: they override or call a decorated method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django_cors_policy.decorators import Declaration, marks_on

from .calls import find_called_methods
from .hidden import find_outermost, marks_of_class
from .holding import look_up
from .names import name_of
from .views import ViewInspection, find_on_class, find_on_handler, mro_of


@dataclass(frozen=True)
class Bypass:
    """``by`` handles the HTTP method ``method``. The decorator on ``on`` does not govern it.

    ``is_call``: whether ``by`` calls ``on``; otherwise it overrides ``on``.
    """

    method: str
    by: str
    declaration: Declaration
    on: str
    is_call: bool


def find_bypasses(view: ViewInspection) -> Iterator[Bypass]:
    """Yield undecorated handlers that override or call a decorated method."""
    view_class = view.view_class
    if view_class is None or view.around or view.operations:
        return
    yield from _find_overriding(view, view_class)
    if marks_of_class(view_class):  # reading code is slow, and few classes need it
        yield from _find_calling(view, view_class)


def _find_overriding(view: ViewInspection, view_class: type) -> Iterator[Bypass]:
    """Yield undecorated handlers that override a decorated handler of a parent class."""
    for method in view.methods or ("",):
        handler = view.handler_of(method)
        by = ""
        for klass, parents in mro_of(view_class):
            found = find_on_handler(klass, parents, handler)
            if found is None and handler in vars(klass):
                by = by or f"{name_of(klass)}.{handler}"
            elif found is not None and by:
                yield Bypass(method, by, found.declaration, found.on, is_call=False)
            if found is not None or find_on_class(klass, parents) is not None:
                break


def _find_calling(view: ViewInspection, view_class: type) -> Iterator[Bypass]:
    """Yield undecorated handlers whose code calls a decorated method of their class."""
    name = name_of(view_class)
    for method in view.own_methods or ("",):
        handler = view.handler_of(method)
        if marks_on(look_up(view_class, handler)):
            continue
        for called in find_called_methods(view_class, handler):
            found = find_outermost(marks_on(look_up(view_class, called)), f"{name}.{called}")
            if found is not None:
                by = f"{name}.{handler}"
                yield Bypass(method, by, found.declaration, found.on, is_call=True)
