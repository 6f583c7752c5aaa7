"""Which policy governs a request, and why.

Precedence: the HTTP method of the view, the view, the path, ``default``. A preflight is judged by
the view and the method that it announces, an actual request by the view that was chosen for it;
both end in the same ``Ruling``.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import Resolver404, get_resolver
from django.utils import translation

from . import decorators
from .conf import PolicyBook, Ruling
from .decorators import SAME_ORIGIN, Declaration, DecoratorPlace
from .exceptions import PolicyError, PolicyErrors
from .inspection import (
    HANDLED_METHODS,
    AnyView,
    find_hidden_mark,
    find_mark,
    find_marks,
    methods_of,
    walk_urls,
)
from .policy import Policy, compile_policy, did_you_mean

logger = logging.getLogger("django_cors_policy")

K = TypeVar("K")
T = TypeVar("T")


def rule_preflight(book: PolicyBook, request: HttpRequest) -> Ruling | None:
    """The ruling for the request that a preflight announces; the path is resolved once at most."""
    by_path = book.rule_path(request.path_info)
    if not _has_decorated_views(request):
        return by_path
    view = _resolve(_urlconf_of(request), request.path_info, language_of(request))
    if view is None:
        return by_path
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    ruling = rule_view(book, view, method) or by_path
    if ruling is not None and _is_split(view, book, by_path):
        return replace(ruling, is_split=True)
    return ruling


def rule_actual(
    book: PolicyBook, request: HttpRequest, path: str, status_code: int
) -> Ruling | None:
    """The ruling for a request that has been answered, with ``status_code``.

    ``path`` is ``path_info`` as it came, which a middleware may have rewritten since. The view is
    the one that Django chose; only where a middleware answered first is the path resolved here.
    """
    view: AnyView | None = None
    if request.resolver_match is not None:
        view = request.resolver_match.func if decorators.in_use else None
    # A 404 without a view is most likely Django's, which has looked for one already. Only where
    # another origin asks is it worth looking again.
    elif (status_code != 404 or "HTTP_ORIGIN" in request.META) and _has_decorated_views(request):
        view = _resolve_again(_urlconf_of(request), path, language_of(request))
    ruling = rule_view(book, view, request.method or "") if view is not None else None
    return ruling or book.rule_path(path)


def rule_view(book: PolicyBook, view: AnyView, method: str) -> Ruling | None:
    """The ruling of a view's decorators for an HTTP method; None where it has none.

    Raises ``ImproperlyConfigured`` if one stands below ``@api_view``, where nobody can see it.
    """
    # In upper case, as Django makes it, though browsers send "patch" as it was written. A stranger
    # chooses it, and the cache must not grow by it.
    method = method.upper()
    return _rule_view(view, book, method if method in HANDLED_METHODS else "")


def derive_policy(
    book: PolicyBook, declaration: Declaration, on: str, *, rehearses: bool = True
) -> Policy:
    """The policy that a decorator on the view named ``on`` means, by the settings of ``book``.

    ``rehearses``: whether the ``REPORT_ONLY`` of these settings is tried out on the view as well.

    Raises ``PolicyErrors`` if its alias is unknown (E019), or its fields and the rest of the policy
    are refused together. Compiled once for each book.
    """
    if declaration.alias == SAME_ORIGIN:
        return _NOBODY
    place = DecoratorPlace(declaration.alias, declaration.name, on, declaration.overrides)
    base = book.policies.get(declaration.alias)
    if base is None:
        error = PolicyError(
            declaration.alias,
            "is no alias of CORS_POLICIES",
            did_you_mean(declaration.alias, book.policies),
            id="E019",
        )
        raise PolicyErrors([error.at(str(place))])
    if not declaration.overrides:
        return base
    if (declaration, rehearses) not in book.derived:
        config = {**base.config, **declaration.overrides}
        # Paths are the settings' way to a policy; a decorator has found its view already.
        config.pop("PATHS", None)
        if not rehearses:
            config["REPORT_ONLY"] = None
        elif "REPORT_ONLY" not in declaration.overrides and base.rehearsal is not None:
            # What the view would have if settings' rehearsal were in force.
            config["REPORT_ONLY"] = {**base.rehearsal.config, **declaration.overrides}
        # Replaced origins replace the database's too.
        takes_rows = "ALLOW_ORIGINS" not in declaration.overrides
        book.derived[declaration, rehearses] = compile_policy(
            declaration.alias, config, place, takes_rows=takes_rows
        )
    return book.derived[declaration, rehearses]


_NOBODY = compile_policy(
    SAME_ORIGIN, {}, DecoratorPlace(SAME_ORIGIN, "@same_origin_only"), takes_rows=False
)


def declarations() -> Iterator[tuple[Declaration, str]]:
    """What decorators say on the views of the project's URLconf, and where; each once."""
    found = {
        mark
        for route in walk_urls(get_resolver().url_patterns)
        for mark in find_marks(route.pattern.callback)
        if mark is not None
    }
    yield from sorted(found, key=lambda mark: (mark[1], mark[0].name))


