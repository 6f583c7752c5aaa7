"""Decorators that give a view a policy of its own, on preflight as well.

A preflight never reaches the view, so a decorator only writes down what it was told; ``resolution``
reads it from the view that the URL leads to, and the project's settings are asked when a request
comes. Nothing is written on a function that was handed in: whoever else uses it is not affected.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from .exceptions import PolicyError, PolicyErrors, short_repr
from .policy import DEFAULT_ALIAS, LISTS, Place, compile_policy

if TYPE_CHECKING:
    import datetime
    from typing import TypedDict

    from typing_extensions import Unpack

    from .policy import OriginFunc

    class PolicyFields(TypedDict, total=False):
        """The keys of ``CORS_POLICIES``, as keywords."""

        allow_origins: Iterable[str | re.Pattern[str]]
        allow_origin_func: OriginFunc | str | None
        allow_methods: Iterable[str]
        allow_headers: Iterable[str]
        allow_credentials: bool
        expose_headers: Iterable[str]
        max_age: int | datetime.timedelta | None
        allow_private_network: bool
        vary: Iterable[str]
        accept_risks: Iterable[str]
        report_only: Mapping[str, Any] | None


# A function, a method, a class or what as_view() made.
ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# No settings can name this alias: it is no string that anyone would write by accident.
SAME_ORIGIN = "<same origin only>"


@dataclass(frozen=True, eq=False, repr=False)
class Declaration:
    """What one call of a decorator says: a policy's alias, and fields that replace its own.

    ``name`` is the decorator as people read it: ``@cors_policy('public', max_age=60)``.
    """

    alias: str
    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name


SAME_ORIGIN_ONLY = Declaration(SAME_ORIGIN, "@same_origin_only")


class DecoratorPlace(Place):
    """A policy's place in a decorator, ``on`` a view; its keys are keywords."""

    def __init__(self, declaration: Declaration, on: str = "") -> None:
        super().__init__(declaration.alias)
        self.declaration = declaration
        self.on = on

    def __str__(self) -> str:
        return f"{self.declaration.name} on {self.on}" if self.on else self.declaration.name

    def locate(self, key: str, index: int | None = None) -> str:
        item = "" if index is None else f"[{index}]"
        return f"{self}: {self.spell(key)}{item}"

    def spell(self, key: str) -> str:
        return key.lower()

    def written_at(self, key: str) -> Place:
        is_here = key in self.declaration.overrides or self.alias == SAME_ORIGIN
        return self if is_here else Place(self.alias)


@dataclass(frozen=True, eq=False)
class Mark:
    """A declaration as it is written on one view. The later mark is the outer decorator.

    Each mark is an attribute of its own, because decorators copy the attributes of what they wrap:
    ``method_decorator`` even over those of the decorators that it applies. So none is lost, and the
    order tells which one is outermost. ``file`` and ``line`` are where the decorator is written,
    ``""`` and 0 where ``method_decorator`` applies it anew to serve one request.
    """

    declaration: Declaration
    file: str
    line: int
    order: int = field(default_factory=itertools.count(1).__next__)

    def put_on(self, view: Any) -> None:
        """Write the mark on ``view``, beside those that are there."""
        if self.file:
            _marks[self.order] = self
        name = f"_cors_policy_{self.order}"
        if isinstance(view, type):
            setattr(view, name, self)
        else:
            # Not setattr, which keeps the name for ever (Python 3.12): method_decorator decorates
            # anew on each request.
            vars(view)[name] = self


# Every mark of this process that is still on a view.
_marks: weakref.WeakValueDictionary[int, Mark] = weakref.WeakValueDictionary()
# Django Ninja calls the function that @api.get was given, and not what a decorator above it makes.
# The marks of that decorator, by the function.
_above: weakref.WeakKeyDictionary[Any, set[Mark]] = weakref.WeakKeyDictionary()


def all_marks() -> list[Mark]:
    """Every mark in this process, in the order in which they were written."""
    marks = (mark for reference in _marks.valuerefs() if (mark := reference()) is not None)
    return sorted(marks, key=lambda mark: mark.order)


def marks_on(view: object) -> frozenset[Mark]:
    """The marks that are on ``view`` itself, not on its class or its parents."""
    return frozenset(v for v in list(attributes(view).values()) if type(v) is Mark)


def marks_above(function: object) -> frozenset[Mark]:
    """The marks that are written above the operation of Django Ninja that calls ``function``."""
    return frozenset(_above.get(function, ()))


def attributes(thing: object) -> Mapping[str, Any]:
    """The attributes that ``thing`` itself has, as ``vars()`` shows them; empty if it has none."""
    if issubclass(type(thing), type):
        return type.__dict__["__dict__"].__get__(thing)  # type: ignore[no-any-return]
    if type(thing) in _METHODS:
        thing = thing.__func__  # type: ignore[attr-defined]
    elif type(thing) is functools.partialmethod:
        thing = thing.func
    try:
        found = object.__getattribute__(thing, "__dict__")
    except Exception:  # noqa: BLE001 -- a foreign class may have a __dict__ that raises anything
        return {}
    return found if type(found) is dict else {}


# What leads to one function, and has its attributes.
_METHODS = (types.MethodType, classmethod, staticmethod)

# Whether any view of this process is decorated: where none is, no preflight has to be resolved.
any_view_decorated = False


@overload
def cors_policy(view: ViewT, /, **overrides: Unpack[PolicyFields]) -> ViewT: ...


