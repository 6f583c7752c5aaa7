"""What the decorators on a view mean, by the settings of a book of policies.

Asked once for each view and book. ``resolution`` remembers the answer, so no later request runs
this.
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

_NOBODY = compile_policy({}, DecoratorPlace(SAME_ORIGIN_ONLY), takes_rows=False)


def close(reason: str, why: str) -> Ruling:
    """No other origin is allowed, because what was meant cannot be guaranteed."""
    return Ruling(_NOBODY, reason, closed_because=why)


def rule_methods(
    book: PolicyBook, view: AnyView
) -> tuple[Mapping[str, Ruling | None], Ruling | None]:
    """The ruling for each method that ``view`` handles, and the one for all other methods.

    None where no decorator says anything. A view that cannot be inspected is closed.
    """
    try:
        inspection = ViewInspection(view)
        # What is wrong with a decorator is logged once.
        rule = functools.cache(functools.partial(_rule_found, book))
        by_method = {method: rule(inspection.find(method)) for method in inspection.methods}
        return by_method, rule(inspection.find(""))
    except Exception as error:
        logger.exception("A view cannot be inspected, so it allows no other origin.")
        name = type(error).__name__
        return {}, close(f"a {name}", f"Inspecting it raised {name}.")


def _rule_found(book: PolicyBook, found: Found | None) -> Ruling | None:
    if found is None:
        return None
    reason = f"{found.declaration.name} on {found.on}"
    # The system check says it before. A project that did not run it gets the safe end of it.
    if found.is_hidden:
        logger.error("%s allows no other origin: %s", reason, found.error())
        return close(f"{reason}, hidden by another decorator", found.error().message)
    try:
        return Ruling(derive_policy(book, found.declaration, found.on), reason)
    except PolicyErrors as error:
        refused = error
    # A rehearsal changes no answer, not even by being wrong.
    with contextlib.suppress(PolicyErrors):
        policy = derive_policy(book, found.declaration, found.on, rehearses=False)
        logger.error("%s is not rehearsed: %s", reason, refused)
        return Ruling(policy, reason)
    logger.error("%s allows no other origin: %s", reason, refused)
    return close(reason, f"{reason} is wrong.")


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
    place = DecoratorPlace(declaration, on)
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
        book.derived[declaration, rehearses] = compile_policy(config, place, takes_rows=takes_rows)
    return book.derived[declaration, rehearses]


def declarations() -> list[Found]:
    """What decorators say on the views of the project's URLconf, and where; each once."""
    found = {
        found
        for _, inspection in inspected_routes()
        for found in inspection.found
        if found is not None
    }
    return sorted(found, key=lambda found: (found.on, found.declaration.name))


def inspected_routes() -> Sequence[tuple[Route, ViewInspection]]:
    """The routes of the project's URLconf whose views decorators may say something about."""
    resolver = get_resolver()
    _ = resolver.url_patterns  # imports the views
    return _inspect_routes(resolver) if decorators.any_view_decorated else ()


@functools.lru_cache(maxsize=4)
def _inspect_routes(resolver: URLResolver) -> Sequence[tuple[Route, ViewInspection]]:
    return [
        (route, ViewInspection(route.pattern.callback))
        for route in walk_urls(resolver.url_patterns)
    ]
