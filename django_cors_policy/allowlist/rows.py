"""The origin of a row: parsed, read back from the table, checked, and shown to people."""

from __future__ import annotations

import idna

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import OriginPattern, parse_origin, split_origin
from django_cors_policy.policy import Policy, credential_problems


def parse_row(text: str) -> OriginPattern | str:
    """The origin of a row: an exact origin, a wildcard, or ``"null"``. Raises ``PolicyError``."""
    return text if text == fetch.NULL else parse_origin(text)


def read_row(origin: str) -> OriginPattern | str:
    """The origin of a row that is in the table already.

    Most rows are exact https origins. They need no more than a look, and stay strings: a million of
    them are to fit into memory. Raises ``PolicyError`` for what was written around the field.
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
    """Why ``policy`` would refuse the row: what settings would refuse, by the same rules."""
    if not (policy.allow_credentials and allow_credentials):
        return []
    return [] if is_plain(entry) else list(credential_problems(entry, policy.accept_risks))


def is_plain(entry: OriginPattern | str) -> bool:
    """Whether ``read_row`` gave an exact https origin, with which nothing can be wrong."""
    return isinstance(entry, str) and entry != fetch.NULL


def as_people_write(origin: str) -> str:
    """An origin with its host in Unicode, for people to read."""
    try:
        pattern = parse_origin(origin)
        host = idna.decode(pattern.host) if "xn--" in pattern.host else pattern.host
    except (PolicyError, idna.IDNAError):
        return origin
    return str(OriginPattern(pattern.scheme, host, pattern.port, pattern.subdomains))


def shown(origin: str) -> str:
    """An origin for people to read, and nothing that could deceive them."""
    text = as_people_write(origin)
    return text if text and text.isprintable() else repr(origin)
