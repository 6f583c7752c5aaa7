"""Combine the decorators of a view with the policies of a book.

This runs once for each view and book: ``resolution`` caches the rulings.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Mapping, Sequence

from django.urls import URLResolver, get_resolver

from . import decorators
from .decorators import SAME_ORIGIN, SAME_ORIGIN_ONLY, Declaration, DecoratorPlace
from .exceptions import PolicyError, PolicyErrors, did_you_mean
from .inspection import AnyView, Found, Route, ViewInspection, walk_urls
from .policy import Policy, PolicyBook, Ruling, compile_policy

logger = logging.getLogger("django_cors_policy")

_ALLOWS_NONE = compile_policy({}, DecoratorPlace(SAME_ORIGIN_ONLY), takes_rows=False)


def close(reason: str, why: str) -> Ruling:
    """Return a ruling that allows no other origin, for a request whose policy is not certain."""
    return Ruling(_ALLOWS_NONE, reason, closed_because=why)


def rule_methods(
    book: PolicyBook, view: AnyView
) -> tuple[Mapping[str, Ruling | None], Ruling | None]:
    """Return the ruling for each method that ``view`` handles, and one for all other methods.

    A ruling is None if no decorator applies. A view that cannot be inspected is closed.
    """
    try:
        inspection = ViewInspection(view)
        # Cached, so that a problem of a decorator is logged only once.
        rule = functools.cache(functools.partial(_rule_found, book))
        by_method = {method: rule(inspection.find(method)) for method in inspection.methods}
        return by_method, rule(inspection.find(""))
    except Exception as error:
        logger.exception("A view cannot be inspected, so it allows no other origin.")
        name = type(error).__name__
        return {}, close(f"a {name}", f"Inspecting the view raised {name}.")


def _rule_found(book: PolicyBook, found: Found | None) -> Ruling | None:
    if found is None:
        return None
    reason = f"{found.declaration.name} on {found.on}"
    # A system check reports this too, but not every project runs the checks.
    if found.is_hidden:
        logger.error("%s allows no other origin: %s", reason, found.error())
        return close(f"{reason}, hidden by another decorator", found.error().message)
    try:
        return Ruling(derive_policy(book, found.declaration, found.on), reason)
    except PolicyErrors as error:
        refused = error
    # REPORT_ONLY never changes a response, so a wrong one is ignored.
    with contextlib.suppress(PolicyErrors):
        policy = derive_policy(book, found.declaration, found.on, rehearses=False)
        logger.error("%s: its REPORT_ONLY is ignored: %s", reason, refused)
        return Ruling(policy, reason)
    logger.error("%s allows no other origin: %s", reason, refused)
    return close(reason, f"{reason} is not valid.")


def derive_policy(
    book: PolicyBook, declaration: Declaration, on: str, *, rehearses: bool = True
) -> Policy:
    """Return the policy of a decorator on the view named ``on``, compiled once for each book.

    ``rehearses``: whether the policy gets a ``REPORT_ONLY``.

    Raises ``PolicyErrors`` if the alias is unknown (E019), or if the decorator's fields conflict
    with the other fields of the policy.
    """
    if declaration.alias == SAME_ORIGIN:
        return _ALLOWS_NONE
    place = DecoratorPlace(declaration, on)
    base = book.policies.get(declaration.alias)
    if base is None:
        error = PolicyError(
            declaration.alias,
            "is not an alias in CORS_POLICIES",
            did_you_mean(declaration.alias, book.policies),
            id="E019",
        )
        raise PolicyErrors([error.at(str(place))])
    if not declaration.overrides:
        return base
    if (declaration, rehearses) not in book.derived:
        config = {**base.config, **declaration.overrides}
        # PATHS choose a policy by path. The decorator has already chosen this one.
        config.pop("PATHS", None)
        if not rehearses:
            config["REPORT_ONLY"] = None
        elif "REPORT_ONLY" not in declaration.overrides and base.rehearsal is not None:
            # The decorator's fields would replace those of REPORT_ONLY too if it were in force.
            config["REPORT_ONLY"] = {**base.rehearsal.config, **declaration.overrides}
        # Replaced origins replace those in the database too.
        takes_rows = "ALLOW_ORIGINS" not in declaration.overrides
        book.derived[declaration, rehearses] = compile_policy(config, place, takes_rows=takes_rows)
    return book.derived[declaration, rehearses]


def declarations() -> list[Found]:
    """Return the decorators on the views of the project's URLconf, without duplicates."""
    found = {
        found
        for _, inspection in inspected_routes()
        for found in inspection.found
        if found is not None
    }
    return sorted(found, key=lambda found: (found.on, found.declaration.name))


def inspected_routes() -> Sequence[tuple[Route, ViewInspection]]:
    """Return the routes of the project's URLconf, empty if no view of the process is decorated."""
    resolver = get_resolver()
    _ = resolver.url_patterns  # imports the views
    return _inspect_routes(resolver) if decorators.any_view_decorated else ()


@functools.lru_cache(maxsize=4)
def _inspect_routes(resolver: URLResolver) -> Sequence[tuple[Route, ViewInspection]]:
    return [
        (route, ViewInspection(route.pattern.callback))
        for route in walk_urls(resolver.url_patterns)
    ]
