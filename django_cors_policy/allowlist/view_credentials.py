"""Find decorated views that allow credentials to rows whose policy does not allow them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.db import models
from django.urls import URLResolver, get_resolver
from django.utils.translation import gettext as _

from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.policy import Policy, PolicyBook
from django_cors_policy.view_policies import declarations, derive_policy

from .models import AllowedOrigin, AllowedOriginQuerySet
from .rows import read_row, row_problems
from .states import MOST_ROWS, known_policies

# The most views that a text names.
MOST_VIEWS = 2


def describe_credentials(row: AllowedOrigin) -> str:
    """Return whether ``row`` allows credentials, for display; a dash if the policy is unknown."""
    policy = known_policies().get(row.policy)
    if policy is None:
        return "-"
    if policy.allow_credentials and row.allow_credentials:
        return _("yes")
    views = views_that_add_credentials(row)
    return _("no, except on %(views)s") % {"views": named(views)} if views else _("no")


def views_that_add_credentials(row: AllowedOrigin | None = None) -> list[str]:
    """Return the views whose decorators allow credentials although the policy does not.

    With ``row``: only the views that allow credentials to this row. Decorators refuse the same
    risks as settings, so these views refuse a row for plain http.
    """
    added = _added_credentials()
    if row is None:
        return [on for policies in added.values() for _policy, on in policies]
    if row.policy not in added or not row.allow_credentials:
        return []
    return _views_that_take(row.origin, added[row.policy])


def _views_that_take(origin: str, decorated: Iterable[tuple[Policy, str]]) -> list[str]:
    try:
        entry = read_row(origin)
    except PolicyError:
        return []
    return [on for policy, on in decorated if not row_problems(entry, policy, True)]


def with_credentials(rows: AllowedOriginQuerySet, value: str) -> AllowedOriginQuerySet:
    """Filter ``rows`` by credentials, with the same result as ``describe_credentials``.

    ``value``: "yes" (the policy allows them), "views" (only decorators do), or "no".
    """
    policies = known_policies().values()
    by_policy = models.Q(
        allow_credentials=True, policy__in=[p.alias for p in policies if p.allow_credentials]
    )
    if value == "yes":
        rows = rows.filter(by_policy)
    elif value == "views":
        rows = rows.filter(_by_views_that_add(rows))
    else:
        rows = rows.filter(~by_policy, ~_by_views_that_add(rows))
    return rows


def _by_views_that_add(rows: AllowedOriginQuerySet) -> models.Q:
    """Return the condition for rows that have credentials only on decorated views."""
    added = _added_credentials()
    condition = models.Q(allow_credentials=True, policy__in=added)
    if added:
        values = rows.filter(condition).order_by().values_list("pk", "policy", "origin")
        left_out = (
            pk
            for pk, alias, origin in values.iterator(chunk_size=2000)
            if not _views_that_take(origin, added[alias])
        )
        condition &= ~models.Q(pk__in=list(itertools.islice(left_out, MOST_ROWS)))
    return condition


def named(views: Iterable[str]) -> str:
    """Return the first views and the number of the others, for display."""
    names = list(dict.fromkeys(views))
    text = ", ".join(names[:MOST_VIEWS])
    if len(names) > MOST_VIEWS:
        more = len(names) - MOST_VIEWS
        text = _("%(views)s and %(count)d more") % {"views": text, "count": more}
    return text


def _added_credentials() -> Mapping[str, Sequence[tuple[Policy, str]]]:
    """Return, by alias, the decorated views that use the policy's rows and add credentials."""
    try:
        book = policy_book()
    except PolicyErrors:
        return {}
    if not hasattr(settings, "ROOT_URLCONF"):
        return {}
    return _credentials_added_in(book, get_resolver())


# Cached, because an admin page calls this for each row. A change of settings makes a new book, and
# a reloaded URLconf has a new resolver.
@functools.lru_cache(maxsize=1)
def _credentials_added_in(
    book: PolicyBook, resolver: URLResolver
) -> Mapping[str, Sequence[tuple[Policy, str]]]:
    added: dict[str, list[tuple[Policy, str]]] = {}
    for found in declarations():
        try:
            # REPORT_ONLY never changes a response.
            policy = derive_policy(book, found.declaration, found.on, rehearses=False)
        except PolicyErrors:
            continue  # such a view allows no other origin
        base = book.policies.get(policy.rows_alias or "")
        is_added = base is not None and policy.allow_credentials and not base.allow_credentials
        if is_added and not found.is_hidden:
            added.setdefault(policy.alias, []).append((policy, found.on))
    return added
