"""W002 to W004: the middleware is missing, listed twice, or after one that answers first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.middleware_list import (
    COMMON,
    CORSHEADERS,
    CSRF,
    LOCALE,
    OURS,
    SECURITY,
    is_middleware,
)

from .messages import warning

# Middleware that can respond without calling the view, and how. AuthenticationMiddleware is not one
# of them: it only sets request.user.
_ANSWERING = {
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "redirects to the login page",
    "django.contrib.sessions.middleware.SessionMiddleware": "status 400 for a deleted session",
    COMMON: "redirects with APPEND_SLASH",
    CSRF: "status 403 for rejected requests",
    "django.middleware.http.ConditionalGetMiddleware": "status 304",
    LOCALE: "redirects to a language",
    "whitenoise.middleware.WhiteNoiseMiddleware": "serves files",
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


@register(Tags.security)
def check_middleware(**kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    ours = None
    for index, path in enumerate(settings.MIDDLEWARE):
        place = f"MIDDLEWARE[{index}]"
        if path == CORSHEADERS:
            text = f"{path!r} also answers CORS requests, with different rules."
            messages.append(warning("W003", place, text, "Remove one of the two."))
        elif not is_middleware(path, OURS):
            continue
        elif ours is None:
            ours = index
        else:
            text = f"{path!r} is listed a second time."
            hint = f"Remove it and keep MIDDLEWARE[{ours}]."
            messages.append(warning("W003", place, text, hint))
    if ours is None:
        text = f"{OURS!r} is missing, so the policies have no effect."
        messages.append(warning("W002", "MIDDLEWARE", text, "Put it first in MIDDLEWARE."))
    return [*messages, *_warn_of_misplaced()]


def _warn_of_misplaced() -> Iterator[CheckMessage]:
    """W004: one warning, because one change fixes all."""
    found = list(find_misplaced())
    if not found:
        return
    answering, sentences = [], []
    for index, path, effect in found:
        if path in _CACHING:
            sentences.append(f"{settings.MIDDLEWARE[index]!r} comes before {OURS!r} and {effect}")
        else:
            answering.append(f"{settings.MIDDLEWARE[index]!r} ({effect})")
    if answering:
        names = ", ".join(answering)
        text = f"{names} can respond before {OURS!r}. Browsers then see no CORS headers."
        sentences.insert(0, text)
    place = "MIDDLEWARE" if len(found) > 1 else f"MIDDLEWARE[{found[0].position}]"
    hint = f"Move {OURS!r} to the top of MIDDLEWARE."
    yield warning("W004", place, " ".join(sentences), hint)


class Misplaced(NamedTuple):
    """A middleware that is wrongly listed before ours.

    ``known``: the path in the tables above that it equals or inherits from. ``effect``: what it
    does before ours.
    """

    position: int
    known: str
    effect: str


def find_misplaced(among: Sequence[str] | None = None) -> Iterator[Misplaced]:
    """Yield each middleware before ours that must come later. ``among`` replaces ``MIDDLEWARE``."""
    paths = settings.MIDDLEWARE if among is None else among
    known = _CACHING | _ANSWERING
    if settings.SECURE_SSL_REDIRECT:
        # Without the redirect, it only adds headers. A preflight must not be redirected:
        # https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7, requires an ok status.
        known[SECURITY] = "redirects to https"
    ours = (index for index, path in enumerate(paths) if is_middleware(path, OURS))
    for index, path in enumerate(paths[: next(ours, 0)]):
        for misplaced, effect in known.items():
            if is_middleware(path, misplaced):
                yield Misplaced(index, misplaced, effect)
                break
