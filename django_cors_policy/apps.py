from __future__ import annotations

from django.apps import AppConfig


class CorsPolicyConfig(AppConfig):
    """Register the system checks."""

    name = "django_cors_policy"
    verbose_name = "CORS policies"

    def ready(self) -> None:
        from . import checks  # noqa: F401
