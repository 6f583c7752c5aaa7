"""Parse, match and check the entries of a list of origins.

Requests need only ``pattern`` and ``matcher``. The other modules help to write and check a list:
``parser``, ``nearest``, ``sites``, and ``regexes``, which uses ``backtracking`` and ``regex_tree``.
"""

from . import regexes
from .matcher import OriginMatcher
from .nearest import MOST_COMPARED, nearest_entry, spell_entry
from .pages import ExactOrigins, OriginCollector
from .parser import guess_origin, parse_origin
from .pattern import (
    ANY_PORT,
    DEFAULT_PORTS,
    MAX_ORIGIN_LENGTH,
    Entry,
    OriginPattern,
    split_origin,
)
from .sites import covers_public_suffix, is_loopback, registrable_domain, shared_suffix

__all__ = [
    "ANY_PORT",
    "DEFAULT_PORTS",
    "MAX_ORIGIN_LENGTH",
    "MOST_COMPARED",
    "Entry",
    "ExactOrigins",
    "OriginCollector",
    "OriginMatcher",
    "OriginPattern",
    "covers_public_suffix",
    "guess_origin",
    "is_loopback",
    "nearest_entry",
    "parse_origin",
    "regexes",
    "registrable_domain",
    "shared_suffix",
    "spell_entry",
    "split_origin",
]
