"""Find the admin site that a view belongs to."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, cast

from django_cors_policy.decorators import attributes

from .holding import levels_of

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite


def admin_site_of(view: Any) -> AdminSite | None:
    """The admin site whose ``urls`` contain ``view``; None if there is none."""
    # A project without an admin site may lack what this module imports.
    sites = sys.modules.get("django.contrib.admin.sites")
    if sites is None:
        return None
    for level in levels_of(view):
        # AdminSite and ModelAdmin set these attributes on the views in their get_urls().
        own = attributes(level)
        found = [own.get("admin_site"), getattr(own.get("model_admin"), "admin_site", None)]
        if type(level) is types.MethodType:
            found.append(level.__self__)  # login() is in the URLconf as it is
        for site in found:
            if isinstance(site, sites.AdminSite):
                return cast("AdminSite", site)
    return None
