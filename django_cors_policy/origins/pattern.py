"""The value of an origin or wildcard, and a strict reader for the ``Origin`` header.

``parser`` reads origins that people write, with helpful errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .sites import is_loopback

MAX_HOST_LENGTH = 253  # RFC 1035, section 3.1, without the trailing dot
MAX_LABEL_LENGTH = 63
# DNS allows 127 labels, but names in use have at most a dozen. Each label costs time where the
# entries that cover another entry are looked up.
MAX_LABELS = 32
MAX_SCHEME_LENGTH = 64  # schemes in use are much shorter
MAX_PORT = 65535
# Longer texts cannot be origins and are not parsed.
MAX_ORIGIN_LENGTH = MAX_SCHEME_LENGTH + len("://") + MAX_HOST_LENGTH + len(":65535")

ANY_PORT = "*"
# https://url.spec.whatwg.org/#default-port, for the schemes that pages have.
DEFAULT_PORTS = {"http": "80", "https": "443"}

_SENT_LABEL = f"[a-z0-9_-]{{1,{MAX_LABEL_LENGTH}}}"
# The serialisation of an origin (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin)
# whose host is a DNS name or an IP address. No text can match in two ways, so matching takes linear
# time for any input.
_SERIALISED = re.compile(
    rf"([a-z][a-z0-9+.-]{{0,{MAX_SCHEME_LENGTH - 1}}})://"
    rf"({_SENT_LABEL}(?:\.{_SENT_LABEL}){{0,{MAX_LABELS - 1}}}|\[[0-9a-f:]{{2,39}}\])"
    r"(?::([1-9][0-9]{0,4}))?"
)


@dataclass(frozen=True)
class OriginPattern:
    """An exact origin, or a wildcard over subdomains, ports or both.

    ``host`` is as browsers send it: ASCII, IPv6 in brackets, without the wildcard. ``port`` is
    ``""`` for the scheme's default port and ``"*"`` for any port, including the default. ``str()``
    returns the normalized form.
    """

    scheme: str
    host: str
    port: str = ""
    subdomains: bool = False

    def __str__(self) -> str:
        wildcard = "*." if self.subdomains else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{wildcard}{self.host}{port}"

    @property
    def is_exact(self) -> bool:
        """Whether exactly one origin matches."""
        return not self.subdomains and self.port != ANY_PORT

    @property
    def is_insecure(self) -> bool:
        """Whether attackers on the network can fake its pages: http, except on loopback hosts."""
        return self.scheme == "http" and not is_loopback(self.host)


# An entry of a parsed list of origins. A string is "null" or "*".
Entry = OriginPattern | re.Pattern[str] | str


def split_origin(origin: str) -> tuple[str, str, str] | None:
    """Return scheme, host and port (``""`` if none) of an ``Origin`` header.

    Return None for values that browsers do not send. Safe for untrusted input: the time is bounded,
    and no exception is raised.
    """
    if len(origin) > MAX_ORIGIN_LENGTH:
        return None
    match = _SERIALISED.fullmatch(origin)
    if match is None:
        return None
    scheme, host, port = match.groups("")
    if len(host) > MAX_HOST_LENGTH:
        return None
    # Browsers omit the default port.
    if port and (port == DEFAULT_PORTS.get(scheme) or int(port) > MAX_PORT):
        return None
    return scheme, host, port
