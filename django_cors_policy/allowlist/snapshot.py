"""An immutable snapshot of all live rows."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DataError
from django.db.models import Q
from django.utils import timezone

from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import ExactOrigins, OriginCollector, OriginMatcher, OriginPattern
from django_cors_policy.policy import (
    INSECURE_HTTP,
    PUBLIC_SUFFIX,
    Grant,
    Policy,
    PolicyBook,
    credential_problems,
)

from .models import AllowedOrigin
from .rows import is_plain, read_row, row_problems

# Every database accepts this many keys in one query.
MOST_KEYS = 500
# What a driver or a converter raises for a bad value. Outages raise other types.
VALUE_ERRORS = (DataError, ValueError, TypeError, OverflowError, ArithmeticError)

# The system check of a risk -> its name in ACCEPT_RISKS. No policy can accept "null".
RISKS = {"E007": "null", "E008": INSECURE_HTTP, "E009": PUBLIC_SUFFIX}


@dataclass(frozen=True)
class RowLimits:
    """How a row grants less than its policy.

    ``expires_at`` is in seconds since the epoch, None for never. ``risks``: what a policy must
    accept before it allows credentials to the origin. The policy of a decorator can differ here
    from the policy in settings.
    """

    allow_credentials: bool = True
    expires_at: float | None = None
    risks: frozenset[str] = frozenset()


NO_LIMITS = RowLimits()


class PolicyRows:
    """The rows of one policy.

    ``plain``: the exact origins that get what the policy grants. Most rows are like this, and there
    can be a million of them. ``entries``: all others, with the ``limits`` of those that have some.
    They are matched like the origins in settings.
    """

    __slots__ = ("_limits", "_matcher", "_plain")

    def __init__(
        self,
        plain: ExactOrigins,
        entries: Iterable[OriginPattern | str] = (),
        limits: Mapping[str, RowLimits] | None = None,
    ) -> None:
        self._plain = plain
        self._matcher = OriginMatcher(entries)
        self._limits = limits or {}

    def grant_for(self, policy: Policy, origin: str, now: float | None = None) -> Grant | None:
        """Return what the most specific live row grants ``origin``; None if nothing.

        ``now`` is in seconds since the epoch; None is the current time.
        """
        if origin in self._plain:
            return policy.grant
        entry = self._matcher.match(origin)
        if entry is None:
            return None
        if str(entry) not in self._limits:
            return policy.grant
        now = time.time() if now is None else now
        for candidate in self._matcher.matches(origin):
            limits = self._limits.get(str(candidate), NO_LIMITS)
            if limits.expires_at is not None and limits.expires_at <= now:
                continue
            credentials = policy.allow_credentials and limits.allow_credentials
            if credentials and not limits.risks <= policy.accept_risks:
                return None
            seconds = None if limits.expires_at is None else int(limits.expires_at - now)
            return policy.narrowed_grant(credentials=credentials, seconds=seconds)
        return None


@dataclass(frozen=True)
class Snapshot:
    """All live rows as of ``token``, for the policies of ``book``.

    ``skipped``: primary key, origin and reason of each row that no policy can use.
    """

    token: str
    book: PolicyBook
    rows: Mapping[str | None, PolicyRows]
    skipped: tuple[tuple[int, str, str], ...]


def load_snapshot(using: str, token: str, book: PolicyBook) -> Snapshot:
    """Read all live rows in one query. Read ``token`` before you call this."""
    rows = _live_rows(using)
    try:
        return _build_snapshot(token, book, rows.iterator(chunk_size=2000), [])
    except VALUE_ERRORS:
        # The database holds a value that Python cannot read, such as 'infinity'.
        readable, skipped = _read_around_errors(rows)
        return _build_snapshot(token, book, readable, skipped)


def grant_by_row(book: PolicyBook, row: AllowedOrigin, policy: Policy, origin: str) -> Grant | None:
    """What ``row``, which need not be saved, grants ``origin`` under ``policy`` if it is live."""
    if not row.is_enabled:
        return None
    values = (row.policy, row.origin, row.allow_credentials, row.expires_at)
    snapshot = _build_snapshot("", book, [(0, *values, row.expires_at is None)], [])
    rows = snapshot.rows.get(row.policy)
    return rows.grant_for(policy, origin) if rows is not None else None


RowValues = tuple[int, str, str, bool, "datetime.datetime | None", bool]
Skipped = tuple[int, str, str]


def _live_rows(using: str) -> Any:
    return (
        AllowedOrigin.objects.using(using)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), is_enabled=True)
        .annotate(never_expires=Q(expires_at=None))
        .order_by()
        .values_list("pk", "policy", "origin", "allow_credentials", "expires_at", "never_expires")
    )


def _read_around_errors(rows: Any) -> tuple[list[RowValues], list[Skipped]]:
    """Return all readable rows, and the skipped rows, which a bisection finds."""
    readable: list[RowValues] = []
    skipped: list[Skipped] = []
    waiting = [list(rows.values_list("pk", flat=True))]
    while waiting:
        keys = waiting.pop()
        if len(keys) > MOST_KEYS:
            waiting += [keys[:MOST_KEYS], keys[MOST_KEYS:]]
            continue
        try:
            readable += list(rows.filter(pk__in=keys))
        except VALUE_ERRORS as error:
            if len(keys) == 1:
                skipped.append((keys[0], "", f"cannot be read ({type(error).__name__})"))
            else:
                waiting += [keys[: len(keys) // 2], keys[len(keys) // 2 :]]
    return readable, skipped


def _build_snapshot(
    token: str, book: PolicyBook, rows: Iterable[RowValues], skipped: list[Skipped]
) -> Snapshot:
    plain = {alias: OriginCollector() for alias in book.policies}
    entries: dict[str, list[OriginPattern | str]] = {alias: [] for alias in book.policies}
    limits: dict[str, dict[str, RowLimits]] = {alias: {} for alias in book.policies}
    for pk, alias, origin, allow_credentials, expires_at, never_expires in rows:
        policy = book.policies.get(alias)
        if policy is None:
            skipped.append((pk, origin, f"has the policy {alias!r}, which is not in CORS_POLICIES"))
            continue
        if expires_at is None and not never_expires:
            skipped.append((pk, origin, "has an expiry that cannot be read"))
            continue
        try:
            entry, row_limits = _entry_and_limits(policy, origin, allow_credentials, expires_at)
        except PolicyError as error:
            skipped.append((pk, origin, error.reason))
            continue
        if row_limits is NO_LIMITS and isinstance(entry, str):
            plain[alias].add(entry)
            continue
        entries[alias].append(entry)
        if row_limits is not NO_LIMITS:
            limits[alias][str(entry)] = row_limits
    policy_rows: dict[str | None, PolicyRows] = {
        alias: PolicyRows(plain[alias].collect(), entries[alias], limits[alias])
        for alias in book.policies
    }
    return Snapshot(token, book, policy_rows, tuple(skipped))


def _entry_and_limits(
    policy: Policy, origin: str, allow_credentials: bool, expires_at: datetime.datetime | None
) -> tuple[OriginPattern | str, RowLimits]:
    """Parse a row. Raises ``PolicyError`` if that fails or if ``policy`` refuses the row."""
    entry = read_row(origin)
    if problems := row_problems(entry, policy, allow_credentials):
        raise problems[0]
    risks = frozenset[str]()
    if not is_plain(entry):
        risks = frozenset(RISKS[problem.id] for problem in credential_problems(entry, ()))
    if allow_credentials and expires_at is None and not risks:
        return entry, NO_LIMITS
    timestamp = expires_at.timestamp() if expires_at is not None else None
    return entry, RowLimits(allow_credentials, timestamp, risks)
