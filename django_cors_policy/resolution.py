"""Which policy governs a request, and why.

Precedence: the HTTP method of the view, the view, the path, ``default``. For a preflight, this
module resolves the path and uses the method of ``Access-Control-Request-Method``. For an actual
request, it uses the view that Django has called.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.http import HttpRequest
from django.urls import Resolver404, URLResolver, get_resolver
from django.utils import translation

from . import decorators, fetch
from .inspection import AnyView, walk_urls
from .policy import Policy, PolicyBook, Ruling
from .view_policies import close, rule_methods

# The most views that a book caches. Only projects that create views at run time have more.
MOST_VIEWS = 1 << 14
# The most paths that are cached, and the longest one in characters. Clients choose the paths.
MOST_PATHS = 4096
LONGEST_PATH = 256


def rule_preflight(book: PolicyBook, request: HttpRequest) -> Ruling | None:
    """Return the ruling for the request that a preflight asks for."""
    path = request.path_info
    by_path = book.rule_path(path)
    if not _has_decorated_views(book, request):
        return by_path
    method = request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"].upper()
    ruling = _rule_by_view(book, request, path, method, by_path, _resolve)
    if ruling is not None and ruling.others and _may_override_method(request):
        return close(
            ruling.reason,
            "The request has a header that may override its method, and other methods of the view "
            "have different policies.",
        )
    return ruling


def rule_actual(
    book: PolicyBook, request: HttpRequest, path: str, status_code: int
) -> Ruling | None:
    """Return the ruling for a request whose response has ``status_code``.

    ``path`` is the original ``path_info``: middleware may have rewritten it. If another middleware
    responded and Django has not chosen a view, the path is resolved here.
    """
    method = (request.method or "").upper()
    if request.resolver_match is not None:
        view = request.resolver_match.func
        ruling = rule_view(book, view, method) if decorators.any_view_decorated else None
        return ruling or book.rule_path(path)
    by_path = book.rule_path(path)
    # A 404 without a view usually means that Django found none. Only requests with an Origin are
    # worth a second search.
    if (status_code == 404 and "HTTP_ORIGIN" not in request.META) or (
        not _has_decorated_views(book, request)
    ):
        return by_path
    # Cached, because resolving a path without a view tries every pattern, and static files are such
    # paths.
    resolve = _resolve_again if len(path) <= LONGEST_PATH else _resolve
    return _rule_by_view(book, request, path, method, by_path, resolve)


def rule_view(book: PolicyBook, view: AnyView, method: str) -> Ruling | None:
    """Return the ruling of a view's decorators for ``method`` (in upper case), None without one.

    A decorator that is hidden from the middleware closes the view: it allows no other origin.
    """
    return _rulings_of(book, view).of(method)


@dataclass(frozen=True)
class _ViewRulings:
    """The rulings of one view's decorators: for each method that it handles, and for other methods.

    ``view`` is kept here so that no other object can get the same ``id()``. ``complete`` caches the
    rulings with their ``others``, by the method and the ``id()`` of the path's ruling.
    """

    view: AnyView
    by_method: Mapping[str, Ruling | None]
    otherwise: Ruling | None
    complete: dict[tuple[str, int], Ruling | None] = field(default_factory=dict)

    def of(self, method: str) -> Ruling | None:
        return self.by_method.get(method, self.otherwise)


def _rulings_of(book: PolicyBook, view: AnyView) -> _ViewRulings:
    # By id(), because some views are not hashable, or run code of their own in __hash__.
    rulings: _ViewRulings | None = book.views.get(id(view))
    if rulings is None:
        if len(book.views) >= MOST_VIEWS:
            book.views.clear()
        rulings = book.views[id(view)] = _ViewRulings(view, *rule_methods(book, view))
    return rulings


def _rule_by_view(
    book: PolicyBook,
    request: HttpRequest,
    path: str,
    method: str,
    by_path: Ruling | None,
    resolve: Callable[[URLResolver, str, tuple[str, ...]], Sequence[AnyView]],
) -> Ruling | None:
    """Return the ruling for the view of ``path``, or ``by_path`` if there is no view.

    The ruling is closed if the URLconf raises an unexpected exception. It is also closed if the
    path leads to views with different policies, depending on the language: this middleware runs
    before the language is known.
    """
    resolver, languages = _resolver_of(request), _languages_of(request)
    try:
        views = resolve(resolver, path, languages)
    except Exception as error:  # noqa: BLE001 -- path converters may raise anything
        name = type(error).__name__
        return close(f"a {name}", f"The URLconf raised {name} for this path.")
    if not views:
        return by_path
    first, *others = (_rule_completely(book, view, method, by_path) for view in views)
    if any(not _is_same(_policy_of(first), _policy_of(other)) for other in others):
        return close(
            "its translated path",
            "Depending on the language, the path leads to views with different policies.",
        )
    return first


def _rule_completely(
    book: PolicyBook, view: AnyView, method: str, by_path: Ruling | None
) -> Ruling | None:
    """Return the ruling of ``view`` or else ``by_path``, with the policies of its other methods."""
    rulings = _rulings_of(book, view)
    key = (method if method in rulings.by_method else "", id(by_path))
    if key not in rulings.complete:
        ruling = rulings.of(method) or by_path
        if ruling is not None:
            ruling = replace(ruling, others=_other_policies(rulings, ruling.policy, by_path))
        rulings.complete[key] = ruling
    return rulings.complete[key]


def _other_policies(
    rulings: _ViewRulings, policy: Policy, by_path: Ruling | None
) -> tuple[Policy | None, ...]:
    """Return the different policies of the view's methods, without ``policy``."""
    found: list[Policy | None] = [policy]
    for ruling in rulings.by_method.values():
        other = _policy_of(ruling or by_path)
        if not any(_is_same(other, known) for known in found):
            found.append(other)
    return tuple(found[1:])


