"""What ``MIDDLEWARE`` names, and what stands before ours that belongs behind it."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.utils.module_loading import import_string

from .middleware import CorsPolicyMiddleware

OURS = f"{CorsPolicyMiddleware.__module__}.{CorsPolicyMiddleware.__qualname__}"
COMMON = "django.middleware.common.CommonMiddleware"
CORSHEADERS = "corsheaders.middleware.CorsMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"

# Middleware that can answer before the view does, and how.
_ANSWERING = {
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "it redirects to the login page",
    "django.contrib.sessions.middleware.SessionMiddleware": "it can refuse a request (400)",
    COMMON: "it redirects (APPEND_SLASH)",
    CSRF: "it refuses requests (403)",
    "django.middleware.http.ConditionalGetMiddleware": "it answers 304",
    LOCALE: "it redirects to a language",
    "whitenoise.middleware.WhiteNoiseMiddleware": "it serves files",
}
# Middleware that caches answers, and what is wrong with those. CacheMiddleware is both, and what it
# keeps matters more.
_CACHING = {
    "django.middleware.cache.UpdateCacheMiddleware": (
        "keeps answers, with their CORS headers, as long as the cache does. An origin that is no "
        "longer allowed can still read them."
    ),
    "django.middleware.cache.FetchFromCacheMiddleware": (
        "answers from the cache. Browsers then see the CORS headers that were stored, or none."
    ),
}


def has_middleware(known: str = OURS) -> bool:
    """Whether ``MIDDLEWARE`` has the one that is ``known`` by its path, or a subclass of it."""
    return any(is_middleware(path, known) for path in settings.MIDDLEWARE)


def is_middleware(path: str, known: str) -> bool:
    """Whether a middleware is the known one or a subclass of it."""
    if path == known:
        return True
    try:
        middleware = import_string(path)
    except Exception:  # noqa: BLE001 -- whatever it raises, Django says it when it loads it
        return False
    bases = getattr(middleware, "__mro__", ())
    return known in (f"{base.__module__}.{base.__qualname__}" for base in bases)


def find_misplaced() -> Iterator[tuple[int, str]]:
    """Where ``MIDDLEWARE`` has one that must not come before ours, and what happens if it does."""
    ours = (index for index, path in enumerate(settings.MIDDLEWARE) if is_middleware(path, OURS))
    for index, path in enumerate(settings.MIDDLEWARE[: next(ours, 0)]):
        for misplaced, consequence in _belongs_behind():
            if is_middleware(path, misplaced):
                yield index, consequence
                break


def _belongs_behind() -> Iterator[tuple[str, str]]:
    """What must not come before ours, and what happens if it does."""
    yield from _CACHING.items()
    answering = dict(_ANSWERING)
    if settings.SECURE_SSL_REDIRECT:
        # Without the redirect it only adds headers. A preflight must not be redirected:
        # https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7 wants an ok status.
        answering[SECURITY] = "it redirects to https"
    for path, why in answering.items():
        yield path, f"can answer without it: {why}. Browsers then see no CORS headers."


def csrf_header() -> str:
    """The request header that Django's CSRF protection reads the token from, in lower case."""
    return settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").lower()
