"""Decorators that give a view its own policy, for preflights too.

A preflight never reaches the view. So a decorator only stores its arguments on a wrapper of the
view. ``resolution`` reads them when it resolves the URL of a request, and combines them with the
settings. The decorated function itself does not change, because other code may use it too.
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
        """The keys of a policy, as keyword arguments."""

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


# A function, a method, a class or the result of as_view().
ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# Not a real alias. The spaces and brackets keep it apart from the aliases in settings.
SAME_ORIGIN = "<same origin only>"


@dataclass(frozen=True, eq=False, repr=False)
class Declaration:
    """The arguments of one decorator call: a policy's alias, and the fields to replace.

    ``name`` is the decorator as messages show it: ``@cors_policy('public', max_age=60)``.
    """

    alias: str
    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name


SAME_ORIGIN_ONLY = Declaration(SAME_ORIGIN, "@same_origin_only")


class DecoratorPlace(Place):
    """A decorator as the place of a policy. ``on`` is the view; keys are keyword arguments."""

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
        # Keyword arguments in upper case arrive here in lower case; see cors_policy().
        return key.lower() if key.isupper() else key.upper()

    def written_at(self, key: str) -> Place:
        is_here = key in self.declaration.overrides or self.alias == SAME_ORIGIN
        return self if is_here else Place(self.alias)


@dataclass(frozen=True, eq=False)
class Mark:
    """A declaration on one view. The mark with the highest ``order`` is the outermost decorator.

    Each mark is a separate attribute, because decorators copy the attributes of the function that
    they wrap, and ``method_decorator`` overwrites attributes of the same name. With only one
    attribute, marks would get lost. ``file`` and ``line`` say where the decorator is written; they
    are ``""`` and 0 when ``method_decorator`` applies it again during a request.
    """

    declaration: Declaration
    file: str
    line: int
    order: int = field(default_factory=itertools.count(1).__next__)

    def put_on(self, view: Any) -> None:
        """Add the mark to ``view``."""
        if self.file:
            _marks[self.order] = self
        name = f"_cors_policy_{self.order}"
        if isinstance(view, type):
            setattr(view, name, self)
        else:
            # Not setattr: it interns the name permanently (Python 3.12), and method_decorator
            # decorates again on each request.
            vars(view)[name] = self


# The marks of this process that are still on a view.
_marks: weakref.WeakValueDictionary[int, Mark] = weakref.WeakValueDictionary()
# Marks of decorators above @api.get of Django Ninja, by the function below it. Ninja calls that
# function, so it never calls the wrapper that has the marks.
_above: weakref.WeakKeyDictionary[Any, set[Mark]] = weakref.WeakKeyDictionary()


def all_marks() -> list[Mark]:
    """Return the marks of this process in the order of their creation."""
    marks = (mark for reference in _marks.valuerefs() if (mark := reference()) is not None)
    return sorted(marks, key=lambda mark: mark.order)


def marks_on(view: object) -> frozenset[Mark]:
    """Return the marks on ``view`` itself, not those on its class or its parents."""
    return frozenset(v for v in list(attributes(view).values()) if type(v) is Mark)


def marks_above(function: object) -> frozenset[Mark]:
    """Return the marks above the Django Ninja operation that calls ``function``."""
    return frozenset(_above.get(function, ()))


def attributes(thing: object) -> Mapping[str, Any]:
    """Return the attributes of ``thing`` itself, as ``vars()`` does; empty if it has none."""
    if issubclass(type(thing), type):
        return type.__dict__["__dict__"].__get__(thing)  # type: ignore[no-any-return]
    if type(thing) in _METHODS:
        thing = thing.__func__  # type: ignore[attr-defined]
    elif type(thing) is functools.partialmethod:
        thing = thing.func
    try:
        found = object.__getattribute__(thing, "__dict__")
    except Exception:  # noqa: BLE001 -- a third-party class may raise anything here
        return {}
    return found if type(found) is dict else {}


# These wrap one function and show its attributes.
_METHODS = (types.MethodType, classmethod, staticmethod)

# Whether this process has a decorated view. If it has none, preflights need no URL resolving.
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

    Use it on functions (``async`` too), on classes, on single methods of a class (``def post``),
    around ``as_view()`` and with ``method_decorator``. Keyword arguments are the keys of a policy
    in lower case, except ``paths``: the URLconf sets the path of a view.

    Raises ``PolicyErrors`` (an ``ImproperlyConfigured``) at import if an argument is wrong. System
    checks report arguments that only conflict with the settings.
    """
    if callable(alias) and overrides:
        return cors_policy(**overrides)(alias)
    if callable(alias):
        return _decorate(alias, Declaration(DEFAULT_ALIAS, "@cors_policy"))
    arguments = [short_repr(alias)] if alias != DEFAULT_ALIAS else []
    arguments += [f"{key}={short_repr(value)}" for key, value in overrides.items()]
    # MAX_AGE=60 is a mistake. In lower case, it is an unknown key, so the reader refuses it.
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
    """Refuse all other origins on a view, regardless of the settings."""
    decorate = functools.partial(_decorate, declaration=SAME_ORIGIN_ONLY)
    return decorate if view is None else decorate(view)


