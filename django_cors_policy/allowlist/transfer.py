"""Rows as files and command lines write them: read, compared with the database, brought into it.

Whatever judges an origin or a row is the model's; here is only how it gets there and back.
"""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.forms.utils import from_current_timezone
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_cors_policy.exceptions import PolicyError, did_you_mean, short_repr
from django_cors_policy.policy import DEFAULT_ALIAS

from .models import AllowedOrigin, AllowedOriginQuerySet
from .rows import parse_row

# What a file says of a row. When it was created and changed is each database's own affair.
FIELDS = ("policy", "origin", "allow_credentials", "is_enabled", "expires_at", "note")
# Few enough for the parameters that a query may have on any database.
BATCH = 500

# (what is being done, how many are done, of how many)
Progress = Callable[[str, int, int], None]
_Item = TypeVar("_Item")


class Refused(Exception):
    """Everything that is wrong with what was to be done: numbers of lines, and sentences."""

    def __init__(self, problems: Iterable[tuple[int, str]]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem[0])
        super().__init__(self.problems)


# --- Times ---------------------------------------------------------------------------------------

_DURATION = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NEVER = "never"
_MOMENT_HINT = "Write one such as '2030-12-24T18:00+01:00', or a date such as '2030-12-24'."
_EXPIRES_HINT = (
    "Write how long from now, as in '7d', '12h' or '30m', a time as in '2030-12-24T18:00+01:00', "
    f"or {NEVER!r}."
)


def parse_expires(text: str) -> datetime.datetime | None:
    """When something expires: ``7d`` from now, a time, or ``never``. Raises ``ValidationError``."""
    if text == NEVER:
        return None
    duration = _DURATION.fullmatch(text)
    try:
        if duration:
            delta = datetime.timedelta(**{_UNITS[duration[2]]: int(duration[1])})
            moment = _as_stored(timezone.now()).replace(microsecond=0) + delta
        else:
            moment = parse_moment(text, _EXPIRES_HINT)
    except OverflowError:
        raise ValidationError(f"{short_repr(text)} is too long. {_EXPIRES_HINT}") from None
    if moment <= _as_stored(timezone.now()):
        raise ValidationError(f"{short_repr(text)} has passed already. Write a later time.")
    return moment


def parse_moment(text: str, hint: str = _MOMENT_HINT) -> datetime.datetime:
    """A time as ISO 8601 has it, in TIME_ZONE where it names no zone; a date is its midnight.

    Raises ``ValidationError``.
    """
    try:
        moment = parse_datetime(text)
        # What the clock shows twice or never is refused there.
        stored = _as_stored(from_current_timezone(moment)) if moment is not None else None
    except (OverflowError, ValueError):
        stored = None
    if stored is None:
        raise ValidationError(f"{short_repr(text)} is no time. {hint}")
    return stored


def _as_stored(moment: datetime.datetime) -> datetime.datetime:
    """In UTC; without a zone where ``USE_TZ`` is False."""
    if settings.USE_TZ:
        return moment.astimezone(datetime.timezone.utc)
    return timezone.make_naive(moment) if timezone.is_aware(moment) else moment


# --- Reading -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """What is said of one row, and where. What is not said is left as it is."""

    number: int
    policy: str
    origin: str
    values: Mapping[str, Any]


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValidationError(f"{short_repr(value)} is no text. Write it in quotes.")
    if re.search(r"[\0\ud800-\udfff]", value):
        raise ValidationError(
            f"{short_repr(value)} has a character that no database stores. Leave it out."
        )
    return value


def _read_origin(value: object) -> str:
    text = _read_text(value).strip()
    if not text:
        raise ValidationError("It is empty. Write an origin such as 'https://app.example.com'.")
    try:
        return str(parse_row(text))
    except PolicyError:
        return text  # for the model to refuse, unless there is such a row


def _read_flag(value: object) -> bool:
    # Spreadsheets write TRUE.
    text = str(value).lower() if isinstance(value, (bool, str)) else ""
    flag = {"true": True, "false": False}.get(text)
    if flag is None:
        raise ValidationError(f"{short_repr(value)} is neither. Write true or false.")
    return flag


