"""``Policy``: what a settings dictionary or a decorator says, validated, immutable, pre-joined.

A configuration that is wrong is refused here, whoever wrote it, with all that is wrong at once.
"""

from __future__ import annotations

import datetime
import difflib
import functools
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from . import fetch
from .exceptions import PolicyError, PolicyErrors
from .origins import (
    Entry,
    OriginMatcher,
    OriginPattern,
    covers_public_suffix,
    parse_origin,
    regexes,
    split_origin,
)

if TYPE_CHECKING:
    from django.http import HttpRequest

    OriginFunc = Callable[[str, HttpRequest], bool | Awaitable[bool]]

# The keys of a policy and what they mean when left out.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "ALLOW_ORIGINS": (),
        "ALLOW_ORIGIN_FUNC": None,
        "ALLOW_METHODS": ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"),
        "ALLOW_HEADERS": (
            "accept",
            "authorization",
            "content-type",
            "user-agent",
            "x-csrftoken",
            "x-requested-with",
        ),
        "ALLOW_CREDENTIALS": False,
        "EXPOSE_HEADERS": (),
        "MAX_AGE": 3600,
        "PATHS": None,
        "ALLOW_PRIVATE_NETWORK": False,
        "VARY": (),
        "ACCEPT_RISKS": (),
        "REPORT_ONLY": None,
    }
)

# What may stand where a list belongs.
LISTS = (list, tuple, set, frozenset)
# Far beyond what any browser keeps, and what fits into 32 bits.
LONGEST_MAX_AGE = 2**31 - 1

INSECURE_HTTP = "insecure-http"
PUBLIC_SUFFIX = "public-suffix"
UNTRIED_PATTERN = "untried-pattern"
RISKS = (INSECURE_HTTP, PUBLIC_SUFFIX, UNTRIED_PATTERN)


class Place:
    """Where a policy is written: settings, unless a subclass says otherwise."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def __str__(self) -> str:
        return f"CORS_POLICIES[{self.alias!r}]"

    def locate(self, key: str, index: int | None = None) -> str:
        """The place of a key's value, or of one item of it."""
        item = "" if index is None else f"[{index}]"
        return f"{self}[{key!r}]{item}"

    def spell(self, key: str) -> str:
        """A key as one writes it at this place."""
        return key

    def owner(self, key: str) -> Place:
        """The place that says what ``key`` is: this one, unless it leaves it to another."""
        return self


