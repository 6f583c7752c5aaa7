"""What decorators have written on views, read from the views and from the URLconf.

``views`` finds the decorator of each HTTP method, ``frameworks`` knows how Django, REST framework
and Django Ninja make views. ``hidden`` finds decorators that another function hides, with the
search of ``holding``. ``bypasses`` and ``calls`` find methods that a decorator nearby does not
govern.
"""

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
