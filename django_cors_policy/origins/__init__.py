"""Origins: what a list of them allows, how its entries are written, and how far each reaches.

A request needs ``pattern`` and ``matcher``. The other modules serve those who write or judge a
list: ``parser``, ``nearest``, ``sites``, and ``regexes`` with what it is built of.
"""

from . import regexes
from .matcher import OriginMatcher
from .nearest import MOST_COMPARED, nearest_entry, spell_entry
from .parser import guess_origin, parse_origin
from .pattern import (
    ANY_PORT,
    DEFAULT_PORTS,
    MAX_ORIGIN_LENGTH,
    Entry,
    OriginPattern,
    split_origin,
)
from .sites import covers_public_suffix, is_loopback, registrable_domain

__all__ = [
    "ANY_PORT",
    "DEFAULT_PORTS",
    "MAX_ORIGIN_LENGTH",
    "MOST_COMPARED",
    "Entry",
    "OriginMatcher",
    "OriginPattern",
    "covers_public_suffix",
    "guess_origin",
    "is_loopback",
    "nearest_entry",
    "parse_origin",
    "regexes",
    "registrable_domain",
    "spell_entry",
    "split_origin",
]
