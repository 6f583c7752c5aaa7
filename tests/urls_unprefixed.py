"""Languages in the path, but for the default one."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.urls import path

from .urls_decorated import function

urlpatterns = i18n_patterns(path("translated/", function), prefix_default_language=False)
