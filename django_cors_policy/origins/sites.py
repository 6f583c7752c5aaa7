"""Sites and public suffixes: whose name is it, and how far does it reach.

The public suffix list is read from disk on first use, when a configuration is judged; no request
ever needs it.
"""

from __future__ import annotations

import functools
import ipaddress
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList


@functools.cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this very machine in every browser.

    ``localhost`` and all names below it, 127.0.0.0/8 and ``[::1]``
    (https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy).
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    # Not is_loopback: from Python 3.13 on it counts ::ffff:127.0.0.1, and browsers do not.
    address = ip_address(host)
    return any(address in network for network in _LOOPBACK) if address is not None else False


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """``host`` as an address (IPv6 in brackets, as in a URL), or None if it is a name."""
    try:
        return ipaddress.ip_address(host[1:-1] if host.startswith("[") else host)
    except ValueError:
        return None


def is_public_suffix(host: str) -> bool:
    """Whether strangers can register names directly below ``host``: ``com``, ``github.io``.

    A name whose top level is unknown to the list counts by its last label, as the list's algorithm
    says (https://github.com/publicsuffix/list/wiki/Format). Loopback names belong to nobody else.
    """
    return not is_loopback(host) and _public_suffixes().is_public(host)


def covers_public_suffix(host: str) -> bool:
    """Whether strangers can register names anywhere below ``host``, if not directly.

    ``amazonaws.com`` is somebody's, and ``s3.amazonaws.com`` below it a public suffix.
    """
    return is_public_suffix(host) or host in _names_above_suffixes()


@functools.cache
def _names_above_suffixes() -> frozenset[str]:
    names: set[str] = set()
    with Path(PSLFILE).open(encoding="utf-8") as rules:
        for rule in map(str.strip, rules):
            # In ASCII alone: what lies above a Unicode suffix is a suffix in every case.
            if rule.isascii() and rule[:2] not in {"", "//"} and rule[0] != "!":
                _, *above = rule.removeprefix("*.").split(".")
                names.update(".".join(above[index:]) for index in range(len(above)))
    return frozenset(names)


def registrable_domain(host: str) -> str:
    """The name that somebody registered: ``example.co.uk`` of ``a.b.example.co.uk``.

    Hosts that have none (addresses, single labels, public suffixes) stand for themselves
    (https://html.spec.whatwg.org/#obtain-a-site).
    """
    if ip_address(host) is not None:
        return host
    return _public_suffixes().privatesuffix(host) or host