@overload
def cors_policy(
    alias: str = ..., /, **overrides: Unpack[PolicyFields]
) -> Callable[[ViewT], ViewT]: ...


def cors_policy(alias: Any = DEFAULT_ALIAS, /, **overrides: Any) -> Any:
    """Give a view the policy ``alias`` of ``CORS_POLICIES``, with some fields replaced.

    ::

        @cors_policy("public")
        @cors_policy(allow_origins=["https://partner.example"])  # "default", other origins
        @cors_policy("public", max_age=60)

    It goes on functions (also ``async``), on classes, on single methods of a class (``def post``),
    around ``as_view()`` and through ``method_decorator``. Keywords are the keys of a policy in
    lower case, except ``paths``: the view is the path.

    Raises ``PolicyErrors`` (an ``ImproperlyConfigured``) where it is written, if an argument is
    wrong. What only goes wrong together with the settings is a system check's to say.
    """
    if callable(alias) and overrides:
        return cors_policy(**overrides)(alias)
    if callable(alias):
        return _decorate(alias, Declaration(DEFAULT_ALIAS, "@cors_policy"))
    arguments = [short_repr(alias)] if alias != DEFAULT_ALIAS else []
    arguments += [f"{key}={short_repr(value)}" for key, value in overrides.items()]
    # A key in upper case stays what it is not: a keyword.
    fields = {
        key.upper() if key.islower() else key.lower(): value for key, value in overrides.items()
    }
    name = f"@cors_policy({', '.join(arguments)})"
    declaration = Declaration(alias, name, MappingProxyType(fields))
    _refuse_wrong_arguments(declaration)
    return functools.partial(_decorate, declaration=declaration)


@overload
def same_origin_only(view: ViewT, /) -> ViewT: ...


@overload
def same_origin_only() -> Callable[[ViewT], ViewT]: ...


def same_origin_only(view: Any = None, /) -> Any:
    """Let no other origin read a view's answers or pass its preflights, whatever settings say."""
    decorate = functools.partial(_decorate, declaration=SAME_ORIGIN_ONLY)
    return decorate if view is None else decorate(view)


def _decorate(view: Any, declaration: Declaration) -> Any:
    global any_view_decorated
    if not callable(view) or view is object:
        hint = "Decorate a view, or what its as_view() returns."
        if isinstance(view, (tuple, list)):
            hint = "Decorate the included views, or name the prefix in a policy's PATHS."
        raise PolicyErrors([PolicyError(view, "is no view", hint, id="E018", key=declaration.name)])
    any_view_decorated = True
    mark = Mark(declaration, *_where_written())
    if isinstance(view, type):
        mark.put_on(view)
        return view

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    functools.update_wrapper(wrapper, view)
    # After the update, which copies the inner decorators' marks.
    mark.put_on(wrapper)
    operation = attributes(view).get("_ninja_operation")
    if operation is not None:
        _above.setdefault(attributes(operation)["view_func"], set()).add(mark)
    if iscoroutinefunction(view) or iscoroutinefunction(type(view).__call__):
        markcoroutinefunction(wrapper)
    return wrapper


def _where_written() -> tuple[str, int]:
    """File and line of the decorator, as far as Python code has called it."""
    frame = inspect.currentframe()
    while frame is not None and (name := frame.f_globals.get("__name__")) in _DECORATING_MODULES:
        if name == "django.utils.decorators" and frame.f_code.co_name == "_wrapper":
            return "", 0
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)


# What a decorator is applied by.
_DECORATING_MODULES = (__name__, "django.utils.decorators", "ninja.decorators", "ninja.router")


def _refuse_wrong_arguments(declaration: Declaration) -> None:
    alias: Any = declaration.alias
    place = DecoratorPlace(declaration)
    # A dotted path may lead to a module that is still being imported, and is for the check.
    fields = _without_dotted_path(declaration.overrides)
    if isinstance(fields.get("REPORT_ONLY"), Mapping):
        fields["REPORT_ONLY"] = _without_dotted_path(fields["REPORT_ONLY"])
    errors = []
    if not isinstance(alias, str) or re.search(r"://|[.*]", alias):
        origins = list(alias) if isinstance(alias, LISTS) else [str(alias)]
        hint = f"Write the alias of a policy, or @cors_policy(allow_origins={short_repr(origins)})."
        if alias is None:
            hint = "Write @cors_policy('default'), or the alias of another policy."
        reason = "is no alias of a policy"
        errors.append(PolicyError(alias, reason, hint, id="E001", key=str(place)))
    if "ALIAS" in fields:
        value = fields.pop("ALIAS")
        hint = f"Write it first, without a keyword: @cors_policy({short_repr(value)})."
        reason = "is an alias given by keyword"
        errors.append(PolicyError(value, reason, hint, id="E002", key=str(place)))
    if "PATHS" in fields:
        reason = "is no use on a view, which has its path from the URLconf"
        value, key = fields.pop("PATHS"), place.locate("PATHS")
        errors.append(PolicyError(value, reason, "Leave paths out.", id="E014", key=key))
    try:
        compile_policy(fields, place)
    except PolicyErrors as refused:
        errors += refused.errors
    if errors:
        raise PolicyErrors(errors)


def _without_dotted_path(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in fields.items()
        if not (key == "ALLOW_ORIGIN_FUNC" and isinstance(value, str))
    }
