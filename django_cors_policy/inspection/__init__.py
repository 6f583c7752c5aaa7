"""What decorators have written on views, read from the views and from the URLconf."""

from __future__ import annotations

from .bypasses import Bypass, find_bypasses
from .hidden import Found
from .names import name_of
from .routes import Route, walk_urls
from .views import AnyView, ViewInspection

__all__ = [
    "AnyView",
    "Bypass",
    "Found",
    "Route",
    "ViewInspection",
    "find_bypasses",
    "name_of",
    "walk_urls",
]
