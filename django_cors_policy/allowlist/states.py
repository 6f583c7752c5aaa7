"""The state of a row: whether it is in force, and why not, for display."""

from __future__ import annotations

import datetime
import enum
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean
from django_cors_policy.policy import Policy

from .models import AllowedOrigin, AllowedOriginQuerySet
from .rows import read_row, row_problems

SOON = datetime.timedelta(days=7)
# The most rows to check in Python, or to list by key, where SQL cannot decide.
MOST_ROWS = 10_000


# These rules hold only for rows with credentials, so this is the narrowest fix.
WITHOUT_CREDENTIALS = gettext_noop(
    'The row works without cookies: untick "Allow credentials". To keep them:'
)


class State(str, enum.Enum):
    """The state of a row. If several apply, ``status_of`` decides which one counts."""

    LIVE = "live"
    EXPIRING = "expiring"
    DISABLED = "disabled"
    EXPIRED = "expired"
    UNKNOWN_POLICY = "unknown-policy"
    REFUSED = "refused"
    UNREADABLE = "unreadable"

    @property
    def is_live(self) -> bool:
        return self in (State.LIVE, State.EXPIRING)


LABELS = {
    State.LIVE: gettext_lazy("live"),
    State.EXPIRING: gettext_lazy("expires within 7 days"),
    State.DISABLED: gettext_lazy("disabled"),
    State.EXPIRED: gettext_lazy("expired"),
    State.UNKNOWN_POLICY: gettext_lazy("unknown policy"),
    State.REFUSED: gettext_lazy("refused by its policy"),
    State.UNREADABLE: gettext_lazy("unreadable"),
}


@dataclass(frozen=True)
class RowStatus:
    """A state, its text for display, and the reason if the text does not say it.

    The reason why a row is not live is a problem, which is always in English.
    """

    state: State
    text: str
    why: str = ""


def known_policies() -> Mapping[str, Policy]:
    """Return the policies in settings; none if they are wrong, which system checks report."""
    try:
        return policy_book().policies
    except PolicyErrors:
        return {}


def status_of(row: AllowedOrigin) -> RowStatus:
    """Return the current status of ``row``."""
    now = timezone.now()
    if not row.is_enabled:
        return RowStatus(State.DISABLED, _("disabled"))
    if row.expires_at is not None and row.expires_at <= now:
        ago = timesince(row.expires_at, now, depth=1)
        return RowStatus(State.EXPIRED, _("expired %(time)s ago") % {"time": ago})
    policies = known_policies()
    found = misfit(policies, row.policy, row.origin, row.allow_credentials)
    if found is not None:
        state, why = found
        return RowStatus(state, str(LABELS[state]), why)
    why = _("The policy already allows any origin.") if policies[row.policy].any_origin else ""
    if row.expires_at is None:
        return RowStatus(State.LIVE, _("live"), why)
    state = State.EXPIRING if row.expires_at <= now + SOON else State.LIVE
    left = timeuntil(row.expires_at, now, depth=1)
    return RowStatus(state, _("expires in %(time)s") % {"time": left}, why)


def with_state(rows: AllowedOriginQuerySet, state: State) -> AllowedOriginQuerySet:
    """Filter ``rows`` by their ``status_of``. ``LIVE`` includes ``EXPIRING``."""
    now = timezone.now()
    policies = known_policies()
    if state == State.DISABLED:
        rows = rows.filter(is_enabled=False)
    elif state == State.EXPIRED:
        rows = rows.filter(is_enabled=True, expires_at__lte=now)
    elif state == State.UNKNOWN_POLICY:
        rows = rows.filter(in_force(now)).exclude(policy__in=policies)
    else:
        rows = rows.filter(in_force(now), policy__in=policies)
        if state == State.EXPIRING:
            rows = rows.filter(expires_at__lte=now + SOON)
        values = rows.order_by().values_list("pk", "policy", "origin", "allow_credentials")
        misfits = (
            (pk, problem[0])
            for pk, alias, origin, credentials in values.iterator(chunk_size=2000)
            if (problem := misfit(policies, alias, origin, credentials)) is not None
        )
        looked_at = itertools.islice(misfits, MOST_ROWS)
        if state.is_live:
            rows = rows.exclude(pk__in=[pk for pk, _found in looked_at])
        else:
            rows = rows.filter(pk__in=[pk for pk, found in looked_at if found == state])
    return rows


def in_force(now: datetime.datetime) -> models.Q:
    """Return the condition for rows that are enabled and not expired."""
    not_over = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
    return models.Q(not_over, is_enabled=True)


def misfit(
    policies: Mapping[str, Policy], alias: str, origin: str, allow_credentials: bool
) -> tuple[State, str] | None:
    """Return state and reason of a row that its policy cannot use; None for other rows."""
    policy = policies.get(alias)
    if policy is None:
        hint = did_you_mean(alias, policies)
        return State.UNKNOWN_POLICY, f"{alias!r} is not a policy in CORS_POLICIES. {hint}"
    try:
        entry = read_row(origin)
    except PolicyError as error:
        return State.UNREADABLE, f"{error.message} {error.hint}"
    problems = row_problems(entry, policy, allow_credentials)
    if problems:
        return State.REFUSED, " ".join(
            [WITHOUT_CREDENTIALS, *(f"{problem.message} {problem.hint}" for problem in problems)]
        )
    return None
