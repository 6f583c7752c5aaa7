"""System checks of the allowlist. They do not query the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from django_cors_policy.checks import as_message
from django_cors_policy.exceptions import PolicyErrors

from .conf import SETTING, AllowlistSettings, allowlist_settings

CORE = "django_cors_policy"
# Parts of the ENGINE of packages that give each tenant a schema.
TENANT_SCHEMAS = ("django_tenants", "tenant_schemas")


@register(Tags.security)
def check_allowlist(**kwargs: Any) -> list[CheckMessage]:
    """E021: ``CORS_ALLOWLIST`` is wrong. W021: requests would read the rows of their tenant."""
    try:
        config = allowlist_settings()
    except PolicyErrors as refused:
        return [as_message(error) for error in refused.errors]
    return list(_tenant_schemas(config)) if config.refresh_seconds == 0 else []


@register(Tags.security)
def check_core_app(**kwargs: Any) -> list[CheckMessage]:
    """W023: the allowlist without the app that it extends."""
    if apps.is_installed(CORE):
        return []
    return [
        Warning(
            f"'{CORE}.allowlist' is installed without {CORE!r}. The middleware does not start, and "
            "commands such as cors_explain are missing.",
            hint=f"Add {CORE!r} before '{CORE}.allowlist'.",
            obj="INSTALLED_APPS",
            id="django_cors_policy.W023",
        )
    ]


def _tenant_schemas(config: AllowlistSettings) -> Iterator[CheckMessage]:
    """Warn about databases that switch a request's connection to the schema of a tenant."""
    # Without DATABASE the router decides, and it may not know the answer outside a request.
    aliases = settings.DATABASES if config.database is None else [config.database]
    for alias in aliases:
        engine = settings.DATABASES[alias].get("ENGINE", "")
        if any(name in engine for name in TENANT_SCHEMAS):
            yield Warning(
                "With 0, the rows are read through each request's connection. The database "
                f"{alias!r} ({engine}) switches that connection to the schema of a tenant, so "
                "rows of one tenant would apply to other tenants.",
                hint="Write a number of seconds, for example 5. A thread then reads the rows "
                "through its own connection. Use 0 only in tests with a single tenant.",
                obj=f"{SETTING}['REFRESH_SECONDS']",
                id="django_cors_policy.W021",
            )