def _policy_of(ruling: Ruling | None) -> Policy | None:
    return ruling.policy if ruling is not None else None


def _may_override_method(request: HttpRequest) -> bool:
    """Return whether a preflight asks for a header that can override the method."""
    names = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower().split(",")
    return not fetch.METHOD_OVERRIDE_HEADERS.isdisjoint(name.strip() for name in names)


def _has_decorated_views(book: PolicyBook, request: HttpRequest) -> bool:
    # Decorators run when the URLconf imports its views. None is the key for ROOT_URLCONF, because
    # reading it from settings would take a thirtieth of the time of a preflight.
    chosen = getattr(request, "urlconf", None)
    if chosen not in book.imported_urlconfs:
        _ = _resolver_of(request).url_patterns
        book.imported_urlconfs.add(chosen)
    return decorators.any_view_decorated


def _is_same(one: Policy | None, other: Policy | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or (
        (one.alias, one.rows_alias) == (other.alias, other.rows_alias)
        # REPORT_ONLY never changes a response.
        and {**one.config, "REPORT_ONLY": None} == {**other.config, "REPORT_ONLY": None}
    )


def _urlconf_of(request: HttpRequest) -> str:
    """Return the URLconf that middleware set on the request, or else ``ROOT_URLCONF``."""
    return getattr(request, "urlconf", None) or settings.ROOT_URLCONF


def _resolver_of(request: HttpRequest) -> URLResolver:
    # After clear_url_caches() this is a new object, so caches keyed by the old one are not used.
    return get_resolver(_urlconf_of(request))


def _resolve(resolver: URLResolver, path: str, languages: tuple[str, ...]) -> tuple[AnyView, ...]:
    """Return the views that Django can choose for ``path``, more than one only if translated.

    ``languages``: the languages to try, empty if the language makes no difference.
    """
    views = {}
    for language in languages or (None,):
        with translation.override(language) if language else contextlib.nullcontext():
            view = _resolve_in_language(resolver, path)
        if view is not None:
            views[id(view)] = view
    return tuple(views.values())


def _resolve_in_language(resolver: URLResolver, path: str) -> AnyView | None:
    candidates = [path]
    if settings.APPEND_SLASH and not path.endswith("/"):
        # CommonMiddleware redirects to this path, and the redirect needs the same CORS headers.
        candidates.append(f"{path}/")
    for candidate in candidates:
        try:
            return resolver.resolve(candidate).func
        except Resolver404:
            continue
    return None


_resolve_again = functools.lru_cache(maxsize=MOST_PATHS)(_resolve)


def _languages_of(request: HttpRequest) -> tuple[str, ...]:
    """Return the languages in which to resolve the path of ``request``, often none.

    A translated path leads to a view only in some languages. A cookie or the user's profile can set
    the language, and preflights have no cookies. So each language is tried.
    """
    language = language_of(request)
    others = _languages_that_differ(_resolver_of(request)) if settings.USE_I18N else ()
    if not others:
        return (language,) if language else ()
    return tuple(dict.fromkeys((language or settings.LANGUAGE_CODE, *others)))


@functools.lru_cache(maxsize=64)
def _languages_that_differ(resolver: URLResolver) -> Sequence[str]:
    """Return one language for each different translation of the URLconf's paths.

    Empty if no path is translated.
    """
    if not any(route.is_translated for route in walk_urls(resolver.url_patterns)):
        return ()
    found: dict[tuple[str, ...], str] = {}
    for code in (settings.LANGUAGE_CODE, *(code for code, _ in settings.LANGUAGES)):
        with translation.override(code):
            routes = walk_urls(resolver.url_patterns)
            found.setdefault(tuple(route.path for route in routes if route.is_translated), code)
    return tuple(found.values())


def language_of(request: HttpRequest) -> str | None:
    """Return the language for ``i18n_patterns`` as LocaleMiddleware chooses it, None without them.

    Needed because LocaleMiddleware runs later, so the language of the request is not active yet.
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
