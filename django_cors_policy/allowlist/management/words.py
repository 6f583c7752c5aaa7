"""Rows, and changes of rows, in words for the terminal."""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Sequence

from django.utils import timezone

from django_cors_policy.exceptions import PolicyError, did_you_mean, short_repr
from django_cors_policy.explain import reactivation, row_command

from ..batches import Line, problems_of
from ..coverage import obstacles
from ..models import AllowedOrigin
from ..rows import parse_row, shown
from ..states import RowStatus, known_policies, status_of
from ..view_credentials import describe_credentials


def as_cells(row: AllowedOrigin, status: RowStatus) -> tuple[str, str, str, str, str]:
    return (
        row.policy,
        shown(row.origin),
        status.text.replace("\N{NO-BREAK SPACE}", " "),
        describe_credentials(row),
        row.note,
    )


def name_of(row: AllowedOrigin) -> str:
    return f"{shown(row.origin)} in policy {row.policy!r}"


def in_words(row: AllowedOrigin) -> str:
    facts = [name_of(row)]
    if not row.is_enabled:
        facts.append("disabled")
    if row.expires_at is not None:
        facts.append(_until(row.expires_at))
    if not row.allow_credentials:
        facts.append("without credentials")
    return ", ".join(facts)


def differences(line: Line) -> str:
    return ", ".join(
        f"{name} is {_value(before)}, not {_value(getattr(line.row, name))}"
        for name, before in line.before.items()
    )


def _value(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return _moment(value)
    # As in exported files.
    return short_repr(value) if isinstance(value, str) else json.dumps(value)


def _until(moment: datetime.datetime) -> str:
    return f"{'expired' if moment <= timezone.now() else 'until'} {_moment(moment)}"


def _moment(moment: datetime.datetime) -> str:
    if timezone.is_aware(moment):
        moment = timezone.localtime(moment)
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".rstrip()


def why_not_open(line: Line) -> list[str]:
    """Return why an existing row has no effect even with the values of ``line``, if so."""
    row = line.row
    status = status_of(row)  # first, because problems_of() normalises the origin
    if status.state.is_live:
        return []
    stored = copy.copy(row)
    for name, value in line.before.items():
        setattr(stored, name, value)
    command = row_command(stored.policy, stored.origin, *reactivation(obstacles(stored)))
    if not row.is_enabled:
        return [f"{name_of(row)} has no effect: it is disabled. To enable it, run `{command}`."]
    problems = problems_of(row, f"Run `{command}`")
    if not problems and row.expires_at is not None and row.is_expired:
        why = f"it expired {_moment(row.expires_at)}. To set a new expiry, run `{command}`."
        problems = [f"{name_of(row)} has no effect: {why}"]
    return problems or [status.why]


def why_not_changed(line: Line) -> str:
    return (
        f"{name_of(line.row)} already exists with other values: {differences(line)}. "
        "To change it, use --update."
    )


def why_not_found(line: Line, elsewhere: Sequence[str], hint: str) -> list[str]:
    """Return why there is no row to change. ``elsewhere`` are the policies that have one.

    ``hint`` says what to do. It is empty if a missing row is not a problem.
    """
    try:
        parse_row(line.origin)
    except PolicyError as error:
        return [str(error)]  # probably a typo: the intended origin would keep its row
    if not hint:
        return []
    policies = known_policies()
    if elsewhere:
        hint = f"It is in {', '.join(map(repr, elsewhere))}: choose the policy with --policy."
    elif policies and line.policy not in policies:
        hint = f"That is not a policy in CORS_POLICIES. {did_you_mean(line.policy, policies)}"
    return [f"{shown(line.origin)} is not in policy {line.policy!r}. {hint}"]
