"""Read and write rows as JSON, CSV and command line options. The model validates them."""

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

# The fields in a file. Each database sets the times of creation and change by itself.
FIELDS = ("policy", "origin", "allow_credentials", "is_enabled", "expires_at", "note")

# --- Times ---------------------------------------------------------------------------------------

_DURATION = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NEVER = "never"
_MOMENT_HINT = "Write a time such as '2030-12-24T18:00+01:00' or a date such as '2030-12-24'."
_EXPIRES_HINT = (
    "Write a duration such as '7d', '12h' or '30m', a time such as '2030-12-24T18:00+01:00', "
    f"or {NEVER!r}."
)


def parse_expires(text: str) -> datetime.datetime | None:
    """Return the expiry that ``text`` means: ``7d`` from now, a time, or ``None`` for ``never``.

    Raises ``ValidationError``.
    """
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
        raise ValidationError(f"{short_repr(text)} is too far away. {_EXPIRES_HINT}") from None
    if moment <= _as_stored(timezone.now()):
        raise ValidationError(f"{short_repr(text)} is not in the future. Write a later time.")
    return moment


def parse_moment(text: str, hint: str = _MOMENT_HINT) -> datetime.datetime:
    """Read an ISO 8601 time, in ``TIME_ZONE`` if it has no zone. A date means its midnight.

    Raises ``ValidationError``.
    """
    try:
        moment = parse_datetime(text)
        # This refuses times that a clock change repeats or skips.
        stored = _as_stored(from_current_timezone(moment)) if moment is not None else None
    except (OverflowError, ValueError):
        stored = None
    if stored is None:
        raise ValidationError(f"{short_repr(text)} is not a time. {hint}")
    return stored


def _as_stored(moment: datetime.datetime) -> datetime.datetime:
    """Return ``moment`` in UTC, or naive if ``USE_TZ`` is ``False``."""
    if settings.USE_TZ:
        return moment.astimezone(datetime.timezone.utc)
    return timezone.make_naive(moment) if timezone.is_aware(moment) else moment


# --- Reading -------------------------------------------------------------------------------------


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValidationError(f"{short_repr(value)} is not a string. Write it in quotes.")
    if re.search(r"[\0\ud800-\udfff]", value):
        raise ValidationError(
            f"{short_repr(value)} has a character that databases cannot store. Remove it."
        )
    return value


def _read_origin(value: object) -> str:
    text = _read_text(value).strip()
    if not text:
        raise ValidationError(
            "The value is empty. Write an origin such as 'https://app.example.com'."
        )
    try:
        return str(parse_row(text))
    except PolicyError:
        return text  # the model refuses it, unless such a row exists


def _read_flag(value: object) -> bool:
    # Spreadsheets write TRUE.
    text = str(value).lower() if isinstance(value, (bool, str)) else ""
    flag = {"true": True, "false": False}.get(text)
    if flag is None:
        raise ValidationError(f"{short_repr(value)} is not a boolean. Write true or false.")
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
    """Return the row that ``item`` asks for. If ``policy`` is given, refuse all others."""
    if not isinstance(item, dict):
        example = '{"origin": "https://app.example.com"}'
        return Line(number, problems=[f"{short_repr(item)} is not an object. Write {example}."])
    problems = [
        f"Unknown field {short_repr(name)}. {did_you_mean(name, FIELDS)}"
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
            f"The row is in policy {values['policy']!r}, but --policy is {policy!r}. "
            "Remove the row, or its policy."
        )
    return Line(number, values.pop("policy"), values.pop("origin"), values, problems)


def _read_json(text: str, policy: str | None) -> Iterator[Line]:
    try:
        is_list = isinstance(json.loads(text), list)
    except ValueError as error:
        message = f"This is not JSON: {error}. For CSV, use --format csv."
        yield Line(getattr(error, "lineno", 1), problems=[message])
        return
    except RecursionError:
        message = "The JSON is nested too deeply. Write a list of objects, one for each row."
        yield Line(1, problems=[message])
        return
    if not is_list:
        yield Line(1, problems=["This is not a list. Write [...] around the rows."])
        return
    # Decode the items again, one by one, to know the line of each.
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
    # The delimiter that spreadsheets write depends on the user's locale.
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        problems = [
            f"Unknown column {short_repr(name)}. {did_you_mean(name, FIELDS)}"
            for name in header
            if name not in FIELDS
        ]
        if "origin" not in header or len({*header}) < len(header):
            message = "The first line must name the columns, each once, including origin."
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
                message = f"The row has {len(cells)} cells, but there are {len(header)} columns."
                hint = "Put double quotes around a cell that contains a comma."
                yield Line(number, problems=[f"{message} {hint}"])
            number = reader.line_num + 1  # of the next row: a cell may have several lines
    except csv.Error as error:
        message = f"This is not CSV from this line on: {error}. For JSON, use --format json."
        yield Line(number, problems=[message])


_FORMATS = {"json": _read_json, "csv": _read_csv}
FORMATS = tuple(_FORMATS)


def read(text: str, format: str, policy: str | None) -> list[Line]:
    """Return the rows that a file asks for."""
    return list(_FORMATS[format](text, policy))


# --- Writing -------------------------------------------------------------------------------------

# Spreadsheets run a cell that begins like this as a formula.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def _with_apostrophe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _without_apostrophe(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def as_item(row: AllowedOrigin) -> dict[str, Any]:
    """Return the row as an object for JSON."""
    item = {name: getattr(row, name) for name in FIELDS}
    if row.expires_at is not None:
        item["expires_at"] = _as_stored(row.expires_at).isoformat()
    return item


def render(items: Iterable[Mapping[str, Any]], format: str, fields: Sequence[str] = FIELDS) -> str:
    """Return the text of a file with one line for each item."""
    if format == "json":
        lines = ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
        return f"[\n{lines}\n]\n" if lines else "[]\n"
    rows = ([_as_cell(item[name]) for name in fields] for item in items)
    return "".join(map(_as_csv, itertools.chain([fields], rows)))


def _as_csv(cells: Sequence[str]) -> str:
    # Some Python versions quote a "\r" only if it is part of the line terminator.
    end = "\r\n"
    file = io.StringIO()
    csv.writer(file, lineterminator=end).writerow(cells)
    return file.getvalue().removesuffix(end) + "\n"


def _as_cell(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _with_apostrophe(value or "")
