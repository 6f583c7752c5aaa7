"""Parse and normalize origins and wildcards that people write.

One parser serves settings, decorators, forms and commands. It accepts the origins that browsers
send (https://fetch.spec.whatwg.org/#origin-header) and wildcards. For all other texts, the error
says what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import warnings

import idna

from django_cors_policy.exceptions import PolicyError
from django_cors_policy.fetch import NULL, WILDCARD

from .pattern import (
    ANY_PORT,
    DEFAULT_PORTS,
    MAX_HOST_LENGTH,
    MAX_LABEL_LENGTH,
    MAX_LABELS,
    MAX_ORIGIN_LENGTH,
    MAX_PORT,
    MAX_SCHEME_LENGTH,
    OriginPattern,
)
from .sites import ip_address, is_loopback

# People may paste a URL, which can be longer than an origin. Longer texts are not parsed.
MAX_TEXT_LENGTH = 8192
# Longer regular expressions are neither compiled nor repeated in a hint.
_MAX_HINTED_PATTERN = 400
# Schemes that pages do not have, or that never appear in an origin.
PAGELESS_SCHEMES = frozenset({"about", "blob", "data", "ftp", "javascript", "mailto"})

# Most entries are like this and need no full parse.
_PLAIN = re.compile(r"https://((?:[a-z0-9_-]{1,63}\.)+[a-z]{2,63})")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_LABEL = re.compile(r"[a-z0-9_-]+")
# Not part of a regular expression: ".*" between a label and a dot, which is a misplaced wildcard
# ("a.*.example"), and "[" after "//", which begins an IPv6 address.
_LOOKS_LIKE_REGEX = re.compile(
    r"[\\^$()|{}]|(?<![\w*-])\.\*|\.\*(?![.:]|$)|\.\+|\][*+?]|s\?:|(?<=[^/@])\["
)
_SEPARATORS = re.compile(r"[\s,;]+")


def parse_origin(text: str) -> OriginPattern:
    """Parse an exact origin or a wildcard; convert Unicode hosts to ASCII as browsers do.

    Raise ``PolicyError`` (E005) for other texts. Its hint has the right value if it can be guessed.
    """
    try:
        return _parse(text)
    except _Objection as objection:
        hint = objection.hint
        if hint is None:
            repaired = guess_origin(text)
            hint = f"Write {repaired!r}." if repaired else _GENERIC_HINT
        raise PolicyError(text, objection.reason, hint, id="E005") from None


_GENERIC_HINT = (
    "Write the origin as location.origin shows it in the browser's console: "
    "scheme, host and optional port, such as 'https://app.example.com'."
)


class _Objection(Exception):
    """Why a text is not an origin. ``hint`` replaces the hint with the repaired text."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def _parse(text: str) -> OriginPattern:
    plain = _PLAIN.fullmatch(text)
    if plain and len(plain[1]) <= MAX_HOST_LENGTH and text.count(".") < MAX_LABELS:
        return OriginPattern("https", plain[1], "", False)
    return _parse_in_full(text)


def _parse_in_full(text: str) -> OriginPattern:
    scheme, authority = _split(text)
    host, port = _split_port(authority)
    subdomains = host.startswith("*.")
    if subdomains:
        host = host[2:]
    host = _parse_host(host, subdomains)
    _check_port(scheme, port)
    return OriginPattern(scheme, host, port, subdomains)


def _split(text: str) -> tuple[str, str]:
    """Return scheme and authority of a text that contains exactly one origin."""
    if len(text) > MAX_TEXT_LENGTH:
        raise _Objection(
            f"has {len(text):,} characters; an origin has at most {MAX_ORIGIN_LENGTH}",
            _GENERIC_HINT,
        )
    if not text.strip():
        raise _Objection("is empty")
    if text in (WILDCARD, NULL):
        raise _Objection("is not the origin of a single site", _GENERIC_HINT)
    _refuse_several(text)
    if _LOOKS_LIKE_REGEX.search(text):
        raise _Objection(
            "looks like a regular expression, but strings are taken literally",
            f"Write {_compile_hint(text)}, or a wildcard such as 'https://*.example.com'.",
        )
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise _Objection("has no scheme")
    _check_scheme(scheme)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if not authority:
        raise _Objection("has no host")
    tail = rest[len(authority) :]
    if tail:
        part = {"/": "path", "?": "query", "#": "fragment"}[tail[0]]
        raise _Objection(f"has a {part}; an origin has none")
    if "@" in authority:
        raise _Objection("has a user name or password; an origin has none")
    if re.search(r"[A-Z]", text):
        raise _Objection("has upper-case letters; browsers send origins in lower case")
    return scheme, authority


