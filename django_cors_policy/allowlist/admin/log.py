"""The admin's log of the rows: who added and changed them, and what each change replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.utils import display_for_value
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override

from ..batches import FIELDS, as_item, parse_moment
from ..models import AllowedOrigin
from ..rows import as_people_write, shown

# The keys of the log's JSON for the values that a change replaced, and the new ones. Django ignores
# keys that it does not know.
BEFORE = "before"
AFTER = "after"
# The types of the values, besides None for "expires_at".
TYPES: Mapping[str, type] = dict.fromkeys(FIELDS, str) | {
    "allow_credentials": bool,
    "is_enabled": bool,
}


class Authors(NamedTuple):
    """The users who added a row and who changed it last; empty if it was not in the admin."""

    added_by: str = ""
    changed_by: str = ""


class Difference(NamedTuple):
    """Two values of a field, for display."""

    label: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.label}: {self.old} → {self.new}"


def entries_of(
    model: type[AllowedOrigin], rows: Iterable[AllowedOrigin]
) -> models.QuerySet[LogEntry]:
    """Return the log's entries about ``rows``, oldest first. ``model`` may be a proxy.

    They can include entries about an older row with the same primary key.
    """
    keys = [str(row.pk) for row in rows]
    entries: models.QuerySet[LogEntry]
    entries = LogEntry.objects.filter(content_type=_content_type(model), object_id__in=keys)
    entries = entries.order_by("action_time", "pk")
    return entries


def _content_type(model: type[AllowedOrigin]) -> ContentType:
    found: ContentType = ContentType.objects.get_for_model(model, for_concrete_model=False)
    return found


def authors_of(model: type[AllowedOrigin], rows: Sequence[AllowedOrigin]) -> dict[Any, Authors]:
    """Return the authors of each row by its primary key, with one query."""
    authors = {row.pk: Authors() for row in rows}
    by_key = {str(row.pk): row for row in rows}
    if not rows:
        return authors
    # A row can have thousands of entries. Only changes since its last one count.
    oldest = min(row.updated_at for row in rows)
    counts = models.Q(action_flag=ADDITION) | models.Q(action_flag=CHANGE, action_time__gte=oldest)
    name_field = f"user__{get_user_model().USERNAME_FIELD}"
    entries = entries_of(model, rows).filter(counts)
    for key, flag, time, name in entries.values_list(
        "object_id", "action_flag", "action_time", name_field
    ):
        row = by_key[key]
        if flag == ADDITION and time >= row.created_at:
            authors[row.pk] = authors[row.pk]._replace(added_by=str(name))
        # The log is written after the row. A later change was not in the admin.
        elif flag == CHANGE and time >= row.updated_at:
            authors[row.pk] = authors[row.pk]._replace(changed_by=str(name))
    return authors


# --- Writing the log -----------------------------------------------------------------------------


def values_of(row: AllowedOrigin) -> dict[str, Any]:
    """Return the values of the row as the log keeps them: times in whole seconds, as in forms."""
    values = as_item(row)
    if row.expires_at is not None:
        row_in_seconds = AllowedOrigin(expires_at=row.expires_at.replace(microsecond=0))
        values["expires_at"] = as_item(row_in_seconds)["expires_at"]
    return values


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
    request: HttpRequest,
    model: type[AllowedOrigin],
    rows: Sequence[AllowedOrigin],
    before: Iterable[Mapping[str, Any]],
) -> None:
    """Log the changes of ``rows`` with one query; ``before`` are their earlier values."""
    assert request.user.pk is not None  # noqa: S101 -- the admin's users are logged in
    entries = [
        LogEntry(
            user_id=request.user.pk,
            content_type=_content_type(model),
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=CHANGE,
            change_message=json.dumps([{"changed": message_of(earlier, values_of(row))}]),
        )
        for row, earlier in zip(rows, before, strict=True)
    ]
    LogEntry.objects.bulk_create(entries)


# --- Reading the log -----------------------------------------------------------------------------


class LoggedChange(NamedTuple):
    """The values before and after a change, for the same fields; empty if the log lacks them."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]


def logged_change(entry: LogEntry, row: AllowedOrigin, fields: Iterable[str]) -> LoggedChange:
    """Return the values of ``fields`` in ``entry``.

    Empty if the entry is about an older row with the same primary key.
    """
    if entry.action_flag != CHANGE or entry.action_time < row.created_at:
        return LoggedChange({}, {})
    try:
        parts = json.loads(entry.change_message)
        changed = next(part["changed"] for part in parts if BEFORE in part.get("changed", ()))
        before, after = changed[BEFORE], changed[AFTER]
        names = [name for name in FIELDS if name in before and name in fields]
        return LoggedChange(
            {name: _checked(name, before[name]) for name in names},
            {name: _checked(name, after[name]) for name in names},
        )
    # What other code may have written: no JSON, or other keys and values.
    except (AttributeError, LookupError, RecursionError, StopIteration, TypeError, ValueError):
        return LoggedChange({}, {})


def _checked(name: str, value: Any) -> Any:
    """Return ``value``. Raises ``TypeError`` or ``ValueError`` if ``values_of`` never writes it."""
    if not (isinstance(value, TYPES[name]) or (name == "expires_at" and value is None)):
        raise TypeError(value)
    try:
        for_form(name, value)
    except ValidationError as error:
        raise ValueError(value) from error
    return value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the fields of ``new`` whose values are not those of ``old``."""
    for name, value in new.items():
        if old[name] != value:
            yield Difference(_label(name), _as_text(name, old[name]), _as_text(name, value))


def for_form(name: str, value: Any) -> Any:
    """Return the value as the form takes it. Raises ``ValidationError`` if it cannot be read."""
    if name == "expires_at" and value:
        return parse_moment(value)
    return as_people_write(value) if name == "origin" else value


def _label(name: str) -> str:
    field: Any = AllowedOrigin._meta.get_field(name)  # noqa: SLF001 -- documented by Django
    return str(capfirst(field.verbose_name))


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "expires_at":
        return display_for_value(for_form(name, value), "") if value else _("never")
    return shown(value) if name == "origin" else str(value or "-")