# URLconfs whose views have been imported, None for the project's. From then on it is known whether
# any is decorated.
_imported: set[object] = set()


def _has_decorated_views(request: HttpRequest) -> bool:
    # Without looking at settings, which costs a thirtieth of a preflight.
    chosen = getattr(request, "urlconf", None)
    if chosen not in _imported:
        _ = get_resolver(_urlconf_of(request)).url_patterns
        _imported.add(chosen)
    return decorators.in_use


@receiver(setting_changed)
def _forget_urlconf(*, setting: str, **kwargs: Any) -> None:
    if setting == "ROOT_URLCONF":
        _imported.discard(None)


def _cached_by_view(
    function: Callable[[AnyView, PolicyBook, K], T],
) -> Callable[[AnyView, PolicyBook, K], T]:
    """Remember what was found out about a view; a few cannot be hashed, and are asked again."""
    cached = functools.lru_cache(maxsize=1 << 16)(function)

    @functools.wraps(function)
    def ask(view: AnyView, book: PolicyBook, key: K) -> T:
        try:
            return cached(view, book, key)
        except TypeError:
            return function(view, book, key)

    return ask


@_cached_by_view
def _rule_view(view: AnyView, book: PolicyBook, method: str) -> Ruling | None:
    found = find_mark(view, method)
    if found is None:
        hidden = find_hidden_mark(view)
        if hidden is not None and hidden.is_certain:
            raise PolicyErrors([hidden.error()])
        return None
    declaration, on = found
    reason = f"{declaration.name} on {on}"
    # The system check says it before. Whoever did not run it gets the safe end of it.
    try:
        return Ruling(derive_policy(book, declaration, on), reason)
    except PolicyErrors as error:
        refused = error
    # A rehearsal changes no answer, not even by being wrong.
    with contextlib.suppress(PolicyErrors):
        policy = derive_policy(book, declaration, on, rehearses=False)
        logger.error("%s is not rehearsed: %s", reason, refused)
        return Ruling(policy, reason)
    logger.error("%s allows no other origin: %s", reason, refused)
    return Ruling(_NOBODY, reason)


@_cached_by_view
def _is_split(view: AnyView, book: PolicyBook, by_path: Ruling | None) -> bool:
    """Whether the methods of a view have policies that differ."""
    rulings = [rule_view(book, view, method) or by_path for method in methods_of(view)]
    policies = [ruling.policy if ruling is not None else None for ruling in rulings]
    return any(not _is_same(policies[0], policy) for policy in policies[1:])


def _is_same(one: Policy | None, other: Policy | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or (
        (one.alias, one.rows_alias) == (other.alias, other.rows_alias)
        # A rehearsal answers nobody.
        and {**one.config, "REPORT_ONLY": None} == {**other.config, "REPORT_ONLY": None}
    )


def _urlconf_of(request: HttpRequest) -> str:
    """The URLconf that an earlier middleware chose, or the project's."""
    return getattr(request, "urlconf", None) or settings.ROOT_URLCONF


def _resolve(urlconf: str, path: str, language: str | None) -> AnyView | None:
    """The view that Django would choose for ``path``, None if there is none."""
    resolver = get_resolver(urlconf)
    candidates = [path]
    if settings.APPEND_SLASH and not path.endswith("/"):
        # CommonMiddleware redirects to it; the redirect is part of the same conversation.
        candidates.append(f"{path}/")
    with translation.override(language) if language else contextlib.nullcontext():
        for candidate in candidates:
            with contextlib.suppress(Resolver404):
                return resolver.resolve(candidate).func
    return None


# For answers of inner middleware: those to static files come by the thousand, and a path that leads
# to no view has been compared with every pattern.
_resolve_again = functools.lru_cache(maxsize=4096)(_resolve)


def language_of(request: HttpRequest) -> str | None:
    """The language that ``i18n_patterns`` are matched in, as LocaleMiddleware would choose it.

    This middleware stands before that one, so the active language is nobody's choice yet. None if
    it makes no difference.
    """
    if not settings.USE_I18N:
        return None
    used, prefixed_default = is_language_prefix_patterns_used(_urlconf_of(request))
    if not used:
        return None
    language = translation.get_language_from_path(request.path_info)
    if language is None and prefixed_default:
        language = translation.get_language_from_request(request)
    return language or settings.LANGUAGE_CODE
