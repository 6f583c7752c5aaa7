"""Names and lists from the Fetch standard (https://fetch.spec.whatwg.org/).

Header names have the case that is sent. Sets for case-insensitive comparison are in lower case.
"""

from __future__ import annotations

import re

# https://fetch.spec.whatwg.org/#http-responses
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"
ALLOW_METHODS = "Access-Control-Allow-Methods"
ALLOW_HEADERS = "Access-Control-Allow-Headers"
MAX_AGE = "Access-Control-Max-Age"
EXPOSE_HEADERS = "Access-Control-Expose-Headers"
# https://wicg.github.io/private-network-access/#headers
ALLOW_PRIVATE_NETWORK = "Access-Control-Allow-Private-Network"

CORS_RESPONSE_HEADERS = frozenset(
    name.lower()
    for name in (
        ALLOW_ORIGIN,
        ALLOW_CREDENTIALS,
        ALLOW_METHODS,
        ALLOW_HEADERS,
        MAX_AGE,
        EXPOSE_HEADERS,
        ALLOW_PRIVATE_NETWORK,
    )
)

# https://fetch.spec.whatwg.org/#http-requests
ORIGIN = "Origin"
REQUEST_METHOD = "Access-Control-Request-Method"
REQUEST_HEADERS = "Access-Control-Request-Headers"
REQUEST_PRIVATE_NETWORK = "Access-Control-Request-Private-Network"

# https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7.9: the seconds without the header.
DEFAULT_MAX_AGE = 5

WILDCARD = "*"
NULL = "null"

# https://fetch.spec.whatwg.org/#cors-safelisted-method
SAFELISTED_METHODS = ("GET", "HEAD", "POST")
# https://fetch.spec.whatwg.org/#forbidden-method
FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
# In lower case, these are mistakes. Browsers change only some of them to upper case, and not PATCH
# (https://fetch.spec.whatwg.org/#concept-method-normalize).
WELL_KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

# https://fetch.spec.whatwg.org/#forbidden-request-header
FORBIDDEN_REQUEST_HEADERS = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
FORBIDDEN_REQUEST_HEADER_PREFIXES = ("proxy-", "sec-")
# Headers that replace the method of the request line on some servers
# (https://fetch.spec.whatwg.org/#forbidden-request-header, step 2).
METHOD_OVERRIDE_HEADERS = frozenset(
    {"x-http-method", "x-http-method-override", "x-method-override"}
)
# https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
NON_WILDCARD_REQUEST_HEADER = "authorization"
# https://fetch.spec.whatwg.org/#forbidden-response-header-name
FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})
# Headers that have a meaning only in requests. Not in the list, because responses have them too:
# Content-Type, Content-Length, Date, Via.
REQUEST_ONLY_HEADERS = frozenset(
    {
        # RFC 9110: routing (7.2, 7.6.2), context (10.1), authentication (11.6.2, 11.7.2)
        "host",
        "max-forwards",
        "expect",
        "from",
        "referer",
        "te",
        "user-agent",
        "authorization",
        "proxy-authorization",
        # RFC 9110: content negotiation (12.5), conditions (13.1), ranges (14.2)
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        # RFC 6265, section 4.2; RFC 6454, section 7
        "cookie",
        "origin",
        # https://fetch.spec.whatwg.org/#http-requests
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        # https://w3c.github.io/webappsec-fetch-metadata/, and preferences of users
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-fetch-user",
        "dnt",
        "upgrade-insecure-requests",
        # Set by scripts: for Django's CSRF protection, and by jQuery on its requests
        "x-csrftoken",
        "x-requested-with",
    }
)

# A regular expression for methods and header names (RFC 9110, section 5.6.2).
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TOKEN = re.compile(TOKEN)


def is_token(text: str) -> bool:
    """Return whether ``text`` can be a method or a header name."""
    return _TOKEN.fullmatch(text) is not None


def is_forbidden_method(method: str) -> bool:
    """Return whether browsers forbid scripts to use ``method``, in upper or lower case."""
    return method.upper() in FORBIDDEN_METHODS


def nearest_method(method: str) -> str | None:
    """Return the well-known method that differs from ``method`` by one typing error.

    No other registered method (https://www.iana.org/assignments/http-methods/) is as similar.
    """
    typed = method.upper()
    return next((known for known in sorted(WELL_KNOWN_METHODS) if _is_slip(typed, known)), None)


def _is_slip(typed: str, meant: str) -> bool:
    """Return whether one letter is added, missing or changed, or two neighbours are swapped."""
    while typed and typed[:1] == meant[:1]:
        typed, meant = typed[1:], meant[1:]
    if typed == meant:
        return False
    is_swapped = typed[:2] == meant[1::-1] and typed[2:] == meant[2:]
    return is_swapped or typed[1:] == meant or typed == meant[1:] or typed[1:] == meant[1:]


def is_forbidden_request_header(name: str) -> bool:
    """Return whether browsers forbid scripts to set the request header ``name``.

    ``METHOD_OVERRIDE_HEADERS`` are not included: browsers forbid them only with some values.
    """
    name = name.lower()
    return name in FORBIDDEN_REQUEST_HEADERS or name.startswith(FORBIDDEN_REQUEST_HEADER_PREFIXES)
