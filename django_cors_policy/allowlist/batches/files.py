"""Rows as files and command lines write them. What judges an origin or a row is the model's."""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms.utils import from_current_timezone
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_cors_policy.exceptions import PolicyError, did_you_mean, short_repr
from django_cors_policy.policy import DEFAULT_ALIAS

from ..models import AllowedOrigin
from ..rows import parse_row
from .plan import Line

# What a file says of a row. When it was created and changed is each database's own affair.
FIELDS = ("policy", "origin", "allow_credentials", "is_enabled", "expires_at", "note")

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
    """What ``item`` says, of a row of ``policy`` if that is given."""
    if not isinstance(item, dict):
        example = '{"origin": "https://app.example.com"}'
        return Line(number, problems=[f"{short_repr(item)} is no object. Write {example}."])
    problems = [
        f"{short_repr(name)} is no field of a row. {did_you_mean(name, FIELDS)}"
        for name in item
        if name not in FIELDS
    ]
    values: dict[str, Any] = {"policy": policy or DEFAULT_ALIAS, "origin": ""}
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
    return Line(number, values.pop("policy"), values.pop("origin"), values, problems)


def _read_json(text: str, policy: str | None) -> Iterator[Line]:
    try:
        is_list = isinstance(json.loads(text), list)
    except ValueError as error:
        message = f"This is no JSON: {error}. For CSV, say --format csv."
        yield Line(getattr(error, "lineno", 1), problems=[message])
        return
    except RecursionError:
        message = "This is nested too deep. Write a list of objects, one for each row."
        yield Line(1, problems=[message])
        return
    if not is_list:
        yield Line(1, problems=["This is no list. Write [...] around the rows."])
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
        yield read_line(number, item, policy)
        number += text.count("\n", start, position)


_BETWEEN = re.compile(r"[\s,]*")


def _read_csv(text: str, policy: str | None) -> Iterator[Line]:
    # What spreadsheets put between cells depends on where they are.
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        problems = [
            f"{short_repr(name)} is no column of it. {did_you_mean(name, FIELDS)}"
            for name in header
            if name not in FIELDS
        ]
        if "origin" not in header or len({*header}) < len(header):
            message = "The first line has to name the columns: origin, and each once."
            problems.append(f"{message} Write {','.join(FIELDS)}.")
        if problems:
            yield Line(number, problems=problems)
            return
        number = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                item = dict(zip(header, map(_without_apostrophe, cells), strict=True))
                yield read_line(number, item, policy)
            elif cells:
                message = f"There are {len(cells)} cells under {len(header)} columns."
                hint = "Put a cell that has a comma in it in double quotes."
                yield Line(number, problems=[f"{message} {hint}"])
            number = reader.line_num + 1  # where the next begins: a cell may have several lines
    except csv.Error as error:
        message = f"This is no CSV from here on: {error}. For JSON, say --format json."
        yield Line(number, problems=[message])


_FORMATS = {"json": _read_json, "csv": _read_csv}
FORMATS = tuple(_FORMATS)


def read(text: str, format: str, policy: str | None) -> list[Line]:
    """What a file says."""
    return list(_FORMATS[format](text, policy))


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
