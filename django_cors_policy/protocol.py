"""The CORS protocol, server side: a policy and the facts of a request in, headers out.

https://fetch.spec.whatwg.org/#http-cors-protocol. Pure: no Django, no clock, no state.
"""

from __future__ import annotations

import re
from typing import Protocol

from . import fetch
from .policy import Grant, Policy

Headers = tuple[tuple[str, str], ...]

# https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7: any ok status will do. Nothing to
# say beyond the headers: 204.
PREFLIGHT_ALLOWED = 204
# https://fetch.spec.whatwg.org/#http-responses: the status to say no explicitly.
PREFLIGHT_REFUSED = 403

# Longer lists are not echoed. A browser's list names each header once; real ones stay far below.
MAX_ECHO_LENGTH = 1024
# #cors-preflight-fetch-0, step 5.1: lower-case names, sorted, joined by "," without a space.
# Proxies may add spaces. Linear in time: no text can be matched in two ways.
_HEADER_LIST = re.compile(rf"{fetch.TOKEN}(?:[ \t]?,[ \t]?{fetch.TOKEN})*")


class Writable(Protocol):
    """What headers are written on: a dictionary, or those of Django's responses."""

    def __setitem__(self, name: str, value: str, /) -> None:
        """Set the header ``name``."""


def answer_preflight(
    policy: Policy,
    grant: Grant | None,
    origin: str,
    method: str,
    headers: str,
    *,
    private_network: bool = False,
) -> tuple[int, Headers]:
    """Status and headers for a preflight from ``origin``, which ``policy`` grants ``grant``.

    None refuses. The body is empty.

    ``method`` and ``headers`` are the values of ``Access-Control-Request-Method`` and ``-Headers``
    (``""`` if absent), as a stranger sent them. The full lists are answered whatever was asked: the
    browser compares them itself, names what is missing on its console, and caches every entry
    (#cors-preflight-fetch-0, steps 7.5 to 7.15).
    """
    if grant is None:
        return PREFLIGHT_REFUSED, policy.refused_preflight_headers
    allowed = ((fetch.ALLOW_ORIGIN, grant.allow_origin or origin), *grant.preflight_headers)
    if grant.echo_methods:
        allowed += ((fetch.ALLOW_METHODS, ", ".join(_echoed_methods(method))),)
    if grant.echo_headers and len(headers) <= MAX_ECHO_LENGTH and _HEADER_LIST.fullmatch(headers):
        allowed += ((fetch.ALLOW_HEADERS, headers),)
    if private_network and policy.allow_private_network:
        allowed += ((fetch.ALLOW_PRIVATE_NETWORK, "true"),)
    return PREFLIGHT_ALLOWED, allowed


def write_actual_headers(headers: Writable, grant: Grant, origin: str) -> None:
    """Let ``origin`` read the response to an actual request.

    What the browser does with the headers: https://fetch.spec.whatwg.org/#cors-check.
    """
    headers[fetch.ALLOW_ORIGIN] = grant.allow_origin or origin
    for name, value in grant.actual_headers:
        headers[name] = value


def _echoed_methods(method: str) -> tuple[str, ...]:
    if method in fetch.SAFELISTED_METHODS or len(method) > MAX_ECHO_LENGTH:
        return fetch.SAFELISTED_METHODS
    if not fetch.is_token(method) or fetch.is_forbidden_method(method):
        return fetch.SAFELISTED_METHODS
    return (*fetch.SAFELISTED_METHODS, method)