def _refuse_several(text: str) -> None:
    pieces = [piece for piece in _SEPARATORS.split(text) if piece]
    if len(pieces) == 1 and re.match(r"[^:/]+://[^/?#]*://", text):
        # "https://a" "https://b": Python joins neighbouring strings when the comma is missing.
        pieces = [piece for piece in re.split(r"(?<=.)(?=https?://)", text) if piece]
        advice = "a comma is missing between two strings"
    elif len(pieces) > 1 and (
        re.search(r"[,;]", text) or text.count("://") > 1 or all("." in piece for piece in pieces)
    ):
        advice = "a list needs a separate string for each"
    elif "".join(pieces) != text or not text.isprintable():  # "https://my app.example.com"
        raise _Objection("contains whitespace, commas or invisible characters")
    else:
        return
    repaired = [origin for piece in pieces if (origin := guess_origin(piece))]
    hint = f"Write {', '.join(map(repr, repaired))}." if repaired else "Write them separately."
    raise _Objection(f"contains several origins; {advice}", hint)


def _compile_hint(text: str) -> str:
    if "\\" not in text:
        # Without any backslash, dots are probably literal, except in ".*", ".+" and the like.
        text = re.sub(r"\.(?![*+?{])", r"\\.", text)
    if not _compiles(text):
        return "re.compile(r'...') with a valid pattern"
    quote = '"' if "'" in text else "'"
    return f"re.compile(r{quote}{text}{quote})"


def _compiles(text: str) -> bool:
    if len(text) > _MAX_HINTED_PATTERN:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about "[["
            re.compile(text)
    except Exception:  # noqa: BLE001 -- thousands of brackets raise more than re.error
        return False
    return True


def _check_scheme(scheme: str) -> None:
    if scheme == "*":
        raise _Objection(
            "has a wildcard as the scheme, which is not possible",
            "Write one entry for each scheme: 'https://...' and, if needed, 'http://...'.",
        )
    if not _SCHEME.fullmatch(scheme.lower()) or len(scheme) > MAX_SCHEME_LENGTH:
        raise _Objection(f"has an invalid scheme {scheme!r}")
    if scheme.lower() == "file":
        # https://html.spec.whatwg.org/#concept-origin: files have opaque origins.
        raise _Objection(
            "is a file URL; pages opened from files send the origin 'null'",
            "For development, serve the page from http://localhost:8000 and write that origin. "
            "Sandboxed frames of any site send 'null' too.",
        )
    if scheme.lower() in PAGELESS_SCHEMES:
        raise _Objection(f"has the scheme {scheme!r}; no page has such an origin")
    if scheme.lower() in ("ws", "wss"):
        raise _Objection(f"has the WebSocket scheme {scheme!r}; no page has such an origin")


def _split_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        address, bracket, rest = authority.partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise _Objection("has misplaced brackets; they enclose an IPv6 address")
        host = address + bracket
    elif authority.count(":") > 1:
        raise _Objection("has more than one colon; an IPv6 address needs brackets")
    else:
        host = authority.partition(":")[0]
    if authority == f"{host}:":
        raise _Objection("has a colon but no port")
    return host, authority[len(host) + 1 :]


def _check_port(scheme: str, port: str) -> None:
    if port in ("", ANY_PORT):
        return
    if not re.fullmatch(r"[0-9]+", port):
        raise _Objection(
            f"has an invalid port {port!r}",
            "Write a number from 1 to 65535, ':*' for any port, or no port for the default.",
        )
    # The length is checked first, because int() is slow for a very long string.
    if port.strip("0") == "" or len(port.lstrip("0")) > 5 or int(port) > MAX_PORT:
        raise _Objection(
            f"has a port outside the range 1 to {MAX_PORT}",
            "Write a port in that range, ':*' for any port, or no port for the default.",
        )
    if port.startswith("0"):
        raise _Objection("has a port with leading zeros")
    if port == DEFAULT_PORTS.get(scheme):
        raise _Objection(f"has the default port of {scheme}, which browsers omit")


