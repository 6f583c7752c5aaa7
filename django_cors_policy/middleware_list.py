"""Which middleware the project uses."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils.module_loading import import_string

from .middleware import CorsPolicyMiddleware

OURS = f"{CorsPolicyMiddleware.__module__}.{CorsPolicyMiddleware.__qualname__}"
COMMON = "django.middleware.common.CommonMiddleware"
CORSHEADERS = "corsheaders.middleware.CorsMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"


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


def csrf_header() -> str:
    """Return the request header for Django's CSRF token, in lower case."""
    return settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").lower()
