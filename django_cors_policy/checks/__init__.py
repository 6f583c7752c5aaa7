"""System checks that report errors and probable mistakes in the configuration.

The docstring of each module lists its ids. Errors come from compiling policies and from decorators.
Warnings point out probable mistakes. ``docs/checks.rst`` documents every id; ids are never reused.
Importing this package registers the checks.
"""

from __future__ import annotations

from .admin_sites import check_admin_sites
from .cookies import check_cookies
from .headers import check_headers
from .messages import as_message
from .middleware_order import check_middleware, find_misplaced
from .origins import check_local_origins, check_origins
from .policies import check_idle_policies, check_policies
from .setup import check_setup
from .views import check_decorators, check_views

__all__ = [
    "as_message",
    "check_admin_sites",
    "check_cookies",
    "check_decorators",
    "check_headers",
    "check_idle_policies",
    "check_local_origins",
    "check_middleware",
    "check_origins",
    "check_policies",
    "check_setup",
    "check_views",
    "find_misplaced",
]