class RehearsalPlace(Place):
    """What a policy's ``REPORT_ONLY`` holds."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.alias)
        self._outer = place

    def __str__(self) -> str:
        return self._outer.locate("REPORT_ONLY")

    def owner(self, key: str) -> Place:
        # A decorator that leaves the rehearsal to settings replaces its own keys in it.
        writer = self._outer.owner("REPORT_ONLY")
        if writer is self._outer:
            return self
        return self._outer if self._outer.owner(key) is self._outer else RehearsalPlace(writer)


@dataclass(frozen=True)
class Grant:
    """What an allowed origin is told, joined once: all headers but those that echo the request.

    ``allow_origin`` is ``"*"``, or None where the request's origin is echoed. ``echo_methods`` and
    ``echo_headers``: the preflight echoes what it was asked for, because beside credentials a ``*``
    is no wildcard (https://fetch.spec.whatwg.org/#http-new-header-syntax).
    """

    credentials: bool
    allow_origin: str | None
    actual_headers: tuple[tuple[str, str], ...]
    preflight_headers: tuple[tuple[str, str], ...]
    echo_methods: bool
    echo_headers: bool

    def allows_as(self, other: Grant) -> bool:
        """Whether a preflight is told the same by both."""
        return replace(self, actual_headers=()) == replace(other, actual_headers=())


@dataclass(frozen=True, eq=False)
class Policy:
    """Who may do what from another origin. Made by ``compile_policy``, never changed.

    ``config`` holds the keys as they were written, so that a decorator can replace some of them;
    ``origins`` what ``ALLOW_ORIGINS`` parsed to, in its order; ``max_age`` is in seconds, or None
    where the header is left out. ``rows_alias`` is the alias whose database rows add to the
    origins; None if no rows do. ``rehearsal`` is what ``REPORT_ONLY`` holds; it answers nobody.
    """

    alias: str
    place: Place = field(repr=False)
    rows_alias: str | None
    config: Mapping[str, Any] = field(repr=False)
    origins: tuple[Entry, ...]
    allow_origin_func: OriginFunc | None
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    allow_credentials: bool
    expose_headers: tuple[str, ...]
    max_age: int | None
    paths: tuple[str | re.Pattern[str], ...] | None
    allow_private_network: bool
    vary: tuple[str, ...]
    accept_risks: frozenset[str]
    rehearsal: Policy | None = field(repr=False)

    # Derived once, so that no request has to.
    any_origin: bool = field(init=False, repr=False)
    matcher: OriginMatcher = field(init=False, repr=False)
    exact_origins: frozenset[str] = field(init=False, repr=False)
    is_exact: bool = field(init=False, repr=False)
    grant: Grant = field(init=False, repr=False)
    grant_without_credentials: Grant = field(init=False, repr=False)
    grant_to_all: Grant | None = field(init=False, repr=False)
    vary_actual: tuple[str, ...] = field(init=False, repr=False)
    vary_joined: str = field(init=False, repr=False)
    vary_preflight: str = field(init=False, repr=False)
    refused_preflight_headers: tuple[tuple[str, str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        def derive(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        derive("any_origin", self.origins == (fetch.WILDCARD,))
        derive("matcher", OriginMatcher(() if self.any_origin else self.origins))
        # The matcher's, one step nearer: a fifth of what it costs to judge an origin.
        derive("exact_origins", self.matcher.exact)
        derive("is_exact", self.matcher.is_exact)
        # "*" gives everyone the same answer, so there is nothing to vary on.
        derive("vary_actual", () if self.any_origin else (fetch.ORIGIN, *self.vary))
        derive("vary_joined", ", ".join(self.vary_actual))
        asked = (fetch.ORIGIN, fetch.REQUEST_METHOD, fetch.REQUEST_HEADERS, *self.vary)
        derive("vary_preflight", ", ".join(asked))
        derive("grant", self._join(credentials=self.allow_credentials))
        derive("grant_without_credentials", self._join(credentials=False))
        derive("grant_to_all", self.grant if self.any_origin else None)
        # Without the length, servers would announce a body in chunks.
        refused = (("Vary", self.vary_preflight), ("Content-Length", "0"))
        derive("refused_preflight_headers", refused)

    def judge(self, origin: str) -> Grant | None:
        """What ``ALLOW_ORIGINS`` grants an ``Origin`` header. Without one, ``grant_to_all``."""
        if origin in self.exact_origins:
            return self.grant
        if self.is_exact or self.matcher.match(origin) is None:
            return self.grant_to_all
        return self.grant

    def asks_about(self, origin: str) -> bool:
        """Whether ``ALLOW_ORIGIN_FUNC`` is asked about an origin that ``judge`` did not grant.

        Only about what a browser can send, so the function never sees hostile text.
        """
        return self.allow_origin_func is not None and (
            origin == fetch.NULL or split_origin(origin) is not None
        )

    def grant_by_func(self, origin: str) -> Grant:
        """What ``origin`` is granted once ``ALLOW_ORIGIN_FUNC`` said yes.

        Never credentials for ``"null"``: any site can send it, from a sandboxed frame.
        """
        return self.grant_without_credentials if origin == fetch.NULL else self.grant

    def narrowed_grant(self, *, credentials: bool, seconds: int | None) -> Grant:
        """What is granted where an origin has less than the policy, or not for long.

        A preflight's answer is not to be cached beyond the ``seconds`` that are left.
        """
        grant = self.grant if credentials else self.grant_without_credentials
        longest = self.max_age if self.max_age is not None else fetch.DEFAULT_MAX_AGE
        if seconds is None or seconds >= longest:
            return grant
        headers = [header for header in grant.preflight_headers if header[0] != fetch.MAX_AGE]
        return replace(grant, preflight_headers=(*headers, (fetch.MAX_AGE, str(seconds))))

    def _join(self, *, credentials: bool) -> Grant:
        shared = [(fetch.ALLOW_CREDENTIALS, "true")] if credentials else []
        actual = list(shared)
        if self.expose_headers:
            actual.append((fetch.EXPOSE_HEADERS, ", ".join(self.expose_headers)))
        preflight = list(shared)
        echo_methods = credentials and self.allow_methods == (fetch.WILDCARD,)
        if not echo_methods:
            preflight.append((fetch.ALLOW_METHODS, ", ".join(self.allow_methods)))
        any_header = self.allow_headers == (fetch.WILDCARD,)
        if any_header and not credentials:
            headers = f"{fetch.WILDCARD}, {fetch.NON_WILDCARD_REQUEST_HEADER}"
            preflight.append((fetch.ALLOW_HEADERS, headers))
        elif self.allow_headers and not any_header:
            preflight.append((fetch.ALLOW_HEADERS, ", ".join(self.allow_headers)))
        if self.max_age is not None:
            preflight.append((fetch.MAX_AGE, str(self.max_age)))
        preflight.append(("Vary", self.vary_preflight))
        return Grant(
            credentials=credentials,
            allow_origin=fetch.WILDCARD if self.any_origin else None,
            actual_headers=tuple(actual),
            preflight_headers=tuple(preflight),
            echo_methods=echo_methods,
            echo_headers=any_header and credentials,
        )


def compile_policy(alias: str, config: object, place: Place, *, takes_rows: bool = True) -> Policy:
    """Validate a policy's dictionary (keys in upper case) and join its headers.

    ``takes_rows``: whether database rows for ``alias`` add to its origins.

    Raises ``PolicyErrors`` with everything that is wrong, each at its place.
    """
    if not isinstance(config, Mapping):
        error = PolicyError(
            config,
            "is not a dictionary of a policy's keys",
            "Write a dictionary such as {'ALLOW_ORIGINS': ['https://app.example.com']}.",
            id="E001",
        )
        raise PolicyErrors([error.at(str(place))])
    reader = _Reader(config, place)
    reader.refuse_unknown_keys()
    credentials = reader.flag("ALLOW_CREDENTIALS")
    risks = reader.risks()
    policy_fields: dict[str, Any] = {
        "origins": reader.origins(credentials, risks),
        "allow_origin_func": reader.origin_func(),
        "allow_methods": reader.methods(),
        "allow_headers": reader.request_headers(),
        "allow_credentials": credentials,
        "expose_headers": reader.exposed_headers(credentials),
        "max_age": reader.max_age(),
        "paths": reader.paths(),
        "allow_private_network": reader.flag("ALLOW_PRIVATE_NETWORK"),
        "vary": reader.vary(),
        "accept_risks": risks,
        "rehearsal": reader.rehearsal(takes_rows),
    }
    if reader.errors:
        raise PolicyErrors(reader.errors)
    rows_alias = alias if takes_rows else None
    config = MappingProxyType(dict(config))
    return Policy(alias=alias, place=place, rows_alias=rows_alias, config=config, **policy_fields)


def parse_entry(value: object) -> Entry:
    """One item of ``ALLOW_ORIGINS``. Raises ``PolicyError``, without a place."""
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, bytes):
            raise PolicyError(
                value,
                "is a pattern of bytes, and origins are text",
                f"Write re.compile({value.pattern.decode('latin-1')!r}).",
                id="E003",
            )
        return value
    if not isinstance(value, str):
        raise PolicyError(
            value,
            f"is of type {type(value).__name__}, not an origin",
            "Write a string such as 'https://app.example.com', or re.compile(r'...').",
            id="E003",
        )
    if value in (fetch.WILDCARD, fetch.NULL):
        return value
    return parse_origin(value)


def credential_problems(
    entry: Entry, risks: Iterable[str], spell: Callable[[str], str] = str
) -> Iterator[PolicyError]:
    """Why ``entry`` cannot be trusted with credentials; nothing if it can.

    With credentials, whoever can speak as the origin acts as the user who is logged in. ``spell``
    writes a key as it is written where the entry stands.
    """
    off = f"set {spell('ALLOW_CREDENTIALS')} to False"

    def accept(risk: str) -> str:
        return f"or take the risk knowingly: add {risk!r} to {spell('ACCEPT_RISKS')}"

    value: object
    if isinstance(entry, str):
        value = entry
        who = "any site" if entry == fetch.WILDCARD else "any site, from a sandboxed frame,"
        yield PolicyError(
            value,
            f"stands for {who} and credentials are allowed: it could act as your users",
            f"List the origins that you trust, or {off}.",
            id="E007",
        )
        return
    insecure: str | None
    if isinstance(entry, re.Pattern):
        value = entry
        why_untried = regexes.why_untried(entry)
        if UNTRIED_PATTERN not in risks and why_untried:
            yield PolicyError(
                value,
                f"could not be tried, for {why_untried}, and credentials are allowed",
                "Write a list of origins, a wildcard such as 'https://*.example.com', or a plainer "
                f"pattern, {accept(UNTRIED_PATTERN)}.",
                id="E022",
            )
            return
        if regexes.matches_strangers(entry):
            yield PolicyError(
                value,
                "matches any origin and credentials are allowed: any site could act as your users",
                f"Name the host in the pattern, or {off}.",
                id="E017",
            )
            return
        insecure = regexes.insecure_sample(entry)
        others = regexes.registrable_by_anyone(entry)
        covers = "matches {!r} and {!r}, names that anyone can register,".format(*others or "  ")
        better = "a pattern that begins with 'https://'"
        yours = "a pattern that spells out a name of yours"
    else:
        value = str(entry)
        insecure = value if entry.is_insecure else None
        is_open = entry.subdomains and covers_public_suffix(entry.host)
        others = (entry.host, "") if is_open else None
        covers = f"covers names that anyone can register below {entry.host!r},"
        better = repr(_more_careful(entry, risks))
        yours = f"a name of yours, such as {better}"
    if insecure and INSECURE_HTTP not in risks:
        which = "is http" if insecure == value else f"matches {insecure!r}, which is http"
        yield PolicyError(
            value,
            f"{which}: anyone on the network's path can speak as that origin, and credentials "
            "are allowed",
            f"Write {better}, {accept(INSECURE_HTTP)}.",
            id="E008",
        )
    if others and PUBLIC_SUFFIX not in risks:
        yield PolicyError(
            value,
            f"{covers} and credentials are allowed",
            f"Write {yours}, {accept(PUBLIC_SUFFIX)}.",
            id="E009",
        )


def _more_careful(entry: OriginPattern, risks: Iterable[str]) -> str:
    """``entry`` as it could be allowed credentials."""
    if entry.is_insecure and INSECURE_HTTP not in risks:
        entry = replace(entry, scheme="https")
    while entry.subdomains and PUBLIC_SUFFIX not in risks and covers_public_suffix(entry.host):
        entry = replace(entry, host=f"yours.{entry.host}")
    return str(entry)


class _Reader:
    """Reads the keys of one policy and gathers what is wrong with them."""

    def __init__(self, config: Mapping[Any, Any], place: Place) -> None:
        self.config = config
        self.place = place
        self.errors: list[PolicyError] = []

    def refuse(
        self, key: str, value: object, reason: str, hint: str, *, id: str, index: int | None = None
    ) -> None:
        place = self.place.locate(key, index)
        self.errors.append(PolicyError(value, reason, hint, id=id, key=place))

    def refuse_unknown_keys(self) -> None:
        known = [self.place.spell(key) for key in DEFAULTS]
        for key in self.config:
            if key in DEFAULTS:
                continue
            error = PolicyError(
                self.place.spell(key) if isinstance(key, str) else key,
                "is no key of a policy",
                did_you_mean(key, known),
                id="E002",
            )
            self.errors.append(error.at(str(self.place)))

    def value(self, key: str) -> Any:
        return self.config.get(key, DEFAULTS[key])

    def flag(self, key: str) -> bool:
        value = self.value(key)
        if not isinstance(value, bool):
            self.refuse(
                key,
                value,
                f"is of type {type(value).__name__}, not True or False",
                "Write True or False.",
                id="E003",
            )
            return False
        return value

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
        self.refuse(key, value, reason, hint, id="E003")
        return []

    def names(
        self,
        key: str,
        what: str,
        *,
        has_wildcard: bool = True,
        implied: frozenset[str] = frozenset(),
    ) -> Iterator[tuple[int, str]]:
        """The strings of a list, refusing what is no string and ``"*"`` beside others.

        What is ``implied`` by ``"*"``, in any case, may be written beside it.
        """
        items = self.items(key)
        others = [item for item in items if not (isinstance(item, str) and item.lower() in implied)]
        if has_wildcard and fetch.WILDCARD in others and len(others) > 1:
            self.refuse(
                key,
                items,
                f"has '*' beside other {what}s, and '*' covers them all",
                f"Write ['*'], or the {what}s that you mean.",
                id="E006",
            )
            return
        for index, item in enumerate(items):
            if isinstance(item, str):
                yield index, item
            else:
                self.refuse(
                    key,
                    item,
                    f"is of type {type(item).__name__}, not a {what}",
                    "Write a string.",
                    id="E003",
                    index=index,
                )

    def rehearsal(self, takes_rows: bool) -> Policy | None:
        config = self.value("REPORT_ONLY")
        if config is None:
            return None
        place = RehearsalPlace(self.place)
        for key in ("PATHS", "REPORT_ONLY"):
            if isinstance(config, Mapping) and key in config:
                error = PolicyError(
                    key,
                    "has no place in a rehearsal, which has the paths of the policy around it",
                    "Leave it out.",
                    id="E023",
                )
                self.errors.append(error.at(str(place)))
                config = {name: value for name, value in config.items() if name != key}
        try:
            return compile_policy(self.place.alias, config, place, takes_rows=takes_rows)
        except PolicyErrors as refused:
            self.errors += refused.errors
            return None

    def risks(self) -> frozenset[str]:
        risks = set()
        for index, risk in self.names("ACCEPT_RISKS", "risk", has_wildcard=False):
            if risk in RISKS:
                risks.add(risk)
                continue
            hint = did_you_mean(risk, RISKS)
            self.refuse("ACCEPT_RISKS", risk, "is no known risk", hint, id="E016", index=index)
        return frozenset(risks)

    def origins(self, credentials: bool, risks: frozenset[str]) -> tuple[Entry, ...]:
        key = "ALLOW_ORIGINS"
        items = self.items(key)
        entries = []
        for index, item in enumerate(items):
            if item == fetch.WILDCARD and len(items) > 1:
                self.refuse(
                    key,
                    item,
                    "stands beside other entries, and covers them all",
                    "Write ['*'] for any origin, or leave '*' out.",
                    id="E006",
                    index=index,
                )
                continue
            try:
                entry = parse_entry(item)
            except PolicyError as error:
                self.errors.append(error.at(self.place.locate(key, index)))
                continue
            entries.append(entry)
            if credentials:
                self.errors += [
                    error.at(self.place.locate(key, index))
                    for error in credential_problems(entry, risks, self.place.spell)
                ]
        return tuple(entries)

    def origin_func(self) -> OriginFunc | None:
        key = "ALLOW_ORIGIN_FUNC"
        value = func = self.value(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                func = pkgutil.resolve_name(value)
            except Exception as error:  # noqa: BLE001 -- whatever the module raises
                self.refuse(
                    key,
                    value,
                    f"cannot be imported ({type(error).__name__}: {error})",
                    "Write the dotted path of a function, such as 'shop.cors.is_partner'.",
                    id="E013",
                )
                return None
        hint = (
            "Write a function (origin, request) -> bool, or its dotted path, "
            f"beside {self.place.spell('ALLOW_ORIGINS')} without '*'."
        )
        if not callable(func):
            reason = "is not a function"
        elif _makes_generator(func):
            reason = "is a generator function: calling it runs none of its code"
            hint = "Write 'return' in place of 'yield'."
        elif not _takes_origin_and_request(func):
            reason = "does not take the two arguments (origin, request)"
        elif fetch.WILDCARD in _listed(self.value("ALLOW_ORIGINS")):
            reason = "would never be asked: '*' allows every origin already"
        else:
            return func  # type: ignore[no-any-return]
        self.refuse(key, value, reason, hint, id="E013")
        return None

    def methods(self) -> tuple[str, ...]:
        key = "ALLOW_METHODS"
        methods = []
        for index, method in self.names(key, "method"):
            if method != fetch.WILDCARD and not fetch.is_token(method):
                reason, hint = "is no HTTP method", "Write a method such as 'PUT'."
            elif fetch.is_forbidden_method(method):
                reason = "is forbidden by the Fetch standard: browsers let no script use it"
                hint = "Leave it out."
            elif method.upper() in fetch.WELL_KNOWN_METHODS and method != method.upper():
                reason = "is not in upper case, and methods are case-sensitive"
                hint = f"Write {method.upper()!r}."
            else:
                methods.append(method)
                continue
            self.refuse(key, method, reason, hint, id="E010", index=index)
        if methods == [fetch.WILDCARD]:
            return (fetch.WILDCARD,)
        # Browsers let scripts use the safelisted ones whatever this header says, so it says so.
        return tuple(dict.fromkeys((*fetch.SAFELISTED_METHODS, *methods)))

    def request_headers(self) -> tuple[str, ...]:
        # Without credentials "*" does not cover it, so it is sent beside "*" anyway.
        implied = frozenset({fetch.NON_WILDCARD_REQUEST_HEADER})
        names = self._header_names("ALLOW_HEADERS", implied)
        return (fetch.WILDCARD,) if fetch.WILDCARD in names else names

    def exposed_headers(self, credentials: bool) -> tuple[str, ...]:
        key = "EXPOSE_HEADERS"
        names = self._header_names(key)
        if credentials and fetch.WILDCARD in names:
            self.refuse(
                key,
                fetch.WILDCARD,
                "beside credentials means a header of that name and exposes nothing",
                "List the headers that scripts may read, such as 'x-total-count'.",
                id="E012",
                index=0,
            )
        return names

    def vary(self) -> tuple[str, ...]:
        key = "VARY"
        for index, name in enumerate(_listed(self.value(key))):
            if name == fetch.WILDCARD:
                self.refuse(
                    key,
                    name,
                    "would keep every cache from storing the response",
                    "List the request headers that ALLOW_ORIGIN_FUNC looks at.",
                    id="E011",
                    index=index,
                )
        return self._header_names(key)

    def _header_names(self, key: str, implied: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """The header names of a list, in lower case."""
        names = []
        for index, name in self.names(key, "header", has_wildcard=key != "VARY", implied=implied):
            if fetch.is_token(name):
                names.append(name.lower())
                continue
            hint = "Write one name, such as 'x-total-count'."
            self.refuse(key, name, "is no header name", hint, id="E011", index=index)
        return tuple(names)

    def max_age(self) -> int | None:
        key = "MAX_AGE"
        value = self.value(key)
        seconds = value
        if isinstance(value, datetime.timedelta):
            seconds = value // datetime.timedelta(seconds=1)
        if value is None:
            return None
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            self.refuse(
                key,
                value,
                f"is of type {type(value).__name__}, not a number of seconds",
                "Write whole seconds or a timedelta; 0 for no caching, None to leave the header "
                "out.",
                id="E003",
            )
            return None
        if seconds < 0:
            reason, hint = "is negative", "Write 0 to keep browsers from caching."
        elif seconds > LONGEST_MAX_AGE:
            reason, hint = "is too large", "Write 86400: no browser keeps an answer longer."
        else:
            return seconds
        self.refuse(key, value, reason, hint, id="E004")
        return None

    def paths(self) -> tuple[str | re.Pattern[str], ...] | None:
        key = "PATHS"
        if self.value(key) is None:
            return None
        paths: list[str | re.Pattern[str]] = []
        items = self.items(key)
        for index, item in enumerate(items):
            if isinstance(item, re.Pattern) and isinstance(item.pattern, str):
                first = item.pattern.lstrip("^")[:1]
                if not first.isalnum():
                    paths.append(item)
                    continue
                reason = "matches no path: each begins with '/'"
                hint = f"Write re.compile(r'/{item.pattern.lstrip('^')}')."
                self.refuse(key, item, reason, hint, id="E014", index=index)
                continue
            if not isinstance(item, str):
                reason = f"is of type {type(item).__name__}, not a path"
                hint = "Write a prefix such as '/api/', or re.compile(r'...')."
            elif re.search(r"[\\^$*+?()|\[\]{}<>]", item):
                reason = "looks like a pattern, and strings are taken literally"
                prefix = re.sub(r"^\^|(\.?\*)?\$?$|<.*", "", item)
                if not re.fullmatch(r"/[\w/.~-]*", prefix):
                    prefix = "/api/"
                hint = (
                    f"Write the prefix {prefix!r}, which covers all that begins so, "
                    f"or re.compile(r'...')."
                )
            elif "%" in item:
                reason = "is percent-encoded, and Django's paths are not"
                hint = f"Write {unquote(item)!r}."
            elif not item.startswith("/"):
                reason = "does not begin with '/'"
                path = re.sub(r"^[a-z]+://[^/]*", "", item).lstrip("/")
                hint = f"Write {'/' + path!r}."
            else:
                paths.append(item)
                continue
            self.refuse(key, item, reason, hint, id="E014", index=index)
        if isinstance(self.value(key), LISTS) and not items:
            self.refuse(
                key,
                self.value(key),
                "is empty, and so would govern nothing",
                f"Write prefixes such as '/api/', or leave {self.place.spell(key)} out.",
                id="E014",
            )
        return tuple(paths)


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, LISTS) else ()


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint that names the nearest of the known words, or all of them."""
    # Keys come in upper case, keywords in lower, risks with hyphens: the case is not the mistake.
    by_folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), by_folded, n=1)
    if near:
        return f"Did you mean {by_folded[near[0]]!r}?"
    return f"Known are {', '.join(by_folded.values())}." if by_folded else "None is known."


def _makes_generator(func: Any) -> bool:
    """Whether calling ``func`` makes a generator, which is never True."""
    while isinstance(func, functools.partial):
        func = func.func
    return any(
        inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called)
        for called in (func, type(func).__call__)
    )


def _takes_origin_and_request(func: Callable[..., Any]) -> bool:
    try:
        inspect.signature(func).bind("https://app.example.com", None)
    except TypeError:
        return False
    except ValueError:  # no signature to be had, as of some functions written in C
        return True
    return True
