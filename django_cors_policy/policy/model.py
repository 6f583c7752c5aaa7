"""``Policy`` and ``Grant``: a policy with its headers, joined in advance."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django_cors_policy import fetch
from django_cors_policy.origins import Entry, OriginMatcher, split_origin

from .places import Place

if TYPE_CHECKING:
    from django.http import HttpRequest

OriginFunc = Callable[[str, "HttpRequest"], "bool | Awaitable[bool]"]


@dataclass(frozen=True)
class Grant:
    """The headers for an allowed origin, except those that echo values of the request.

    ``allow_origin`` is ``"*"``, or None to echo the request's origin. ``echo_methods`` and
    ``echo_headers``: whether the response echoes what a preflight asks for, because ``*`` does not
    work with credentials (https://fetch.spec.whatwg.org/#http-new-header-syntax).
    """

    credentials: bool
    allow_origin: str | None
    actual_headers: tuple[tuple[str, str], ...]
    preflight_headers: tuple[tuple[str, str], ...]
    echo_methods: bool
    echo_headers: bool

    def allows_as(self, other: Grant) -> bool:
        """Return whether both give a preflight the same response."""
        return replace(self, actual_headers=()) == replace(other, actual_headers=())


@dataclass(frozen=True, eq=False)
class Policy:
    """A validated policy. ``compile_policy`` creates it, and it never changes.

    - ``config``: the original keys and values, so that a decorator can replace some of them.
    - ``origins``: the parsed ``ALLOW_ORIGINS``, in the same order.
    - ``max_age``: in seconds, None to send no header.
    - ``rows_alias``: the alias whose database rows add origins, None to use no rows.
    - ``rehearsal``: the policy in ``REPORT_ONLY``. It never changes a response.
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

    # Computed once, to save each request the work.
    any_origin: bool = field(init=False, repr=False)
    matcher: OriginMatcher = field(init=False, repr=False)
    exact_origins: frozenset[str] = field(init=False, repr=False)
    is_exact: bool = field(init=False, repr=False)
    grant: Grant = field(init=False, repr=False)
    grant_without_credentials: Grant = field(init=False, repr=False)
    grant_to_all: Grant | None = field(init=False, repr=False)
    vary_actual: tuple[str, ...] = field(init=False, repr=False)
    vary_joined: str = field(init=False, repr=False)
    refused_preflight_headers: tuple[tuple[str, str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        def derive(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        derive("any_origin", self.origins == (fetch.WILDCARD,))
        derive("matcher", OriginMatcher(() if self.any_origin else self.origins))
        # Copies of attributes of the matcher: the second lookup would take a fifth of grant_for().
        derive("exact_origins", self.matcher.exact)
        derive("is_exact", self.matcher.is_exact)
        # With "*", the response is the same for all origins, so it needs no Vary.
        derive("vary_actual", () if self.any_origin else (fetch.ORIGIN, *self.vary))
        derive("vary_joined", ", ".join(self.vary_actual))
        asked = (fetch.ORIGIN, fetch.REQUEST_METHOD, fetch.REQUEST_HEADERS, *self.vary)
        vary = ("Vary", ", ".join(asked))
        derive("grant", self._join(vary, credentials=self.allow_credentials))
        derive("grant_without_credentials", self._join(vary, credentials=False))
        derive("grant_to_all", self.grant if self.any_origin else None)
        # Without the length, servers would use chunked encoding.
        derive("refused_preflight_headers", (vary, ("Content-Length", "0")))

    def grant_for(self, origin: str) -> Grant | None:
        """Return what ``ALLOW_ORIGINS`` grants the ``Origin`` header, None if it is not allowed."""
        if origin in self.exact_origins:
            return self.grant
        if self.is_exact or self.matcher.match(origin) is None:
            return self.grant_to_all
        return self.grant

    def may_ask_func(self, origin: str) -> bool:
        """Return whether to call ``ALLOW_ORIGIN_FUNC`` for an origin that ``grant_for`` refuses.

        Only for origins that browsers can send, so the function never gets malicious text.
        """
        return self.allow_origin_func is not None and (
            origin == fetch.NULL or split_origin(origin) is not None
        )

    def grant_by_func(self, origin: str) -> Grant:
        """Return what ``origin`` is granted if ``ALLOW_ORIGIN_FUNC`` allows it.

        ``"null"`` never gets credentials: any site can send it, from a sandboxed frame.
        """
        return self.grant_without_credentials if origin == fetch.NULL else self.grant

    def narrowed_grant(self, *, credentials: bool, seconds: int | None) -> Grant:
        """Return the grant of an origin that gets less than the policy grants.

        Browsers cache its preflights for at most ``seconds``; None sets no limit.
        """
        grant = self.grant if credentials else self.grant_without_credentials
        longest = self.max_age if self.max_age is not None else fetch.DEFAULT_MAX_AGE
        if seconds is None or seconds >= longest:
            return grant
        headers = [header for header in grant.preflight_headers if header[0] != fetch.MAX_AGE]
        return replace(grant, preflight_headers=(*headers, (fetch.MAX_AGE, str(seconds))))

    def _join(self, vary: tuple[str, str], *, credentials: bool) -> Grant:
        actual = [(fetch.ALLOW_CREDENTIALS, "true")] if credentials else []
        preflight = list(actual)
        if self.expose_headers:
            actual.append((fetch.EXPOSE_HEADERS, ", ".join(self.expose_headers)))
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
        preflight.append(vary)
        return Grant(
            credentials=credentials,
            allow_origin=fetch.WILDCARD if self.any_origin else None,
            actual_headers=tuple(actual),
            preflight_headers=tuple(preflight),
            echo_methods=echo_methods,
            echo_headers=any_header and credentials,
        )
