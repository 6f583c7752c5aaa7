"""Validate the dictionary of a policy, from settings or a decorator, and create a ``Policy``."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean
from django_cors_policy.origins import Entry

from .credentials import credential_problems
from .defaults import DEFAULTS
from .model import OriginFunc, Policy
from .places import Place, RehearsalPlace
from .values import (
    parse_entry,
    read_func,
    read_header_name,
    read_method,
    read_path,
    read_risk,
    read_vary,
)

# The types that are accepted as a list.
LISTS = (list, tuple, set, frozenset)
# Much longer than browsers cache, and the largest number that fits into 32 bits.
LONGEST_MAX_AGE = 2**31 - 1


class _Reader:
    """Reads the keys of one policy and collects all errors."""

    def __init__(self, config: Mapping[Any, Any], place: Place, *, takes_rows: bool) -> None:
        self.config = config
        self.place = place
        self.takes_rows = takes_rows
        self.errors: list[PolicyError] = []
        self._read: dict[str, Any] = {}

    def read(self, key: str) -> Any:
        """Return the validated value of ``key``, None if it is wrong. Each key is read once."""
        if key not in self._read:
            self._read[key] = None
            try:
                self._read[key] = _READERS[key](self, key)
            except PolicyError as error:
                self.refuse(error, key)
        return self._read[key]

    def value(self, key: str) -> Any:
        return self.config.get(key, DEFAULTS[key])

    def refuse(self, error: PolicyError, key: str, index: int | None = None) -> None:
        self.errors.append(error.at(self.place.locate(key, index)))

    def refuse_unknown_keys(self) -> None:
        known = [self.place.spell(key) for key in DEFAULTS]
        for key in self.config:
            if key not in DEFAULTS:
                written = self.place.spell(key) if isinstance(key, str) else key
                hint = did_you_mean(key, known)
                reason, place = "is not a policy key", str(self.place)
                self.errors.append(PolicyError(written, reason, hint, id="E002", key=place))

    def flag(self, key: str) -> bool:
        value = self.value(key)
        if isinstance(value, bool):
            return value
        reason = f"is of type {type(value).__name__}, not True or False"
        raise PolicyError(value, reason, "Write True or False.", id="E003")

    def items(self, key: str) -> list[Any]:
        value = self.value(key)
        if isinstance(value, LISTS):
            return list(value)
        if isinstance(value, str):
            reason, hint = "is a string, not a list", f"Write [{value!r}]."
        elif isinstance(value, re.Pattern):
            reason, hint = "is a pattern, not a list", f"Write [{value!r}]."
        else:
            reason = f"is of type {type(value).__name__}, not a list"
            hint = f"Write a list, or leave {self.place.spell(key)} out."
        raise PolicyError(value, reason, hint, id="E003")

    def each(self, key: str, read: Callable[[Any], Any]) -> tuple[Any, ...]:
        """Return the results of ``read`` for the items of a list, without those that it refuses."""
        found = []
        for index, item in enumerate(self.items(key)):
            try:
                found.append(read(item))
            except PolicyError as error:
                self.refuse(error, key, index)
        return tuple(found)

    def names(self, key: str, what: str, read: Callable[[str], str]) -> tuple[str, ...]:
        """Return the results of ``read`` for the strings of a list."""

        def read_name(item: object) -> str:
            if isinstance(item, str):
                return read(item)
            reason = f"is of type {type(item).__name__}, not a {what}"
            raise PolicyError(item, reason, "Write a string.", id="E003")

        return self.each(key, read_name)

    def names_or_star(
        self, key: str, what: str, read: Callable[[str], str], implied: str | None = None
    ) -> tuple[str, ...]:
        """Do the same as ``names``, and allow ``"*"`` alone or together with ``implied``."""
        items = self.items(key)
        others = [item for item in items if not isinstance(item, str) or item.lower() != implied]
        if fetch.WILDCARD in others and len(others) > 1:
            reason = f"lists '*' with other {what}s, and '*' already covers them"
            hint = "Write ['*'], or leave '*' out."
            raise PolicyError(items, reason, hint, id="E006")
        return self.names(key, what, read)

    def risks(self, key: str) -> frozenset[str]:
        return frozenset(self.names(key, "risk", read_risk))

    def origins(self, key: str) -> tuple[Entry, ...]:
        credentials, risks = self.read("ALLOW_CREDENTIALS"), self.read("ACCEPT_RISKS") or ()
        items = self.items(key)
        entries = []
        for index, item in enumerate(items):
            if item == fetch.WILDCARD and len(items) > 1:
                reason = "is listed with other entries, and already covers them"
                hint = "Write ['*'] for any origin, or leave '*' out."
                self.refuse(PolicyError(item, reason, hint, id="E006"), key, index)
                continue
            try:
                entry = parse_entry(item)
            except PolicyError as error:
                self.refuse(error, key, index)
                continue
            entries.append(entry)
            if credentials:
                for problem in credential_problems(entry, risks, self.place.spell):
                    self.refuse(problem, key, index)
        return tuple(entries)

    def origin_func(self, key: str) -> OriginFunc | None:
        value = self.value(key)
        if value is None:
            return None
        hint = (
            "Write a function (origin, request) -> bool or its dotted path, and leave '*' out of "
            f"{self.place.spell('ALLOW_ORIGINS')}."
        )
        func = read_func(value, hint)
        origins = self.value("ALLOW_ORIGINS")
        if isinstance(origins, LISTS) and fetch.WILDCARD in origins:
            reason = "is never called: '*' already allows every origin"
            raise PolicyError(value, reason, hint, id="E013")
        return func

    def methods(self, key: str) -> tuple[str, ...]:
        methods = self.names_or_star(key, "method", read_method)
        if methods == (fetch.WILDCARD,):
            return methods
        # Browsers always allow the safelisted methods, so the header lists them too.
        return tuple(dict.fromkeys((*fetch.SAFELISTED_METHODS, *methods)))

    def request_headers(self, key: str) -> tuple[str, ...]:
        # "*" does not cover this header, so the policy sends it together with "*".
        implied = fetch.NON_WILDCARD_REQUEST_HEADER
        names = self.names_or_star(key, "header", read_header_name, implied)
        return (fetch.WILDCARD,) if fetch.WILDCARD in names else names

    def exposed_headers(self, key: str) -> tuple[str, ...]:
        names = self.names_or_star(key, "header", read_header_name)
        if self.read("ALLOW_CREDENTIALS") and fetch.WILDCARD in names:
            reason = "exposes nothing when credentials are allowed: browsers then take it as a "
            reason += "header name"
            hint = "List the headers that scripts may read, such as 'x-total-count'."
            self.refuse(PolicyError(fetch.WILDCARD, reason, hint, id="E012"), key, 0)
        return names

    def max_age(self, key: str) -> int | None:
        value = seconds = self.value(key)
        if value is None:
            return None
        if isinstance(value, datetime.timedelta):
            seconds = value // datetime.timedelta(seconds=1)
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            reason = f"is of type {type(value).__name__}, not a number of seconds"
            hint = (
                "Write whole seconds or a timedelta. 0 turns caching off, None leaves the header "
            )
            raise PolicyError(value, reason, f"{hint}out.", id="E003")
        if seconds < 0:
            reason, hint = "is negative", "Write 0 to turn off caching."
        elif seconds > LONGEST_MAX_AGE:
            reason, hint = "is too large", "Write 86400: no browser caches a preflight for longer."
        else:
            return seconds
        raise PolicyError(value, reason, hint, id="E004")

    def paths(self, key: str) -> tuple[str | re.Pattern[str], ...] | None:
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, LISTS) and not value:
            reason = "is empty, so the policy applies to no path"
            hint = f"Write prefixes such as '/api/', or leave {self.place.spell(key)} out."
            raise PolicyError(value, reason, hint, id="E014")
        return self.each(key, read_path)

    def vary(self, key: str) -> tuple[str, ...]:
        return self.names(key, "header", read_vary)

    def rehearsal(self, key: str) -> Policy | None:
        config = self.value(key)
        if config is None:
            return None
        place = RehearsalPlace(self.place)
        misplaced = {
            "PATHS": "is not allowed in REPORT_ONLY, which uses the paths of its policy",
            key: "cannot contain another REPORT_ONLY",
        }
        for name, reason in misplaced.items():
            if isinstance(config, Mapping) and name in config:
                self.refuse(PolicyError(name, reason, "Leave it out.", id="E023"), key)
                config = {other: value for other, value in config.items() if other != name}
        try:
            return compile_policy(config, place, takes_rows=self.takes_rows)
        except PolicyErrors as refused:
            self.errors += refused.errors
            return None


# The function that reads each key.
_READERS: Mapping[str, Callable[[_Reader, str], Any]] = {
    "ALLOW_ORIGINS": _Reader.origins,
    "ALLOW_ORIGIN_FUNC": _Reader.origin_func,
    "ALLOW_METHODS": _Reader.methods,
    "ALLOW_HEADERS": _Reader.request_headers,
    "ALLOW_CREDENTIALS": _Reader.flag,
    "EXPOSE_HEADERS": _Reader.exposed_headers,
    "MAX_AGE": _Reader.max_age,
    "PATHS": _Reader.paths,
    "ALLOW_PRIVATE_NETWORK": _Reader.flag,
    "VARY": _Reader.vary,
    "ACCEPT_RISKS": _Reader.risks,
    "REPORT_ONLY": _Reader.rehearsal,
}


def compile_policy(config: object, place: Place, *, takes_rows: bool = True) -> Policy:
    """Validate ``config``, with keys in upper case, and return the policy.

    ``takes_rows``: whether database rows for the alias of ``place`` add origins.

    Raises ``PolicyErrors`` with all problems.
    """
    if not isinstance(config, Mapping):
        reason = "is not a dictionary of policy keys"
        hint = "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}."
        raise PolicyErrors([PolicyError(config, reason, hint, id="E001", key=str(place))])
    reader = _Reader(config, place, takes_rows=takes_rows)
    reader.refuse_unknown_keys()
    fields = {key.lower(): reader.read(key) for key in _READERS}
    if reader.errors:
        raise PolicyErrors(reader.errors)
    return Policy(
        alias=place.alias,
        place=place,
        rows_alias=place.alias if takes_rows else None,
        config=MappingProxyType(dict(config)),
        origins=fields.pop("allow_origins"),
        rehearsal=fields.pop("report_only"),
        **fields,
    )
