"""``Policy`` and ``Grant``: all that a request needs to know, joined in advance."""

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
        vary = ("Vary", ", ".join(asked))
        derive("grant", self._join(vary, credentials=self.allow_credentials))
        derive("grant_without_credentials", self._join(vary, credentials=False))
        derive("grant_to_all", self.grant if self.any_origin else None)
        # Without the length, servers would announce a body in chunks.
        derive("refused_preflight_headers", (vary, ("Content-Length", "0")))

    def grant_for(self, origin: str) -> Grant | None:
        """What ``ALLOW_ORIGINS`` grants an ``Origin`` header. Without one, ``grant_to_all``."""
        if origin in self.exact_origins:
            return self.grant
        if self.is_exact or self.matcher.match(origin) is None:
            return self.grant_to_all
        return self.grant

    def may_ask_func(self, origin: str) -> bool:
        """Whether ``ALLOW_ORIGIN_FUNC`` is asked about an origin that ``grant_for`` did not grant.

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
