"""An origin or a wildcard over origins, as a value; and what browsers can send in ``Origin``.

This is all that a request needs to know of origins, beside the matcher. What people may write is
another matter: see ``parser``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .sites import is_loopback

MAX_HOST_LENGTH = 253  # RFC 1035, section 3.1, without the trailing dot
MAX_LABEL_LENGTH = 63
# DNS has room for 127 labels, but names in use have a dozen at most. All that can cover an entry is
# looked for label by label, so each of them costs something.
MAX_LABELS = 32
MAX_SCHEME_LENGTH = 64  # no scheme in use comes near
MAX_PORT = 65535
# Nothing longer can be an origin, so nothing longer is looked at.
MAX_ORIGIN_LENGTH = MAX_SCHEME_LENGTH + len("://") + MAX_HOST_LENGTH + len(":65535")

ANY_PORT = "*"
# https://url.spec.whatwg.org/#default-port, for the schemes that pages have.
DEFAULT_PORTS = {"http": "80", "https": "443"}

_SENT_LABEL = f"[a-z0-9_-]{{1,{MAX_LABEL_LENGTH}}}"
# The serialisation of an origin (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin)
# with a host that a name server or an address can stand for. No two parts of the expression can
# match the same text in two ways: its time is linear, whatever a stranger sends.
_SERIALISED = re.compile(
    rf"([a-z][a-z0-9+.-]{{0,{MAX_SCHEME_LENGTH - 1}}})://"
    rf"({_SENT_LABEL}(?:\.{_SENT_LABEL}){{0,{MAX_LABELS - 1}}}|\[[0-9a-f:]{{2,39}}\])"
    r"(?::([1-9][0-9]{0,4}))?"
)


@dataclass(frozen=True)
class OriginPattern:
    """An exact origin, or a wildcard over subdomains, ports or both.

    ``host`` is what browsers send: ASCII, IPv6 in brackets, without the wildcard. ``port`` is
    ``""`` for the scheme's default and ``"*"`` for any, also none. ``str()`` gives the normal form.
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
        """Whether just one origin matches."""
        return not self.subdomains and self.port != ANY_PORT

    @property
    def is_insecure(self) -> bool:
        """Whether anyone on the network's path can speak as this origin: http beyond loopback."""
        return self.scheme == "http" and not is_loopback(self.host)


# What a list of origins holds once it is parsed; a string is "null" or "*".
Entry = OriginPattern | re.Pattern[str] | str


def split_origin(origin: str) -> tuple[str, str, str] | None:
    """Scheme, host and port (``""`` if none) of an ``Origin`` header; None if no browser sends it.

    Safe on anything a stranger can send: bounded in length and time, and it never raises.
    """
    if len(origin) > MAX_ORIGIN_LENGTH:
        return None
    match = _SERIALISED.fullmatch(origin)
    if match is None:
        return None
    scheme, host, port = match.groups("")
    if len(host) > MAX_HOST_LENGTH:
        return None
    # A browser leaves the default port out.
    if port and (port == DEFAULT_PORTS.get(scheme) or int(port) > MAX_PORT):
        return None
    return scheme, host, port
