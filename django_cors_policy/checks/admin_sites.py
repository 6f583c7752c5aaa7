"""W022: a policy with credentials governs an admin site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.core.checks import CheckMessage, Tags, register
from django.urls import get_resolver

from django_cors_policy.hooks import is_open
from django_cors_policy.inspection import (
    LANGUAGE_PREFIX,
    Route,
    ViewInspection,
    admin_site_of,
    walk_urls,
)
from django_cors_policy.policy import Policy, PolicyBook
from django_cors_policy.resolution import rule_view

from .messages import warning
from .policies import compiled_book

# The alias in the hint.
CLOSED = "admin"


@dataclass
class _Governed:
    """The first URL pattern of each admin site, by its ``id()``, that a policy governs."""

    policy: Policy
    is_by_decorator: bool
    routes: dict[int, Route] = field(default_factory=dict)


@register(Tags.urls)
def check_admin_sites(**kwargs: Any) -> list[CheckMessage]:
    book = compiled_book()
    if book is None or not hasattr(settings, "ROOT_URLCONF"):
        return []
    by_place: dict[str, _Governed] = {}
    for route in walk_urls(get_resolver().url_patterns):
        site = admin_site_of(route.pattern.callback)
        for policy, is_by_decorator in _policies_of(book, route) if site is not None else ():
            if policy.allow_credentials and is_open(policy):
                new = _Governed(policy, is_by_decorator)
                by_place.setdefault(str(policy.place), new).routes.setdefault(id(site), route)
    return [_warn(book, place, governed) for place, governed in by_place.items()]


def _policies_of(book: PolicyBook, route: Route) -> Iterator[tuple[Policy, bool]]:
    """Yield the policies that govern a URL pattern, and whether a decorator chose them."""
    view = route.pattern.callback
    rulings = [rule_view(book, view, name) for name in ViewInspection(view).own_methods or ("",)]
    yield from ((ruling.policy, True) for ruling in rulings if ruling is not None)
    if None in rulings:
        by_path = map(book.rule_path, _example_paths(route))
        yield from ((ruling.policy, False) for ruling in by_path if ruling is not None)


def _example_paths(route: Route) -> Iterator[str]:
    """Yield a path of the URL pattern in each language, without its regular expressions."""
    prefixes = [""]
    if LANGUAGE_PREFIX in route.path:
        _, prefixes_default = is_language_prefix_patterns_used(settings.ROOT_URLCONF)
        codes = [code for code, _ in settings.LANGUAGES]
        prefixes = [f"{code}/" for code in codes] + [""] * (not prefixes_default)
    for prefix in prefixes:
        path = route.path.replace(LANGUAGE_PREFIX, prefix)
        path = re.sub(r"(?<!\?P)<[^>]*>", "1", path)  # the parameters of path()
        yield re.split(r"[\\^$*+?()|\[\]{}]", path, maxsplit=1)[0]


def _warn(book: PolicyBook, place: str, governed: _Governed) -> CheckMessage:
    routes = governed.routes.values()
    paths = [route.path for route in routes]
    text = (
        f"The policy allows credentials and governs the admin site at {', '.join(paths)}. Scripts "
        "on its origins can read and change there everything that the logged-in user can."
    )
    hint = "In PATHS, name only what other origins call, for example ['/api/']."
    if governed.is_by_decorator:
        hint = "Remove the decorator from the views of the admin site."
    elif (
        all(route.is_literal for route in routes)
        and set(paths).isdisjoint(governed.policy.paths or ())
        and CLOSED not in book.policies
    ):
        hint += f" Or add a policy that allows no origin: {CLOSED!r}: {{'PATHS': {paths}}}."
    return warning("W022", place, text, hint)
