"""List the URL patterns of a URLconf."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern
from django.utils.functional import Promise

# In the path of a Route, for the language that i18n_patterns() puts there.
LANGUAGE_PREFIX = "<language>/"


@dataclass(frozen=True)
class Route:
    """One URL pattern, with the patterns of the URLconfs that include it.

    ``path`` is the whole pattern, for messages. ``literal`` is the fixed text that all its paths
    begin with; ``is_literal``: nothing comes after it. ``is_translated``: the path depends on the
    language, but has no language prefix, unlike paths below ``i18n_patterns``.
    """

    path: str
    literal: str
    is_literal: bool
    is_translated: bool
    pattern: URLPattern


def walk_urls(
    patterns: Iterable[object],
    path: str = "/",
    literal: str = "/",
    is_literal: bool = True,
    is_translated: bool = False,
    *,
    names_language: bool = False,
) -> Iterator[Route]:
    """Yield all URL patterns of a URLconf, in the order in which Django tries them."""
    for pattern in patterns:
        if not isinstance(pattern, (URLPattern, URLResolver)):
            continue  # Django's own checks report it
        text = str(pattern.pattern)
        whole, beginning = text, text
        is_prefix = isinstance(pattern.pattern, LocalePrefixPattern)
        if is_prefix:
            whole, beginning = LANGUAGE_PREFIX, ""
        elif isinstance(pattern.pattern, RegexPattern):
            whole = text.removeprefix("^").removesuffix("$")
            beginning = re.split(r"[\\.^$*+?()|\[\]{}]", whole, maxsplit=1)[0]
        elif "<" in text:
            beginning = text.partition("<")[0]
        here = (
            path + whole,
            literal + beginning if is_literal else literal,
            is_literal and beginning == whole,
            is_translated or (not names_language and _is_translated(pattern.pattern)),
        )
        if isinstance(pattern, URLResolver):
            names = names_language or is_prefix
            yield from walk_urls(pattern.url_patterns, *here, names_language=names)
        else:
            yield Route(*here, pattern)


def _is_translated(pattern: object) -> bool:
    # Django has no public attribute for the lazy text that path() or re_path() was given.
    given = vars(pattern)
    return isinstance(given.get("_route", given.get("_regex")), Promise)
