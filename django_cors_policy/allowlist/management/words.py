"""Rows, and changes of rows, in words for the terminal."""

from __future__ import annotations

import datetime
import json

from django.utils import timezone

from django_cors_policy.exceptions import short_repr

from ..batches import Line
from ..models import AllowedOrigin
from ..rows import shown
from ..states import RowStatus
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


def why_not_open(row: AllowedOrigin) -> list[str]:
    """Return why an existing row does not allow its origin, if so."""
    if not row.is_enabled:
        why = "it is disabled. Enable it in the admin, or remove it and add it again."
    elif row.expires_at is not None and row.is_expired:
        why = f"it expired {_moment(row.expires_at)}. Set a new expiry: --update --expires 7d."
    else:
        return []
    return [f"{name_of(row)} already exists, but {why}"]


def why_not_changed(line: Line) -> str:
    return (
        f"{name_of(line.row)} already exists with other values: {differences(line)}. "
        "To change it, use --update."
    )
