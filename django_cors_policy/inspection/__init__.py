"""Find the policy decorators on views, in the views themselves and in the URLconf.

``views`` finds the decorator of each HTTP method. ``frameworks`` knows how Django, REST framework
and Django Ninja build views. ``hidden`` finds decorators that another function hides, with the
search in ``holding``. ``bypasses`` and ``calls`` find methods that a decorator does not govern,
although it is on a method that they override or call. ``admin_sites`` finds the views of Django's
admin.
"""

from __future__ import annotations

from .admin_sites import admin_site_of
from .bypasses import Bypass, find_bypasses
from .hidden import Found
from .names import name_of
from .routes import LANGUAGE_PREFIX, Route, walk_urls
from .views import AnyView, ViewInspection

__all__ = [
    "LANGUAGE_PREFIX",
    "AnyView",
    "Bypass",
    "Found",
    "Route",
    "ViewInspection",
    "admin_site_of",
    "find_bypasses",
    "name_of",
    "walk_urls",
]