def _decorate(view: Any, declaration: Declaration) -> Any:
    global any_view_decorated
    if not callable(view) or view is object:
        hint = "Decorate a view function, a view class or the result of as_view()."
        if isinstance(view, (tuple, list)):
            hint = "Decorate the included views, or name the prefix in a policy's PATHS."
        error = PolicyError(view, "is not a view", hint, id="E018", key=declaration.name)
        raise PolicyErrors([error])
    any_view_decorated = True
    mark = Mark(declaration, *_where_written())
    if isinstance(view, type):
        mark.put_on(view)
        return view

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    functools.update_wrapper(wrapper, view)
    # After update_wrapper(), which copies the marks of the inner decorators.
    mark.put_on(wrapper)
    operation = attributes(view).get("_ninja_operation")
    if operation is not None:
        _above.setdefault(attributes(operation)["view_func"], set()).add(mark)
    if iscoroutinefunction(view) or iscoroutinefunction(type(view).__call__):
        markcoroutinefunction(wrapper)
    return wrapper


def _where_written() -> tuple[str, int]:
    """Return the file and line of the decorator, or ``""`` and 0 if they are unknown."""
    frame = inspect.currentframe()
    while frame is not None and (name := frame.f_globals.get("__name__")) in _DECORATING_MODULES:
        if name == "django.utils.decorators" and frame.f_code.co_name == "_wrapper":
            return "", 0
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)


# Modules whose frames lie between a decorator and the code that uses it.
_DECORATING_MODULES = (__name__, "django.utils.decorators", "ninja.decorators", "ninja.router")


def _refuse_wrong_arguments(declaration: Declaration) -> None:
    alias: Any = declaration.alias
    place = DecoratorPlace(declaration)
    # Not imported here: the module may still be loading. A system check imports it later.
    fields = _without_dotted_path(declaration.overrides)
    if isinstance(fields.get("REPORT_ONLY"), Mapping):
        fields["REPORT_ONLY"] = _without_dotted_path(fields["REPORT_ONLY"])
    errors = []
    if not isinstance(alias, str) or re.search(r"://|[.*]", alias):
        origins = list(alias) if isinstance(alias, LISTS) else [str(alias)]
        hint = f"Write the alias of a policy, or @cors_policy(allow_origins={short_repr(origins)})."
        if alias is None:
            hint = "Write @cors_policy('default'), or the alias of another policy."
        reason = "is not a policy alias"
        errors.append(PolicyError(alias, reason, hint, id="E001", key=str(place)))
    if "ALIAS" in fields:
        value = fields.pop("ALIAS")
        hint = f"Pass it first, without a keyword: @cors_policy({short_repr(value)})."
        reason = "is an alias passed as a keyword argument"
        errors.append(PolicyError(value, reason, hint, id="E002", key=str(place)))
    if "PATHS" in fields:
        reason = "cannot be set on a view: the URLconf sets its path"
        value, key = fields.pop("PATHS"), place.locate("PATHS")
        errors.append(PolicyError(value, reason, "Remove paths.", id="E014", key=key))
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
