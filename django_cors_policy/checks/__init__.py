"""The system checks: everything that is wrong with the configuration, and what probably is.

Each module says which ids it has. Errors come from compiling policies and from decorators; warnings
find the mistakes around them. Every id is documented in ``docs/checks.rst`` and never reused.
Importing this package registers the checks.
"""

from __future__ import annotations

from .cookies import check_cookies
from .headers import check_headers
from .messages import as_message
from .middleware_order import check_middleware
from .origins import check_local_origins, check_origins
from .policies import check_idle_policies, check_policies
from .setup import check_setup
from .views import check_decorators, check_views

__all__ = [
    "as_message",
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
]