def _parse_host(host: str, subdomains: bool) -> str:
    """Return the host as browsers send it."""
    if host == "*":
        raise _Objection(
            "has a wildcard as the whole host",
            "Write a host, as in 'https://*.example.com', or '*' alone for any origin "
            "(without credentials).",
        )
    if "*" in host:
        raise _Objection("has a wildcard that is not the whole first label")
    if not host:
        raise _Objection("has no host")
    if len(host) > MAX_HOST_LENGTH:  # before any parsing; its ASCII form is not shorter
        raise _Objection(f"has a host of {len(host)} characters; {MAX_HOST_LENGTH} is the limit")
    if not host.isascii():
        host = _to_ascii(host)
    if host.startswith("[") or _ends_in_number(host):
        address = _canonical_address(host)
        if subdomains:
            raise _Objection("has a wildcard before an IP address, which has no subdomains")
        if address != host:
            raise _Objection("has an IP address that browsers write differently")
    else:
        _check_name(host)
    return host


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(labels) > MAX_LABELS:
        raise _Objection(f"has a host of {len(labels)} labels; {MAX_LABELS} is the limit")
    for label in labels:
        if not label:
            raise _Objection("has an empty label: two dots in a row, or a dot at the start or end")
        if len(label) > MAX_LABEL_LENGTH:
            raise _Objection(
                f"has a label of {len(label)} characters; {MAX_LABEL_LENGTH} is the limit"
            )
        if not _LABEL.fullmatch(label):
            raise _Objection(f"has an invalid label {label!r} in its host")


def _to_ascii(host: str) -> str:
    """Apply UTS 46, non-transitional: https://url.spec.whatwg.org/#concept-domain-to-ascii."""
    try:
        return idna.encode(host, uts46=True, std3_rules=False, transitional=False).decode("ascii")
    except idna.IDNAError as error:
        raise _Objection(
            f"has a host that cannot be converted to ASCII ({error})",
            "Write the host as location.origin shows it in the browser's console, "
            "starting with 'xn--'.",
        ) from None


def _ends_in_number(host: str) -> bool:
    """Return whether only IPv4 is valid: https://url.spec.whatwg.org/#ends-in-a-number-checker."""
    last = host.removesuffix(".").rpartition(".")[2]
    return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last) is not None


def _canonical_address(host: str) -> str:
    """Return the address as https://url.spec.whatwg.org/#host-serializing writes it."""
    try:
        if not host.startswith("["):
            # inet_aton accepts the same forms as browsers: 127.1, 0x7f.0.0.1, 2130706433.
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
        address = ipaddress.IPv6Address(host[1:-1])
    except (ValueError, OSError):
        raise _Objection("has a host that looks like an IP address but is not valid") from None
    if address.scope_id:
        raise _Objection("has an IPv6 zone; an origin has none")
    if mapped := address.ipv4_mapped:
        # Python writes ::ffff:127.0.0.1 (from 3.13), browsers ::ffff:7f00:1.
        high, low = divmod(int(mapped), 1 << 16)
        return f"[::ffff:{high:x}:{low:x}]"
    return f"[{address.compressed}]"


def guess_origin(text: str) -> str | None:
    """Return the origin that was probably meant, or None if that is too uncertain.

    It repairs a URL from an address bar or ``App.Example.com``, for example.
    """
    if len(text) > MAX_TEXT_LENGTH:
        return None
    text = text.strip(" \t\r\n,;|'\"").lower()
    if text in ("any", "all"):
        return WILDCARD
    if text in (WILDCARD, NULL):
        return text
    # "https:/app.example.com" and "//app.example.com" have a slash or a scheme missing.
    text = re.sub(r"^(https?)(?::/*|//)", r"\1://", text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text.removeprefix("//")
    scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    try:
        if authority.count(":") > 1 and not authority.startswith("["):
            # "::1:3000" is a valid address, but it probably means port 3000.
            address, colon, port = authority.rpartition(":")
            if len(port) < 4 or ip_address(address) is None:
                address, colon, port = authority, "", ""
            authority = f"[{ipaddress.IPv6Address(address).compressed}]{colon}{port}"
        host, port = _split_port(authority.removesuffix(":"))
        host = _repair_host(host)
        if not scheme:
            scheme = "http" if is_loopback(host) else "https"
        port = port if port == ANY_PORT else port.lstrip("0")
        port = f":{port}" if port and port != DEFAULT_PORTS.get(scheme) else ""
        return str(_parse(f"{scheme}://{host}{port}"))
    except (_Objection, ValueError):
        return None


def _repair_host(host: str) -> str:
    if host.startswith(".") and host.count(".") > 1:
        host = f"*{host}"  # means subdomains in Django's ALLOWED_HOSTS
    before, wildcard, host = host.rpartition("*")
    if wildcard and not before and host.count(".") == 1:
        host = f".{host}"  # "*example.com"
    elif wildcard:
        host = host[host.find(".") :]  # "app-*.example.com", "*.*.example.com"
        if "." not in host[1:]:
            raise _Objection("would cover a whole top-level domain")
    labels = [label for label in host.split(".") if label]
    host = ".".join(["*", *labels] if wildcard else labels)
    return _canonical_address(host) if host.startswith("[") or _ends_in_number(host) else host
