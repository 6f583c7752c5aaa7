"""The browser's part of the CORS protocol, to explain what a browser does with a call.

The steps are those of the Fetch standard for a script that calls another origin. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import fetch

# https://fetch.spec.whatwg.org/#concept-method-normalize
_NORMALISED_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
# https://fetch.spec.whatwg.org/#cors-safelisted-request-header, by name only.
_SAFELISTED_HEADERS = frozenset({"accept", "accept-language", "content-language", "range"})
_SAFELISTED_CONTENT_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
# https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte, and the longest safelisted value.
_UNSAFE_BYTES = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LONGEST_SAFELISTED_VALUE = 128
# https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
SAFELISTED_RESPONSE_HEADERS = (
    "Cache-Control",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Pragma",
)


@dataclass(frozen=True)
class Call:
    """A call that a script makes.

    ``method`` is normalised as browsers do it. ``headers`` are the names that the script sets, in
    lower case and sorted. ``credentials`` says whether it uses ``credentials: "include"``.
    """

    origin: str
    method: str = "GET"
    headers: tuple[str, ...] = ()
    content_type: str = ""
    credentials: bool = False

    def __post_init__(self) -> None:
        method = self.method.upper()
        if method in _NORMALISED_METHODS:
            object.__setattr__(self, "method", method)
        names = {name.strip().lower() for name in self.headers}
        if self.content_type:
            names.add("content-type")
        object.__setattr__(self, "headers", tuple(sorted(names)))

    @property
    def dropped_headers(self) -> tuple[str, ...]:
        """The headers that scripts cannot set. Browsers drop them silently."""
        return tuple(filter(fetch.is_forbidden_request_header, self.headers))

    @property
    def asked_headers(self) -> tuple[str, ...]:
        """The headers that a preflight must ask for.

        https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names
        """
        return tuple(
            name
            for name in self.headers
            if name not in _SAFELISTED_HEADERS
            and not fetch.is_forbidden_request_header(name)
            and not (name == "content-type" and self._has_safelisted_content_type)
        )

    @property
    def _has_safelisted_content_type(self) -> bool:
        if _UNSAFE_BYTES.search(self.content_type):
            return False  # for example a boundary in quotes
        essence = self.content_type.partition(";")[0].strip().lower()
        return (
            essence in _SAFELISTED_CONTENT_TYPES
            and len(self.content_type.encode()) <= _LONGEST_SAFELISTED_VALUE
        )

    @property
    def is_preflighted(self) -> bool:
        """Whether the browser sends a preflight first.

        https://fetch.spec.whatwg.org/#main-fetch, step 12.
        """
        return self.method not in fetch.SAFELISTED_METHODS or bool(self.asked_headers)

    @property
    def preflight_headers(self) -> dict[str, str]:
        """The headers of the preflight.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, steps 3 to 5.
        """
        headers = {fetch.ORIGIN: self.origin, fetch.REQUEST_METHOD: self.method}
        if self.asked_headers:
            headers[fetch.REQUEST_HEADERS] = ",".join(self.asked_headers)
        return headers


@dataclass(frozen=True)
class Failure:
    """Why a browser blocks: ``step`` is a name below, ``what`` the method, header or status."""

    step: str
    what: str = ""


STATUS = "status"
ORIGIN = "origin"
WILDCARD_WITH_CREDENTIALS = "wildcard-with-credentials"
CREDENTIALS = "credentials"
METHOD = "method"
HEADER = "header"
REDIRECTS = "redirects"


def check_response(call: Call, headers: Mapping[str, str]) -> Failure | None:
    """Return why the browser hides the response from the script, or None if it does not.

    https://fetch.spec.whatwg.org/#concept-cors-check
    """
    allowed = headers.get(fetch.ALLOW_ORIGIN)
    if allowed == fetch.WILDCARD and not call.credentials:
        return None
    if allowed == fetch.WILDCARD:
        return Failure(WILDCARD_WITH_CREDENTIALS)
    if allowed != call.origin:
        return Failure(ORIGIN)
    if call.credentials and headers.get(fetch.ALLOW_CREDENTIALS) != "true":
        return Failure(CREDENTIALS)
    return None


def check_preflight(call: Call, status: int, headers: Mapping[str, str]) -> Failure | None:
    """Return why the preflight fails, or None if the browser sends the call.

    https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7.
    """
    failure = check_response(call, headers)
    if failure is not None:
        return failure
    if not 200 <= status <= 299:
        return Failure(STATUS, str(status))
    return check_lists(call.method, call.asked_headers, headers, credentials=call.credentials)


def check_lists(
    method: str, names: Iterable[str], headers: Mapping[str, str], *, credentials: bool
) -> Failure | None:
    """Return the first method or header that a preflight's response does not allow, or None.

    Steps 7.5 to 7.7 of ``check_preflight``. ``names`` are the headers that the preflight asks for,
    in lower case.
    """
    any_is_wild = not credentials
    methods = _listed(headers.get(fetch.ALLOW_METHODS, ""))
    if (
        method not in methods
        and method not in fetch.SAFELISTED_METHODS
        and not (any_is_wild and fetch.WILDCARD in methods)
    ):
        return Failure(METHOD, method)
    allowed = {name.lower() for name in _listed(headers.get(fetch.ALLOW_HEADERS, ""))}
    for name in names:
        wild = any_is_wild and name != fetch.NON_WILDCARD_REQUEST_HEADER
        if name not in allowed and not (wild and fetch.WILDCARD in allowed):
            return Failure(HEADER, name)
    return None


def readable_headers(call: Call, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the response headers that the script may read, ``*`` for all.

    https://fetch.spec.whatwg.org/#concept-filtered-response-cors
    """
    exposed = _listed(headers.get(fetch.EXPOSE_HEADERS, ""))
    if fetch.WILDCARD in exposed and not call.credentials:
        return (fetch.WILDCARD,)
    # With credentials, browsers take "*" as a header name, and no header has that name.
    known = {fetch.WILDCARD, *fetch.FORBIDDEN_RESPONSE_HEADERS}
    known.update(map(str.lower, SAFELISTED_RESPONSE_HEADERS))
    more = dict.fromkeys(name for name in exposed if name.lower() not in known)
    return (*SAFELISTED_RESPONSE_HEADERS, *more)


def _listed(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
