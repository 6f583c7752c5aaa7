from __future__ import annotations

import contextlib
from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.db import router
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy


class AllowlistConfig(AppConfig):
    """Add the origins in the database to the policies, and record refused origins."""

    name = "django_cors_policy.allowlist"
    label = "cors_policy_allowlist"
    verbose_name = gettext_lazy("CORS allowlist")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_cors_policy.hooks import hooks

        from . import checks, recorder, refresher  # noqa: F401

        hooks.origin_source = refresher.allowlist
        recorder.follow_settings()
        # Also runs after flush, which empties the table. The row should exist before two
        # processes write at the same time.
        post_migrate.connect(_make_token, sender=self)


def _make_token(*, using: str, apps: Apps = global_apps, **kwargs: Any) -> None:
    from .models import Freshness, write_token

    if router.allow_migrate_model(using, Freshness):
        # After "migrate cors_policy_allowlist zero" the table is gone.
        with contextlib.suppress(LookupError):
            apps.get_model("cors_policy_allowlist", "Freshness")
            write_token(using)
