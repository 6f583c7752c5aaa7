"""What a row changes beside settings and other rows: whether these allow its origin already."""

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

# A remark names so many rows.
MOST_NAMED = 5
# At most this many names of wildcards are looked up. For more, one query reads all wildcards.
MOST_LOOKED_UP = 10_000

# They stand for "any label" and "any port": nobody allows just these.
SAMPLE_LABEL = "any-name-at-all"
SAMPLE_PORT = "54321"


def remarks(row: AllowedOrigin) -> Iterator[str]:
    """What somebody who has just saved ``row`` may not have expected."""
    status = status_of(row)
    policy = known_policies().get(row.policy)
    if policy is None:
        return
    if status.state == State.EXPIRED:
        yield _("The row has no effect: it has expired already.")
    if not is_used(policy):
        yield _(
            "Nothing uses the policy “%(policy)s”: it names no PATHS, and no decorator in the "
            "URLconf asks for it. Until one does, the row has no effect."
        ) % {"policy": policy.alias}
    if not status.state.is_live:
        return
    entry = parse_row(row.origin)
    if reason := allowed_by_settings(policy, entry):
        yield _("The row changes nothing: %(reason)s") % {"reason": reason}
        return
    if not policy.allow_credentials and (views := views_that_add_credentials(row)):
        yield _(
            "The policy “%(policy)s” has no credentials, but a decorator allows the origin to use "
            "them on %(views)s. To block that, untick “allow credentials”."
        ) % {"policy": policy.alias, "views": named(views)}
    if reason := Wildcards([row], policy).reason_against(row):
        yield _("The row changes nothing: %(reason)s") % {"reason": reason}
    redundant = list(itertools.islice(_redundant_beside(row, entry, policy), MOST_NAMED + 1))
    if redundant:
        names = ", ".join(map(str, redundant[:MOST_NAMED]))
        if len(redundant) > MOST_NAMED:
            names = _("%(origins)s and more") % {"origins": names}
        yield ngettext(
            "The row covers another one, which changes nothing now: %(origins)s.",
            "The row covers others, which change nothing now: %(origins)s.",
            len(redundant),
        ) % {"origins": names}


def is_used(policy: Policy) -> bool:
    """Whether any path or decorator leads to the rows of ``policy``."""
    if policy.paths or (policy.paths is None and policy.alias == DEFAULT_ALIAS):
        return True
    return any(
        found.declaration.alias == policy.alias
        and "ALLOW_ORIGINS" not in found.declaration.overrides
        for found in declarations()
    )


def allowed_by_settings(policy: Policy, entry: OriginPattern | str) -> str:
    """Where settings allow all that ``entry`` does, told in a sentence; empty if they do not."""
    if policy.any_origin:
        return _("the policy “%(policy)s” allows any origin.") % {"policy": policy.alias}
    found = [policy.matcher.match(sample) for sample in samples(entry)]
    if None in found:
        return ""
    index = list(map(str, policy.origins)).index(str(found[0]))
    return _("%(place)s allows it already.") % {
        "place": Place(policy.alias).locate("ALLOW_ORIGINS", index)
    }


def entries_that_allow(origin: str) -> list[str]:
    """All that rows can say to allow ``origin``, the most specific first."""
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
    # The matcher has the last word.
    return list(map(str, OriginMatcher(candidates).matches(origin)))


def rows_about(policy: Policy, origin: str) -> list[RowMatch]:
    """Rows that cover ``origin``, live ones first and the most specific before the others.

    After them those that name its host or its neighbourhood, for one of these may have been meant.
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
        state = " ".join(filter(None, (status.text, status.why)))
        allows = row.origin in order
        rows.append(
            RowMatch(row.pk, row.origin, allows, status.state.is_live, state, status.state.value)
        )
    return sorted(
        rows,
        key=lambda row: (not row.allows, not row.is_live, order.get(row.entry, 0), row.key),
    )


class Wildcards:
    """The rows of one policy that are in force and may cover others."""

    def __init__(self, rows: Sequence[AllowedOrigin], policy: Policy) -> None:
        """Those over any of ``rows``, which may be new: in the database, and among themselves."""
        self._policy = policy
        own = (row for row in rows if "*" in row.origin)
        self._rows = {row.origin: row for row in (*_usable_wildcards_over(rows, policy), *own)}
        self._matcher = OriginMatcher(map(parse_row, self._rows))

    def reason_against(self, row: AllowedOrigin) -> str:
        """Why ``row`` changes nothing, told in a sentence; empty if it does."""
        first, *others = (
            dict.fromkeys(map(str, self._matcher.matches(sample)))
            for sample in samples(parse_row(row.origin))
        )
        for origin in first:
            if origin == row.origin or not all(origin in matches for matches in others):
                continue
            # Without the row, the next one would decide.
            wider = self._rows[origin]
            if _is_redundant(row, wider, self._policy):
                return _("the row “%(row)s” allows it already.") % {"row": wider}
            return ""
        return ""


def _usable_wildcards_over(
    rows: Iterable[AllowedOrigin], policy: Policy
) -> Iterator[AllowedOrigin]:
    """At least those wildcards of ``policy`` in the database that cover any of ``rows``."""
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
    # As many values as any database takes.
    while batch := list(itertools.islice(remaining, 500)):
        yield from _usable(old.filter(origin__in=batch), policy)


def _redundant_beside(
    row: AllowedOrigin, entry: OriginPattern | str, policy: Policy
) -> Iterator[AllowedOrigin]:
    """Rows that change nothing because ``row`` is there."""
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
    """Whether ``wider``, which covers ``row``, grants as much for at least as long."""
    is_alike = not policy.allow_credentials or row.allow_credentials == wider.allow_credentials
    outlives = wider.expires_at is None or (
        row.expires_at is not None and row.expires_at <= wider.expires_at
    )
    return is_alike and outlives


def samples(entry: OriginPattern | str) -> list[str]:
    """Origins that stand for all that ``entry`` allows: who allows these, allows the others."""
    if isinstance(entry, str):
        return [entry]
    host = f"{SAMPLE_LABEL}.{entry.host}" if entry.subdomains else entry.host
    ports = ("", SAMPLE_PORT) if entry.port == ANY_PORT else (entry.port,)
    return [str(replace(entry, host=host, port=port, subdomains=False)) for port in ports]
