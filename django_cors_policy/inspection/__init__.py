"""What decorators have written on views, read from the views and from the URLconf."""

from __future__ import annotations

from .names import name_of
from .routes import Route, walk_urls
from .views import AnyView, Bypass, Found, ViewInspection

__all__ = ["AnyView", "Bypass", "Found", "Route", "ViewInspection", "name_of", "walk_urls"]
