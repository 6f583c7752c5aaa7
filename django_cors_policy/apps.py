from __future__ import annotations

from django.apps import AppConfig


class CorsPolicyConfig(AppConfig):
    """Registers the system checks; the middleware does the work."""

    name = "django_cors_policy"
    verbose_name = "CORS policies"

    def ready(self) -> None:
        from . import checks  # noqa: F401