def _read_moment(value: object) -> datetime.datetime | None:
    if isinstance(value, datetime.datetime):
        return value
    return None if value in (None, "") else parse_moment(_read_text(value))


_READERS: Mapping[str, Callable[[object], Any]] = {
    "policy": _read_text,
    "origin": _read_origin,
    "allow_credentials": _read_flag,
    "is_enabled": _read_flag,
    "expires_at": _read_moment,
    "note": _read_text,
}


def read_line(number: int, item: object, policy: str | None) -> Line:
    """What ``item`` says, of a row of ``policy`` if that is given. Raises ``Refused``."""
    if not isinstance(item, dict):
        example = '{"origin": "https://app.example.com"}'
        raise Refused([(number, f"{short_repr(item)} is no object. Write {example}.")])
    problems = [
        f"{short_repr(name)} is no field of a row. {did_you_mean(name, FIELDS)}"
        for name in item
        if name not in FIELDS
    ]
    values: dict[str, Any] = {"policy": policy or DEFAULT_ALIAS}
    for name, value in {"origin": "", **item}.items():
        if name in FIELDS:
            try:
                values[name] = _READERS[name](value)
            except ValidationError as error:
                problems += [f"{name}: {message}" for message in error.messages]
    if policy is not None and values["policy"] != policy:
        problems.append(
            f"The row is of policy {values['policy']!r}, and only rows of {policy!r} are wanted. "
            "Leave it out, or name no policy."
        )
    if problems:
        raise Refused((number, problem) for problem in problems)
    return Line(number, values.pop("policy"), values.pop("origin"), values)


def _read_json(text: str, problems: list[tuple[int, str]]) -> Iterator[tuple[int, object]]:
    try:
        is_list = isinstance(json.loads(text), list)
    except ValueError as error:
        message = f"This is no JSON: {error}. For CSV, say --format csv."
        problems.append((getattr(error, "lineno", 1), message))
        return
    except RecursionError:
        problems.append((1, "This is nested too deep. Write a list of objects, one for each row."))
        return
    if not is_list:
        problems.append((1, "This is no list. Write [...] around the rows."))
        return
    # Once more, one by one: to know on which line each begins.
    decode = json.JSONDecoder().raw_decode
    number, position = 1, text.index("[") + 1
    while True:
        start = position + len(_BETWEEN.match(text, position)[0])  # type: ignore[index]
        number += text.count("\n", position, start)
        if text[start] == "]":
            return
        item, position = decode(text, start)
        yield number, item
        number += text.count("\n", start, position)


_BETWEEN = re.compile(r"[\s,]*")


def _read_csv(text: str, problems: list[tuple[int, str]]) -> Iterator[tuple[int, object]]:
    # What spreadsheets put between cells depends on where they are.
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        for name in header:
            if name not in FIELDS:
                hint = did_you_mean(name, FIELDS)
                problems.append((1, f"{short_repr(name)} is no column of it. {hint}"))
        if "origin" not in header or len({*header}) < len(header):
            message = "The first line has to name the columns: origin, and each once."
            problems.append((1, f"{message} Write {','.join(FIELDS)}."))
        if problems:
            return
        number = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                yield number, dict(zip(header, map(_without_apostrophe, cells), strict=True))
            elif cells:
                message = f"There are {len(cells)} cells under {len(header)} columns."
                hint = "Put a cell that has a comma in it in double quotes."
                problems.append((number, f"{message} {hint}"))
            number = reader.line_num + 1  # where the next begins: a cell may have several lines
    except csv.Error as error:
        message = f"This is no CSV from here on: {error}. For JSON, say --format json."
        problems.append((number, message))


_FORMATS = {"json": _read_json, "csv": _read_csv}
FORMATS = tuple(_FORMATS)


