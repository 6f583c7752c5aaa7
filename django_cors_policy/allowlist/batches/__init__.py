"""Many rows at once: read from and written to files, compared with the database, changed."""

from .files import (
    FIELDS,
    FORMATS,
    NEVER,
    as_item,
    parse_expires,
    parse_moment,
    read,
    read_line,
    render,
)
from .plan import BATCH, Line, Plan, Progress, carry_out, make_plan, problems_of, rows_with, surplus

__all__ = [
    "BATCH",
    "FIELDS",
    "FORMATS",
    "NEVER",
    "Line",
    "Plan",
    "Progress",
    "as_item",
    "carry_out",
    "make_plan",
    "parse_expires",
    "parse_moment",
    "problems_of",
    "read",
    "read_line",
    "render",
    "rows_with",
    "surplus",
]
