"""Find out whether settings or other rows already allow the origin of a row."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cors_policy.exceptions import PolicyError
from django_cors_policy.fetch import NULL
from django_cors_policy.hooks import RowMatch
from django_cors_policy.origins import (
    ANY_PORT,
    MOST_COMPARED,
    OriginMatcher,
    OriginPattern,
    parse_origin,
    registrable_domain,
    split_origin,
)
from django_cors_policy.policy import DEFAULT_ALIAS, Place, Policy
from django_cors_policy.view_policies import declarations

from .database import allowlist_database
from .models import AllowedOrigin, AllowedOriginQuerySet
from .rows import parse_row
from .states import MOST_ROWS, State, in_force, known_policies, misfit, status_of
from .view_credentials import named, views_that_add_credentials

# The most rows that a remark names.
MOST_NAMED = 5
# The most wildcards to look up by name. For more, one query reads all wildcards.
MOST_LOOKED_UP = 10_000

# Samples of "any label" and "any port". They are odd, so that no real entry lists them.
SAMPLE_LABEL = "any-name-at-all"
SAMPLE_PORT = "54321"


def remarks(row: AllowedOrigin) -> Iterator[str]:
    """Yield texts about effects of ``row`` that the user who saved it may not expect."""
    status = status_of(row)
    policy = known_policies().get(row.policy)
    if policy is None:
        return
    if status.state == State.EXPIRED:
        yield _("The row has no effect: it has expired.")
    if not is_used(policy):
        yield _(
            "The row has no effect yet: the policy “%(policy)s” has no PATHS, and no decorator in "
            "the URLconf uses it."
        ) % {"policy": policy.alias}
    if not status.state.is_live:
        return
    entry = parse_row(row.origin)
    if reason := allowed_by_settings(policy, entry):
        yield _("The row changes nothing: %(reason)s") % {"reason": reason}
        return
    if not policy.allow_credentials and (views := views_that_add_credentials(row)):
        yield _(
            "The policy “%(policy)s” does not allow credentials, but decorators allow them to this "
            "origin on %(views)s. To block that, untick “allow credentials”."
        ) % {"policy": policy.alias, "views": named(views)}
    if reason := Wildcards([row], policy).reason_against(row):
        yield _("The row changes nothing: %(reason)s") % {"reason": reason}
    redundant = list(itertools.islice(_redundant_because_of(row, entry, policy), MOST_NAMED + 1))
    if redundant:
        names = ", ".join(map(str, redundant[:MOST_NAMED]))
        if len(redundant) > MOST_NAMED:
            names = _("%(origins)s and more") % {"origins": names}
        yield ngettext(
            "The row makes another row redundant: %(origins)s.",
            "The row makes other rows redundant: %(origins)s.",
            len(redundant),
        ) % {"origins": names}


def is_used(policy: Policy) -> bool:
    """Return whether a path or a decorator uses the rows of ``policy``."""
    if policy.paths or (policy.paths is None and policy.alias == DEFAULT_ALIAS):
        return True
    return any(
        found.declaration.alias == policy.alias
        and "ALLOW_ORIGINS" not in found.declaration.overrides
        for found in declarations()
    )


def allowed_by_settings(policy: Policy, entry: OriginPattern | str) -> str:
    """Return a sentence that says where settings allow all of ``entry``; empty if they do not."""
    if policy.any_origin:
        return _("the policy “%(policy)s” already allows any origin.") % {"policy": policy.alias}
    found = [policy.matcher.match(sample) for sample in samples(entry)]
    if None in found:
        return ""
    index = list(map(str, policy.origins)).index(str(found[0]))
    return _("%(place)s already allows it.") % {
        "place": Place(policy.alias).locate("ALLOW_ORIGINS", index)
    }


def entries_that_allow(origin: str) -> list[str]:
    """Return all exact and wildcard entries that allow ``origin``, most specific first."""
    try:
        exact = parse_origin(origin)
    except PolicyError:
        return []
    labels = exact.host.split(".")
    hosts = [(exact.host, False)]
    hosts += [(".".join(labels[start:]), True) for start in range(1, len(labels))]
    candidates = [
        replace(exact, host=host, subdomains=subdomains, port=port)
        for host, subdomains in hosts
        for port in (exact.port, ANY_PORT)
    ]
    # The matcher drops candidates that do not match, and sorts the others.
    return list(map(str, OriginMatcher(candidates).matches(origin)))


def rows_about(policy: Policy, origin: str) -> list[RowMatch]:
    """Return rows that cover ``origin``: live rows first, then the most specific first.

    Rows on the same site follow, because the user may have meant one of them.
    """
    covering = [origin] if origin == NULL else entries_that_allow(origin)
    order = {entry: position for position, entry in enumerate(covering)}
    nearby = models.Q(origin__in=covering[:MOST_ROWS])
    if (parts := split_origin(origin)) is not None:
        nearby |= models.Q(origin__contains=registrable_domain(parts[1]))
    objects = AllowedOrigin.objects.using(allowlist_database())
    found = objects.filter(nearby, policy=policy.rows_alias)[:MOST_COMPARED]
    rows = []
    for row in found:
        status = status_of(row)
        rows.append(
            RowMatch(
                key=row.pk,
                entry=row.origin,
                allows=row.origin in order,
                is_live=status.state.is_live,
                state=" ".join(filter(None, (status.text, status.why))),
                obstacles=obstacles(row),
            )
        )
    return sorted(
        rows,
        key=lambda row: (not row.allows, not row.is_live, order.get(row.entry, 0), row.key),
    )


def obstacles(row: AllowedOrigin) -> tuple[str, ...]:
    """Return all states that keep ``row`` out of force. ``status_of`` returns the first one."""
    found = misfit(known_policies(), row.policy, row.origin, row.allow_credentials)
    states = {
        State.DISABLED: not row.is_enabled,
        State.EXPIRED: row.is_expired,
        **({found[0]: True} if found is not None else {}),
    }
    return tuple(state.value for state, applies in states.items() if applies)


class Wildcards:
    """The wildcard rows of one policy that are in force and may cover other rows."""

    def __init__(self, rows: Sequence[AllowedOrigin], policy: Policy) -> None:
        """Collect wildcards that cover any of ``rows``: from the database and from ``rows``."""
        self._policy = policy
        own = (row for row in rows if "*" in row.origin)
        self._rows = {row.origin: row for row in (*_usable_wildcards_over(rows, policy), *own)}
        self._matcher = OriginMatcher(map(parse_row, self._rows))

    def reason_against(self, row: AllowedOrigin) -> str:
        """Return why ``row`` changes nothing, as a sentence; empty if it changes something."""
        first, *others = (
            dict.fromkeys(map(str, self._matcher.matches(sample)))
            for sample in samples(parse_row(row.origin))
        )
        for origin in first:
            if origin == row.origin or not all(origin in matches for matches in others):
                continue
            # Without ``row``, the next most specific row would decide.
            wider = self._rows[origin]
            if _is_redundant(row, wider, self._policy):
                return _("the row “%(row)s” already allows it.") % {"row": wider}
            return ""
        return ""


def _usable_wildcards_over(
    rows: Iterable[AllowedOrigin], policy: Policy
) -> Iterator[AllowedOrigin]:
    """Yield wildcards of ``policy`` from the database: all that cover ``rows``, maybe more."""
    old = AllowedOrigin.objects.filter(policy=policy.alias)
    names: set[str] = set()
    count = 0
    for sample in (sample for row in rows for sample in samples(parse_row(row.origin))):
        entries = entries_that_allow(sample)
        names.update(entry for entry in entries if "*" in entry)
        count += len(entries)
        if count > MOST_LOOKED_UP:
            yield from _usable(old.filter(origin__contains="*"), policy)
            return
    remaining = iter(names)
    # Every database accepts this many values in one query.
    while batch := list(itertools.islice(remaining, 500)):
        yield from _usable(old.filter(origin__in=batch), policy)


def _redundant_because_of(
    row: AllowedOrigin, entry: OriginPattern | str, policy: Policy
) -> Iterator[AllowedOrigin]:
    """Yield the rows that change nothing because ``row`` exists."""
    if isinstance(entry, str) or entry.is_exact:
        return
    matcher = OriginMatcher([entry])
    rows = AllowedOrigin.objects.filter(policy=policy.alias, origin__contains=entry.host)
    for other in _usable(rows.exclude(pk=row.pk), policy):
        if all(map(matcher.match, samples(parse_row(other.origin)))) and _is_redundant(
            other, row, policy
        ):
            yield other


def _usable(rows: AllowedOriginQuerySet, policy: Policy) -> Iterator[AllowedOrigin]:
    policies = {policy.alias: policy}
    for row in rows.filter(in_force(timezone.now()))[:MOST_ROWS].iterator(chunk_size=2000):
        if misfit(policies, row.policy, row.origin, row.allow_credentials) is None:
            yield row


def _is_redundant(row: AllowedOrigin, wider: AllowedOrigin, policy: Policy) -> bool:
    """Return whether ``wider``, which covers ``row``, grants as much for at least as long."""
    is_alike = not policy.allow_credentials or row.allow_credentials == wider.allow_credentials
    outlives = wider.expires_at is None or (
        row.expires_at is not None and row.expires_at <= wider.expires_at
    )
    return is_alike and outlives


def samples(entry: OriginPattern | str) -> list[str]:
    """Return sample origins of ``entry``: a matcher that allows these allows all of ``entry``."""
    if isinstance(entry, str):
        return [entry]
    host = f"{SAMPLE_LABEL}.{entry.host}" if entry.subdomains else entry.host
    ports = ("", SAMPLE_PORT) if entry.port == ANY_PORT else (entry.port,)
    return [str(replace(entry, host=host, port=port, subdomains=False)) for port in ports]
