"""Parse, check and display the origin of a row."""

from __future__ import annotations

import idna

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import OriginPattern, parse_origin, split_origin
from django_cors_policy.policy import Policy, credential_problems


def parse_row(text: str) -> OriginPattern | str:
    """Parse an exact origin, a wildcard, or ``"null"``. Raises ``PolicyError``."""
    return text if text == fetch.NULL else parse_origin(text)


def read_row(origin: str) -> OriginPattern | str:
    """Parse the origin of a row that is in the table.

    Most rows are exact https origins. They stay strings, so that a million of them fit into memory.
    Raises ``PolicyError``, also for values that ``OriginField`` has not normalised.
    """
    if origin.startswith("https://") and split_origin(origin):
        return origin
    entry = parse_row(origin)
    if str(entry) != origin:
        raise PolicyError(
            origin, "is not written as browsers send it", "Open the row and save it.", id="E005"
        )
    return entry


def row_problems(
    entry: OriginPattern | str, policy: Policy, allow_credentials: bool
) -> list[PolicyError]:
    """Return why ``policy`` refuses the row. The rules are those of settings."""
    if not (policy.allow_credentials and allow_credentials):
        return []
    return [] if is_plain(entry) else list(credential_problems(entry, policy.accept_risks))


def is_plain(entry: OriginPattern | str) -> bool:
    """Return whether ``entry`` is an exact https origin from ``read_row``: it has no risks."""
    return isinstance(entry, str) and entry != fetch.NULL


def as_people_write(origin: str) -> str:
    """Return the origin with its host in Unicode."""
    try:
        pattern = parse_origin(origin)
        host = idna.decode(pattern.host) if "xn--" in pattern.host else pattern.host
    except (PolicyError, idna.IDNAError):
        return origin
    return str(OriginPattern(pattern.scheme, host, pattern.port, pattern.subdomains))


def shown(origin: str) -> str:
    """Return the origin for display. Characters that could mislead readers are escaped."""
    text = as_people_write(origin)
    return text if text and text.isprintable() else repr(origin)
