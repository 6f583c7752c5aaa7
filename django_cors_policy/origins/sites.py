"""Sites and public suffixes: who can register the names below a host.

The public suffix list is read from disk on first use. Checking a configuration needs it; answering
requests does not.
"""

from __future__ import annotations

import functools
import ipaddress
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList


@functools.cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@functools.cache
def _registries() -> PublicSuffixList:
    """The suffixes below which registries sell names, without those of hosting services."""
    return PublicSuffixList(only_icann=True)


_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is the user's own device in every browser.

    ``localhost`` and all names below it, 127.0.0.0/8 and ``[::1]``
    (https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy).
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    # Python's is_loopback includes ::ffff:127.0.0.1 since 3.13; browsers do not.
    address = ip_address(host)
    return any(address in network for network in _LOOPBACK) if address is not None else False


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return ``host`` as an address (IPv6 in brackets, as in a URL), or None if it is a name."""
    try:
        return ipaddress.ip_address(host[1:-1] if host.startswith("[") else host)
    except ValueError:
        return None


def is_public_suffix(host: str) -> bool:
    """Return whether anyone can register names directly below ``host``: ``com``, ``github.io``.

    A top-level name that is not in the list is a suffix, as the list's algorithm says
    (https://github.com/publicsuffix/list/wiki/Format). Loopback names are never suffixes.
    """
    return not is_loopback(host) and _public_suffixes().is_public(host)


def covers_public_suffix(host: str) -> bool:
    """Return whether anyone can register names below ``host``, directly or further down.

    ``amazonaws.com`` has an owner, but ``s3.amazonaws.com`` below it is a public suffix.
    """
    return is_public_suffix(host) or host in _names_above_suffixes()


@functools.cache
def _names_above_suffixes() -> frozenset[str]:
    names: set[str] = set()
    with Path(PSLFILE).open(encoding="utf-8") as rules:
        for rule in map(str.strip, rules):
            # ASCII rules are enough: every name above a Unicode suffix is itself a suffix.
            if rule.isascii() and rule[:2] not in {"", "//"} and rule[0] != "!":
                _, *above = rule.removeprefix("*.").split(".")
                names.update(".".join(above[index:]) for index in range(len(above)))
    return frozenset(names)


def registrable_domain(host: str) -> str:
    """Return the registered name of ``host``: ``example.co.uk`` for ``a.b.example.co.uk``.

    Return a host without one (an address, a single label, a public suffix) unchanged
    (https://html.spec.whatwg.org/#obtain-a-site).
    """
    if ip_address(host) is not None:
        return host
    return _public_suffixes().privatesuffix(host) or host


def shared_suffix(host: str) -> str:
    """The hosting service's suffix that ``host`` is below: ``github.io`` of ``me.github.io``.

    Each name directly below it can belong to another customer. Empty if there is none.
    """
    site = registrable_domain(host)
    owned = _registries().privatesuffix(host) if ip_address(host) is None else None
    if owned is None or owned == site:
        return ""
    return site.partition(".")[2]
