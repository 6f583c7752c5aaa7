"""Why a policy refuses an origin, in a sentence."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from . import fetch, sources
from .exceptions import short_repr
from .origins import MOST_COMPARED, nearest_entry, spell_entry, split_origin
from .policy import Policy


class Near(NamedTuple):
    """An entry that nearly allows an origin: where it stands, and how it differs."""

    place: str
    entry: str
    difference: str


def why_refused(policy: Policy, origin: str) -> str:
    """The end of the sentence "The origin is not allowed: ..."."""
    if origin != fetch.NULL and split_origin(origin) is None:
        return "no browser sends such an origin"
    has_rows = policy.rows_alias is not None and sources.source is not None
    if not policy.origins and not has_rows and policy.allow_origin_func is None:
        return "the policy allows no other origin"
    if (near := nearest(policy, origin)) is not None:
        return f"{near.place} is {short_repr(near.entry)}, {near.difference}"
    place = policy.place.owner("ALLOW_ORIGINS").locate("ALLOW_ORIGINS")
    if origin == fetch.NULL:
        return f"pages without an origin of their own send it, and it is not in {place}"
    return f"nothing in {place} comes near it"


def nearest(policy: Policy, origin: str) -> Near | None:
    """The entry of ``ALLOW_ORIGINS`` that comes nearest to ``origin``, which it refuses."""
    place = policy.place.owner("ALLOW_ORIGINS")
    entries = itertools.islice(policy.origins, MOST_COMPARED)
    found = nearest_entry(entries, origin)
    if found is None:
        return None
    index, difference = found
    return Near(
        place.locate("ALLOW_ORIGINS", index), spell_entry(policy.origins[index]), difference
    )
