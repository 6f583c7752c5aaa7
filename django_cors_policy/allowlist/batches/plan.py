"""Rows that are asked for, compared with those in the database; and then the change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction

from ..models import AllowedOrigin, AllowedOriginQuerySet
from ..states import RowStatus, status_of

# Few enough for the parameters that a query may have on any database.
BATCH = 500

# (what is being done, how many are done, of how many)
Progress = Callable[[str, int, int], None]
_Item = TypeVar("_Item")


@dataclass
class Line:
    """A row that is asked for: where, what is said of it, and what becomes of it."""

    # Of the line in the file or the paste; 0 if it is in neither.
    number: int
    policy: str = ""
    origin: str = ""
    # What a row that exists is to hold. What is not said is left as it is.
    values: Mapping[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    # The new row, or the one in the database.
    row: AllowedOrigin = field(init=False)
    # Of a row to be changed: what it has held.
    before: dict[str, Any] = field(default_factory=dict)
    # Of a duplicate: the number of the first line for the row.
    same_as: int = 0

    # For the admin: what was written, the form of the new row, and what the page says about it.
    text: str = ""
    form: Any = None
    remarks: list[str] = field(default_factory=list)

    @property
    def status(self) -> RowStatus:
        return status_of(self.row)


@dataclass
class Plan:
    """What would be done. Only refused lines have problems."""

    added: list[Line] = field(default_factory=list)
    changed: list[Line] = field(default_factory=list)
    unchanged: list[Line] = field(default_factory=list)
    duplicates: list[Line] = field(default_factory=list)
    refused: list[Line] = field(default_factory=list)
    removed: list[AllowedOrigin] = field(default_factory=list)


def make_plan(lines: Iterable[Line], using: str, progress: Progress | None = None) -> Plan:
    """What would become of each line, as things are in the database ``using``."""
    plan = Plan()
    first_with: dict[tuple[str, str], Line] = {}
    for line in lines:
        if line.problems:
            plan.refused.append(line)
            continue
        first = first_with.setdefault((line.policy, line.origin), line)
        if first is not line:
            line.same_as = first.number
            plan.duplicates.append(line)
    wanted = list(first_with.values())
    done = 0
    for batch in _batches(wanted):
        found = list(rows_with({line.origin for line in batch}, using))
        # Some databases compare without regard to case, and would refuse a second row.
        existing = {(row.policy, row.origin.lower()): row for row in found}
        existing |= {(row.policy, row.origin): row for row in found}
        for line in batch:
            _settle(line, existing.get((line.policy, line.origin)), plan)
        done += len(batch)
        if progress is not None:
            progress("Compared", done, len(wanted))
    return plan


def _settle(line: Line, existing: AllowedOrigin | None, plan: Plan) -> None:
    """Put the line into the plan. A row that stays as it is is not judged."""
    if existing is not None:
        line.row = existing
        for name, value in line.values.items():
            if (now := getattr(existing, name)) != value:
                line.before[name] = now
                setattr(existing, name, value)
        outcome = plan.changed if line.before else plan.unchanged
    else:
        outcome = plan.added
        if line.form is None:
            line.row = AllowedOrigin(policy=line.policy, origin=line.origin, **line.values)
    # A form has judged its row already.
    if outcome is not plan.unchanged and line.form is None:
        line.problems = problems_of(line.row)
    (plan.refused if line.problems else outcome).append(line)


def problems_of(row: AllowedOrigin) -> list[str]:
    """Why the model refuses the row."""
    try:
        # Whether it is unique is known, and the database would be asked for each row.
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return [
            message if name == "origin" else f"{name}: {message}"
            for name, messages in error.message_dict.items()
            for message in messages
        ]
    return []


def rows_with(origins: Iterable[str], using: str) -> AllowedOriginQuerySet:
    """The rows, of any policy, whose origins are written just so."""
    # Not as the model's own field, which would parse each once more, and refuse the unreadable.
    written = models.ExpressionWrapper(models.F("origin"), output_field=models.CharField())
    rows = AllowedOrigin.objects.using(using)
    found: AllowedOriginQuerySet = rows.alias(written=written).filter(written__in=list(origins))
    return found


def surplus(lines: Iterable[Line], using: str, policy: str | None) -> list[AllowedOrigin]:
    """The rows (of ``policy``, if that is given) that ``lines`` do not have."""
    rows = AllowedOrigin.objects.using(using)
    if policy is not None:
        rows = rows.filter(policy=policy)
    wanted = {(line.policy, line.origin) for line in lines}
    return [row for row in rows.iterator(chunk_size=2000) if (row.policy, row.origin) not in wanted]


def carry_out(plan: Plan, using: str, progress: Progress | None = None) -> None:
    """Do all of it or, if the database objects, nothing."""
    objects = AllowedOrigin.objects.using(using)
    fields = {name for line in plan.changed for name in line.before}
    steps: list[tuple[list[AllowedOrigin], Callable[[list[AllowedOrigin]], object]]] = [
        (plan.removed, lambda rows: objects.filter(pk__in=[row.pk for row in rows]).delete()),
        ([line.row for line in plan.added], objects.bulk_create),
        ([line.row for line in plan.changed], lambda rows: objects.bulk_update(rows, fields)),
    ]
    total = sum(len(rows) for rows, _write in steps)
    done = 0
    with transaction.atomic(using=using):
        for rows, write in steps:
            for batch in _batches(rows):
                write(batch)
                done += len(batch)
                if progress is not None:
                    progress("Written", done, total)


def _batches(items: list[_Item]) -> Iterator[list[_Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