def read(text: str, format: str, policy: str | None) -> tuple[list[Line], list[tuple[int, str]]]:
    """What a file says, and what is wrong with it."""
    lines: dict[tuple[str, str], Line] = {}
    problems: list[tuple[int, str]] = []
    for number, item in _FORMATS[format](text, problems):
        try:
            line = read_line(number, item, policy)
        except Refused as refused:
            problems += refused.problems
            continue
        first = lines.setdefault((line.policy, line.origin), line)
        if first is not line:
            message = f"{short_repr(line.origin)} is on line {first.number} already."
            problems.append((number, f"{message} Leave one of the two out."))
    return list(lines.values()), problems


# --- Writing -------------------------------------------------------------------------------------

# Spreadsheets take a cell that begins so for a formula, and run it.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def _with_apostrophe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _without_apostrophe(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def as_item(row: AllowedOrigin) -> dict[str, Any]:
    """The row as JSON has it."""
    item = {name: getattr(row, name) for name in FIELDS}
    if row.expires_at is not None:
        item["expires_at"] = _as_stored(row.expires_at).isoformat()
    return item


def render(items: Iterable[Mapping[str, Any]], format: str, fields: Sequence[str] = FIELDS) -> str:
    """A file that holds ``items``, a line for each."""
    if format == "json":
        lines = ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
        return f"[\n{lines}\n]\n" if lines else "[]\n"
    rows = ([_as_cell(item[name]) for name in fields] for item in items)
    return "".join(map(_as_csv, itertools.chain([fields], rows)))


def _as_csv(cells: Sequence[str]) -> str:
    # Not every Python puts quotes around a "\r", unless it is in what ends the line.
    end = "\r\n"
    file = io.StringIO()
    csv.writer(file, lineterminator=end).writerow(cells)
    return file.getvalue().removesuffix(end) + "\n"


def _as_cell(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _with_apostrophe(value or "")


# --- Into the database ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A row as it is to be, and what differs from that now."""

    row: AllowedOrigin
    before: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What would have to be done."""

    added: list[AllowedOrigin] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: list[AllowedOrigin] = field(default_factory=list)
    removed: list[AllowedOrigin] = field(default_factory=list)


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


def make_plan(
    lines: Sequence[Line],
    using: str,
    *,
    problems: Sequence[tuple[int, str]] = (),
    progress: Progress | None = None,
) -> Plan:
    """Compare with the database. Raises ``Refused`` with ``problems`` and what it finds itself.

    A row that is there already and equal is not judged: nothing will be done to it.
    """
    plan = Plan()
    refused = list(problems)
    done = 0
    for batch in _batches(lines):
        found = rows_with({line.origin for line in batch}, using)
        rows = {(row.policy, row.origin): row for row in found}
        for line in batch:
            row = rows.get((line.policy, line.origin))
            if row is None:
                row = AllowedOrigin(policy=line.policy, origin=line.origin, **line.values)
                plan.added.append(row)
            else:
                before = {name: getattr(row, name) for name in line.values}
                before = {
                    name: value for name, value in before.items() if value != line.values[name]
                }
                if not before:
                    plan.unchanged.append(row)
                    continue
                for name in before:
                    setattr(row, name, line.values[name])
                plan.changed.append(Change(row, before))
            refused += [(line.number, problem) for problem in problems_of(row)]
        done += len(batch)
        if progress is not None:
            progress("Compared", done, len(lines))
    if refused:
        raise Refused(refused)
    return plan


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
    rows = AllowedOrigin.objects.using(using)
    fields = sorted({name for change in plan.changed for name in change.before})
    changed = list(map(attrgetter("row"), plan.changed))
    total = len(plan.removed) + len(plan.added) + len(changed)
    done = 0

    def batches_of(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
        nonlocal done
        for batch in _batches(items):
            yield batch
            done += len(batch)
            if progress is not None:
                progress("Written", done, total)

    with transaction.atomic(using=using):
        for batch in batches_of(plan.removed):
            rows.filter(pk__in=[row.pk for row in batch]).delete()
        for batch in batches_of(plan.added):
            rows.bulk_create(batch)
        for batch in batches_of(changed):
            rows.bulk_update(batch, fields)


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
