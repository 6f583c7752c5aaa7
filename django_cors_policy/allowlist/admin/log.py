"""The admin's log of the rows: who added and changed them, and what each change replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.utils import display_for_value
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override

from ..batches import FIELDS, as_item, parse_moment
from ..models import AllowedOrigin
from ..rows import shown

# The key of the log's JSON for the values that a change replaced. Django ignores keys that it does
# not know.
BEFORE = "before"
AFTER = "after"


class Authors(NamedTuple):
    """The users who added a row and who changed it last; empty if it was not in the admin."""

    added_by: str = ""
    changed_by: str = ""


class Difference(NamedTuple):
    """A value of a row, for display."""

    label: str
    now: str
    then: str


def entries_of(rows: Iterable[AllowedOrigin]) -> models.QuerySet[LogEntry]:
    """Return the log's entries about ``rows``, oldest first."""
    keys = [str(row.pk) for row in rows]
    entries: models.QuerySet[LogEntry]
    entries = LogEntry.objects.filter(content_type=_content_type(), object_id__in=keys)
    entries = entries.select_related("user").order_by("action_time", "pk")
    return entries


def _content_type() -> ContentType:
    found: ContentType = ContentType.objects.get_for_model(AllowedOrigin, for_concrete_model=False)
    return found


def authors_of(rows: Sequence[AllowedOrigin]) -> dict[Any, Authors]:
    """Return the authors of each row by its primary key, with one query."""
    authors = {row.pk: Authors() for row in rows}
    by_key = {str(row.pk): row for row in rows}
    for entry in entries_of(rows):
        row = by_key[str(entry.object_id)]
        name = entry.user.get_username()
        if entry.action_flag == ADDITION:
            authors[row.pk] = authors[row.pk]._replace(added_by=name)
        # The log is written after the row. A later change was not in the admin.
        elif entry.action_flag == CHANGE and entry.action_time >= row.updated_at:
            authors[row.pk] = authors[row.pk]._replace(changed_by=name)
    return authors


# --- Writing the log -----------------------------------------------------------------------------


def values_of(row: AllowedOrigin) -> dict[str, Any]:
    """Return the values of the row as the log keeps them."""
    return as_item(row)


def message_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the log's message about the fields that differ; empty if none does."""
    names = [name for name in before if before[name] != after[name]]
    if not names:
        return {}
    with override(None):  # the log translates the labels when it is shown
        labels = [_label(name) for name in names]
    return {
        "fields": labels,
        BEFORE: {name: before[name] for name in names},
        AFTER: {name: after[name] for name in names},
    }


def log_changes(
    request: HttpRequest, rows: Sequence[AllowedOrigin], before: Iterable[Mapping[str, Any]]
) -> None:
    """Log the changes of ``rows`` with one query; ``before`` are their earlier values."""
    assert request.user.pk is not None  # noqa: S101 -- the admin's users are logged in
    entries = [
        LogEntry(
            user_id=request.user.pk,
            content_type=_content_type(),
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=CHANGE,
            change_message=json.dumps([{"changed": message_of(earlier, values_of(row))}]),
        )
        for row, earlier in zip(rows, before, strict=True)
    ]
    LogEntry.objects.bulk_create(entries)


# --- Reading the log -----------------------------------------------------------------------------


def _changed(entry: LogEntry, part: str) -> dict[str, Any]:
    """Return the values ``before`` or ``after`` the logged change; empty if it does not say."""
    try:
        parts = json.loads(entry.change_message)
        values = next(found["changed"][part] for found in parts if part in found.get("changed", ()))
        known = {name: values[name] for name in FIELDS if name in values}
        for name, value in known.items():
            for_form(name, value)  # raises if it cannot be read
    except (AttributeError, StopIteration, TypeError, ValueError, ValidationError):
        return {}
    return known


def earlier_values(entry: LogEntry) -> dict[str, Any]:
    """Return the values that the logged change replaced; empty if the entry does not say."""
    return _changed(entry, BEFORE)


def changes_in(entry: LogEntry) -> list[Difference]:
    """Return the changes of the entry: ``now`` is the value after the change."""
    after = _changed(entry, AFTER)
    return [
        Difference(_label(name), _as_text(name, after.get(name)), _as_text(name, value))
        for name, value in earlier_values(entry).items()
    ]


def differences(row: AllowedOrigin, wanted: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the fields of ``row`` whose values are not the wanted ones."""
    now = values_of(row)
    for name, value in wanted.items():
        if now[name] != value:
            yield Difference(_label(name), _as_text(name, now[name]), _as_text(name, value))


def for_form(name: str, value: Any) -> Any:
    """Return the value as the form takes it."""
    return parse_moment(value) if name == "expires_at" and value else value


def _label(name: str) -> str:
    field: Any = AllowedOrigin._meta.get_field(name)  # noqa: SLF001 -- documented by Django
    return str(capfirst(field.verbose_name))


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "expires_at":
        return display_for_value(for_form(name, value), "") if value else _("never")
    return shown(value) if name == "origin" else str(value or "-")
