"""Which policy governs a request, and why.

Precedence: the HTTP method of the view, the view, the path, ``default``. A preflight is judged by
the view and the method that it announces, an actual request by the view that was chosen for it;
both end in the same ``Ruling``.
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

# So many views are remembered for each book; only a project that makes views as it runs has more.
MOST_VIEWS = 1 << 14
# Paths that are remembered, and the longest one in characters: a stranger chooses them.
MOST_PATHS = 4096
LONGEST_PATH = 256


def rule_preflight(book: PolicyBook, request: HttpRequest) -> Ruling | None:
    """The ruling for the request that a preflight announces; the path is resolved once at most."""
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
            "have other policies.",
        )
    return ruling


def rule_actual(
    book: PolicyBook, request: HttpRequest, path: str, status_code: int
) -> Ruling | None:
    """The ruling for a request that has been answered, with ``status_code``.

    ``path`` is ``path_info`` as it came, which a middleware may have rewritten since. The view is
    the one that Django chose; only where a middleware answered first is the path resolved here.
    """
    method = (request.method or "").upper()
    if request.resolver_match is not None:
        view = request.resolver_match.func
        ruling = rule_view(book, view, method) if decorators.any_view_decorated else None
        return ruling or book.rule_path(path)
    by_path = book.rule_path(path)
    # A 404 without a view is most likely Django's, which has looked for one already. Only where
    # another origin asks is it worth looking again.
    if (status_code == 404 and "HTTP_ORIGIN" not in request.META) or (
        not _has_decorated_views(book, request)
    ):
        return by_path
    # Answers to static files come by the thousand, and a path that leads to no view has been
    # compared with every pattern: what was found is remembered.
    resolve = _resolve_again if len(path) <= LONGEST_PATH else _resolve
    return _rule_by_view(book, request, path, method, by_path, resolve)


def rule_view(book: PolicyBook, view: AnyView, method: str) -> Ruling | None:
    """The ruling of a view's decorators for an HTTP method, in upper case; None where it has none.

    One that is hidden from the middleware closes the view: it allows no other origin.
    """
    return _rulings_of(book, view).of(method)


@dataclass(frozen=True)
class _ViewRulings:
    """What decorators say about one view, for each method that it handles and for all others.

    ``view`` is held so that no other object has its ``id()``. ``complete`` keeps the rulings that
    know the policies of the other methods, by the method and the ``id()`` of the path's ruling.
    """

    view: AnyView
    by_method: Mapping[str, Ruling | None]
    otherwise: Ruling | None
    complete: dict[tuple[str, int], Ruling | None] = field(default_factory=dict)

    def of(self, method: str) -> Ruling | None:
        return self.by_method.get(method, self.otherwise)


def _rulings_of(book: PolicyBook, view: AnyView) -> _ViewRulings:
    # By id(): some views cannot be hashed, and what they do to be hashed is their own code.
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
    """The ruling for the view that ``path`` leads to; ``by_path`` if it leads to none.

    Closed if the URLconf raises something else than "no such path". Closed too if the path leads to
    views with different policies: only the language, which is not known yet, says which one it is.
    """
    resolver, languages = _resolver_of(request), _languages_of(request)
    try:
        views = resolve(resolver, path, languages)
    except Exception as error:  # noqa: BLE001 -- the project's converters may raise anything
        name = type(error).__name__
        return close(f"a {name}", f"The URLconf raised {name} for this path.")
    if not views:
        return by_path
    first, *others = (_rule_completely(book, view, method, by_path) for view in views)
    if any(not _is_same(_policy_of(first), _policy_of(other)) for other in others):
        return close(
            "its translated path",
            "The path leads to different views by language, and these have different policies.",
        )
    return first


def _rule_completely(
    book: PolicyBook, view: AnyView, method: str, by_path: Ruling | None
) -> Ruling | None:
    """The ruling of ``view``, or else ``by_path``, with the policies of its other methods."""
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
    """The policies of the methods that the view handles, other than ``policy``; each once."""
    found: list[Policy | None] = [policy]
    for ruling in rulings.by_method.values():
        other = _policy_of(ruling or by_path)
        if not any(_is_same(other, known) for known in found):
            found.append(other)
    return tuple(found[1:])


def _policy_of(ruling: Ruling | None) -> Policy | None:
    return ruling.policy if ruling is not None else None


def _may_override_method(request: HttpRequest) -> bool:
    """Whether the announced request has a header that may stand for another method."""
    names = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower().split(",")
    return not fetch.METHOD_OVERRIDE_HEADERS.isdisjoint(name.strip() for name in names)


def _has_decorated_views(book: PolicyBook, request: HttpRequest) -> bool:
    # Once the URLconf has imported its views, it is known whether any is decorated. By its name:
    # to look at settings costs a thirtieth of a preflight.
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
        # A rehearsal answers nobody.
        and {**one.config, "REPORT_ONLY": None} == {**other.config, "REPORT_ONLY": None}
    )


def _urlconf_of(request: HttpRequest) -> str:
    """The URLconf that an earlier middleware chose, or the project's."""
    return getattr(request, "urlconf", None) or settings.ROOT_URLCONF


def _resolver_of(request: HttpRequest) -> URLResolver:
    # Another one after clear_url_caches(), so what is remembered of the old one is not asked for.
    return get_resolver(_urlconf_of(request))


def _resolve(resolver: URLResolver, path: str, languages: tuple[str, ...]) -> tuple[AnyView, ...]:
    """The views that Django may choose for ``path``: one at most, but for translated paths.

    ``languages``: those that the path is tried in; none if the language makes no difference.
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
        # CommonMiddleware redirects to it; the redirect is part of the same conversation.
        candidates.append(f"{path}/")
    for candidate in candidates:
        try:
            return resolver.resolve(candidate).func
        except Resolver404:
            continue
    return None


_resolve_again = functools.lru_cache(maxsize=MOST_PATHS)(_resolve)


def _languages_of(request: HttpRequest) -> tuple[str, ...]:
    """The languages in which the path of ``request`` has to be looked up; often none.

    A translated path leads to a view in some languages only. Which one will be active, a cookie or
    the user's profile may say, and a preflight has neither: so each is tried.
    """
    language = language_of(request)
    others = _languages_that_differ(_resolver_of(request)) if settings.USE_I18N else ()
    if not others:
        return (language,) if language else ()
    return tuple(dict.fromkeys((language or settings.LANGUAGE_CODE, *others)))


@functools.lru_cache(maxsize=64)
def _languages_that_differ(resolver: URLResolver) -> Sequence[str]:
    """A language for each translation that the paths of the URLconf have: often a few of many.

    None if no path is translated.
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
