"""A policy's dictionary, from settings or a decorator, read into a ``Policy``.

A configuration that is wrong is refused here, with all that is wrong at once.
"""

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

# What may stand where a list belongs.
LISTS = (list, tuple, set, frozenset)
# Far beyond what any browser keeps, and what fits into 32 bits.
LONGEST_MAX_AGE = 2**31 - 1


class _Reader:
    """Reads the keys of one policy and gathers what is wrong with them."""

    def __init__(self, config: Mapping[Any, Any], place: Place, *, takes_rows: bool) -> None:
        self.config = config
        self.place = place
        self.takes_rows = takes_rows
        self.errors: list[PolicyError] = []
        self._read: dict[str, Any] = {}

    def read(self, key: str) -> Any:
        """What the value of ``key`` becomes, or None if it is refused. Read once."""
        if key not in self._read:
            self._read[key] = None
            try:
                self._read[key] = _KEYS[key][1](self, key)
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
                reason, place = "is no key of a policy", str(self.place)
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
            reason, hint = "is a string where a list belongs", f"Write [{value!r}]."
        elif isinstance(value, re.Pattern):
            reason, hint = "is a pattern where a list belongs", f"Write [{value!r}]."
        else:
            reason = f"is of type {type(value).__name__} where a list belongs"
            hint = f"Write a list, or leave {self.place.spell(key)} out."
        raise PolicyError(value, reason, hint, id="E003")

    def each(self, key: str, read: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The items of a list as ``read`` makes them, without those that it refuses."""
        found = []
        for index, item in enumerate(self.items(key)):
            try:
                found.append(read(item))
            except PolicyError as error:
                self.refuse(error, key, index)
        return tuple(found)

    def names(self, key: str, what: str, read: Callable[[str], str]) -> tuple[str, ...]:
        """The strings of a list as ``read`` makes them."""

        def read_name(item: object) -> str:
            if isinstance(item, str):
                return read(item)
            reason = f"is of type {type(item).__name__}, not a {what}"
            raise PolicyError(item, reason, "Write a string.", id="E003")

        return self.each(key, read_name)

    def names_or_star(
        self, key: str, what: str, read: Callable[[str], str], implied: str | None = None
    ) -> tuple[str, ...]:
        """As ``names``, where ``"*"`` is written alone, or beside what it has ``implied``."""
        items = self.items(key)
        others = [item for item in items if not isinstance(item, str) or item.lower() != implied]
        if fetch.WILDCARD in others and len(others) > 1:
            reason = f"has '*' beside other {what}s, and '*' covers them all"
            hint = f"Write ['*'], or the {what}s that you mean."
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
                reason = "stands beside other entries, and covers them all"
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
            "Write a function (origin, request) -> bool, or its dotted path, "
            f"beside {self.place.spell('ALLOW_ORIGINS')} without '*'."
        )
        func = read_func(value, hint)
        origins = self.value("ALLOW_ORIGINS")
        if isinstance(origins, LISTS) and fetch.WILDCARD in origins:
            reason = "would never be asked: '*' allows every origin already"
            raise PolicyError(value, reason, hint, id="E013")
        return func

    def methods(self, key: str) -> tuple[str, ...]:
        methods = self.names_or_star(key, "method", read_method)
        if methods == (fetch.WILDCARD,):
            return methods
        # Browsers let scripts use the safelisted ones whatever this header says, so it says so.
        return tuple(dict.fromkeys((*fetch.SAFELISTED_METHODS, *methods)))

    def request_headers(self, key: str) -> tuple[str, ...]:
        # Without credentials "*" does not cover it, so it is sent beside "*" anyway.
        implied = fetch.NON_WILDCARD_REQUEST_HEADER
        names = self.names_or_star(key, "header", read_header_name, implied)
        return (fetch.WILDCARD,) if fetch.WILDCARD in names else names

    def exposed_headers(self, key: str) -> tuple[str, ...]:
        names = self.names_or_star(key, "header", read_header_name)
        if self.read("ALLOW_CREDENTIALS") and fetch.WILDCARD in names:
            reason = "beside credentials means a header of that name and exposes nothing"
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
            hint = "Write whole seconds or a timedelta; 0 for no caching, None to leave the header "
            raise PolicyError(value, reason, f"{hint}out.", id="E003")
        if seconds < 0:
            reason, hint = "is negative", "Write 0 to keep browsers from caching."
        elif seconds > LONGEST_MAX_AGE:
            reason, hint = "is too large", "Write 86400: no browser keeps an answer longer."
        else:
            return seconds
        raise PolicyError(value, reason, hint, id="E004")

    def paths(self, key: str) -> tuple[str | re.Pattern[str], ...] | None:
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, LISTS) and not value:
            reason = "is empty, and so would govern nothing"
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
        for name in ("PATHS", key):
            if isinstance(config, Mapping) and name in config:
                reason = "has no place in a rehearsal, which has the paths of the policy around it"
                self.refuse(PolicyError(name, reason, "Leave it out.", id="E023"), key)
                config = {other: value for other, value in config.items() if other != name}
        try:
            return compile_policy(config, place, takes_rows=self.takes_rows)
        except PolicyErrors as refused:
            self.errors += refused.errors
            return None


_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "user-agent",
    "x-csrftoken",
    "x-requested-with",
)

# The keys of a policy: what each means when left out, and what reads it.
_KEYS: Mapping[str, tuple[Any, Callable[[_Reader, str], Any]]] = {
    "ALLOW_ORIGINS": ((), _Reader.origins),
    "ALLOW_ORIGIN_FUNC": (None, _Reader.origin_func),
    "ALLOW_METHODS": (_METHODS, _Reader.methods),
    "ALLOW_HEADERS": (_HEADERS, _Reader.request_headers),
    "ALLOW_CREDENTIALS": (False, _Reader.flag),
    "EXPOSE_HEADERS": ((), _Reader.exposed_headers),
    "MAX_AGE": (3600, _Reader.max_age),
    "PATHS": (None, _Reader.paths),
    "ALLOW_PRIVATE_NETWORK": (False, _Reader.flag),
    "VARY": ((), _Reader.vary),
    "ACCEPT_RISKS": ((), _Reader.risks),
    "REPORT_ONLY": (None, _Reader.rehearsal),
}
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {key: default for key, (default, _) in _KEYS.items()}
)


def compile_policy(config: object, place: Place, *, takes_rows: bool = True) -> Policy:
    """Validate what is written at ``place`` (keys in upper case) and join its headers.

    ``takes_rows``: whether database rows for the place's alias add to its origins.

    Raises ``PolicyErrors`` with everything that is wrong, each at its place.
    """
    if not isinstance(config, Mapping):
        reason = "is not a dictionary of a policy's keys"
        hint = "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}."
        raise PolicyErrors([PolicyError(config, reason, hint, id="E001", key=str(place))])
    reader = _Reader(config, place, takes_rows=takes_rows)
    reader.refuse_unknown_keys()
    fields = {key.lower(): reader.read(key) for key in _KEYS}
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
