"""Compare requested rows with the rows in the database, and write the changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction

from ..models import AllowedOrigin, AllowedOriginQuerySet
from ..states import RowStatus, status_of

# Every database accepts this many parameters in a query.
BATCH = 500

# The code of the model's errors about origins that are not safe with credentials.
RISK = "credentials"

# (name of the step, rows done, total)
Progress = Callable[[str, int, int], None]
_Item = TypeVar("_Item")


@dataclass
class Line:
    """A requested row: where it is written, its values, and its place in the plan."""

    # The line number in the file or the form; 0 if it has none.
    number: int
    policy: str = ""
    origin: str = ""
    # The values to set. In an existing row, all other fields keep their values.
    values: Mapping[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    # The new row, or the one in the database.
    row: AllowedOrigin = field(init=False)
    # For a changed row: its old values.
    before: dict[str, Any] = field(default_factory=dict)
    # For a duplicate: the number of the first line with the same row.
    same_as: int = 0

    # For the admin: the text as written, the form of the new row, and remarks for the page.
    text: str = ""
    form: Any = None
    remarks: list[str] = field(default_factory=list)

    def change(self, row: AllowedOrigin) -> None:
        """Set the values of ``row``, and keep the old ones that differ."""
        self.row = row
        for name, value in self.values.items():
            if (now := getattr(row, name)) != value:
                self.before[name] = now
                setattr(row, name, value)

    @property
    def status(self) -> RowStatus:
        return status_of(self.row)


@dataclass
class Plan:
    """The changes to make. Only refused lines have problems."""

    added: list[Line] = field(default_factory=list)
    changed: list[Line] = field(default_factory=list)
    unchanged: list[Line] = field(default_factory=list)
    duplicates: list[Line] = field(default_factory=list)
    refused: list[Line] = field(default_factory=list)
    removed: list[AllowedOrigin] = field(default_factory=list)


def make_plan(
    lines: Iterable[Line], using: str, progress: Progress | None = None, advice: str = ""
) -> Plan:
    """Compare the lines with the database ``using``. This writes nothing.

    ``advice`` is for ``problems_of``.
    """
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
        # Some databases ignore case when they compare, and would refuse a second row.
        existing = {(row.policy, row.origin.lower()): row for row in found}
        existing |= {(row.policy, row.origin): row for row in found}
        for line in batch:
            _settle(line, existing.get((line.policy, line.origin)), plan, advice)
        done += len(batch)
        if progress is not None:
            progress("Compared", done, len(wanted))
    return plan


def _settle(line: Line, existing: AllowedOrigin | None, plan: Plan, advice: str) -> None:
    """Add the line to the plan.

    A row without changes is not validated, and neither is one that is only disabled: a rule must
    not keep an origin allowed. A form has already validated its row.
    """
    is_valid = line.form is not None
    if existing is not None:
        line.change(existing)
        outcome = plan.changed if line.before else plan.unchanged
        is_valid |= not line.before or (
            set(line.before) == {"is_enabled"} and not existing.is_enabled
        )
    else:
        outcome = plan.added
        if line.form is None:
            line.row = AllowedOrigin(policy=line.policy, origin=line.origin, **line.values)
    if not is_valid:
        line.problems = problems_of(line.row, advice)
    (plan.refused if line.problems else outcome).append(line)


def problems_of(row: AllowedOrigin, advice: str = "") -> list[str]:
    """Return the problems for which the model refuses the row.

    ``advice`` says how to write the row without credentials. Its policy may accept it then.
    """
    try:
        # The plan has checked uniqueness. This would query the database for each row.
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        risks = [found for found in error.error_dict.get("origin", ()) if found.code == RISK]
        if advice and risks:
            why = " ".join(message for risk in risks for message in risk.messages)
            text = f"{advice}: the row is accepted without credentials. With them, {why}"
            error.error_dict["origin"] = [ValidationError(text)]
        return [
            message if name == "origin" else f"{name}: {message}"
            for name, messages in error.message_dict.items()
            for message in messages
        ]
    return []


def rows_with(origins: Iterable[str], using: str) -> AllowedOriginQuerySet:
    """Return the rows, of all policies, with exactly these origins."""
    # The model's own field would parse each value again and refuse unreadable ones.
    written = models.ExpressionWrapper(models.F("origin"), output_field=models.CharField())
    rows = AllowedOrigin.objects.using(using)
    found: AllowedOriginQuerySet = rows.alias(written=written).filter(written__in=list(origins))
    return found


def surplus(lines: Iterable[Line], using: str, policy: str | None) -> list[AllowedOrigin]:
    """Return the rows (only of ``policy``, if given) that are not in ``lines``."""
    rows = AllowedOrigin.objects.using(using)
    if policy is not None:
        rows = rows.filter(policy=policy)
    wanted = {(line.policy, line.origin) for line in lines}
    return [row for row in rows.iterator(chunk_size=2000) if (row.policy, row.origin) not in wanted]


def carry_out(plan: Plan, using: str, progress: Progress | None = None) -> None:
    """Write all changes of the plan in one transaction."""
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
