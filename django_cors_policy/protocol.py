"""The server's part of the CORS protocol: status and headers for a policy and a request.

https://fetch.spec.whatwg.org/#http-cors-protocol. Pure functions: no Django, no clock, no state.
"""

from __future__ import annotations

import re
from typing import Protocol

from . import fetch
from .policy import Grant, Policy

Headers = tuple[tuple[str, str], ...]

# https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7: any ok status. 204, because there
# is no body.
PREFLIGHT_ALLOWED = 204
# https://fetch.spec.whatwg.org/#http-responses: the status for an explicit refusal.
PREFLIGHT_REFUSED = 403

# Longer lists are not echoed. Browsers name each header once, so real lists are much shorter.
MAX_ECHO_LENGTH = 1024
# #cors-preflight-fetch-0, step 5.1: lower-case names, sorted, joined by "," without a space.
# Proxies may add spaces. Takes linear time: there is only one way to match a text.
_HEADER_LIST = re.compile(rf"{fetch.TOKEN}(?:[ \t]?,[ \t]?{fetch.TOKEN})*")


class Writable(Protocol):
    """A dictionary, or the headers of a Django response."""

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
    """Return status and headers for a preflight from ``origin``. The body is empty.

    ``grant`` is what ``policy`` grants the origin, None to refuse it. ``method`` and ``headers``
    are the untrusted values of ``Access-Control-Request-Method`` and ``-Headers``, ``""`` if
    missing.

    The response has the full lists, also if the preflight asks for less: the browser compares them,
    names what is missing on its console, and caches every entry (#cors-preflight-fetch-0, steps 7.5
    to 7.15).
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
    """Add the headers that let ``origin`` read the response to an actual request.

    The browser checks them: https://fetch.spec.whatwg.org/#concept-cors-check.
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
