"""Which middleware the project uses, and which of them is wrongly listed before ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.conf import settings
from django.utils.module_loading import import_string

from .middleware import CorsPolicyMiddleware

OURS = f"{CorsPolicyMiddleware.__module__}.{CorsPolicyMiddleware.__qualname__}"
COMMON = "django.middleware.common.CommonMiddleware"
CORSHEADERS = "corsheaders.middleware.CorsMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"

# Middleware that can respond without calling the view, and when.
_ANSWERING = {
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "it redirects to the login page",
    "django.contrib.sessions.middleware.SessionMiddleware": "it can refuse a request (400)",
    COMMON: "it redirects (APPEND_SLASH)",
    CSRF: "it rejects requests (403)",
    "django.middleware.http.ConditionalGetMiddleware": "it returns 304 responses",
    LOCALE: "it redirects to a language",
    "whitenoise.middleware.WhiteNoiseMiddleware": "it serves files",
}
# Middleware that caches responses, and the problem with that. CacheMiddleware is a subclass of
# both, and the first problem is the worse one.
_CACHING = {
    "django.middleware.cache.UpdateCacheMiddleware": (
        "stores responses with their CORS headers. An origin that you remove can still read them "
        "until they expire."
    ),
    "django.middleware.cache.FetchFromCacheMiddleware": (
        "returns responses from the cache. Browsers then see the stored CORS headers, or none."
    ),
}


def has_middleware(known: str = OURS, among: Sequence[str] | None = None) -> bool:
    """Return whether ``MIDDLEWARE`` has the middleware with the path ``known``, or a subclass.

    ``among`` replaces ``MIDDLEWARE``.
    """
    paths = settings.MIDDLEWARE if among is None else among
    return any(is_middleware(path, known) for path in paths)


def is_middleware(path: str, known: str) -> bool:
    """Return whether ``path`` is the middleware ``known``, or a subclass of it."""
    if path == known:
        return True
    try:
        middleware = import_string(path)
    except Exception:  # noqa: BLE001 -- Django raises it again when it loads MIDDLEWARE
        return False
    bases = getattr(middleware, "__mro__", ())
    return known in (f"{base.__module__}.{base.__qualname__}" for base in bases)


def find_misplaced(among: Sequence[str] | None = None) -> Iterator[tuple[int, str]]:
    """Yield the index of each middleware that is wrongly listed before ours, and what it causes.

    ``among`` replaces ``MIDDLEWARE``.
    """
    paths = settings.MIDDLEWARE if among is None else among
    ours = (index for index, path in enumerate(paths) if is_middleware(path, OURS))
    for index, path in enumerate(paths[: next(ours, 0)]):
        for misplaced, consequence in _belongs_behind():
            if is_middleware(path, misplaced):
                yield index, consequence
                break


def _belongs_behind() -> Iterator[tuple[str, str]]:
    """Yield the paths of middleware that must come after ours, and what they cause before it."""
    yield from _CACHING.items()
    answering = dict(_ANSWERING)
    if settings.SECURE_SSL_REDIRECT:
        # Without the redirect, it only adds headers. A preflight must not be redirected:
        # https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7, requires an ok status.
        answering[SECURITY] = "it redirects to https"
    for path, why in answering.items():
        yield path, f"can respond first: {why}. Browsers then see no CORS headers."


def csrf_header() -> str:
    """Return the request header for Django's CSRF token, in lower case."""
    return settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").lower()
