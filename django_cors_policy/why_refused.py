"""Why a policy does not allow an origin, in words: for the log, ``DEBUG`` and explanations."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from . import fetch
from .exceptions import short_repr
from .hooks import is_open
from .origins import MOST_COMPARED, nearest_entry, spell_entry, split_origin
from .policy import Policy


class Near(NamedTuple):
    """An entry that is similar to an origin: its place, and the difference."""

    place: str
    entry: str
    difference: str


def nearest(policy: Policy, origin: str) -> Near | None:
    """Return the entry of ``ALLOW_ORIGINS`` that is most similar to a refused origin, if any."""
    place = policy.place.written_at("ALLOW_ORIGINS")
    entries = itertools.islice(policy.origins, MOST_COMPARED)
    found = nearest_entry(entries, origin)
    if found is None:
        return None
    index, difference = found
    return Near(
        place.locate("ALLOW_ORIGINS", index), spell_entry(policy.origins[index]), difference
    )


def why_refused(policy: Policy, origin: str) -> str:
    """Return the end of the sentence "The origin is not allowed: ..."."""
    if origin != fetch.NULL and split_origin(origin) is None:
        return "no browser sends such an origin"
    if not is_open(policy):
        return "the policy allows no other origin"
    if (near := nearest(policy, origin)) is not None:
        return f"{near.place} is {short_repr(near.entry)}, {near.difference}"
    place = policy.place.written_at("ALLOW_ORIGINS").locate("ALLOW_ORIGINS")
    if origin == fetch.NULL:
        pages = "sandboxed frames and local files"
        return f"'null' comes from pages such as {pages}, and is not in {place}"
    return f"{place} has no similar entry"
