"""System checks of the allowlist. None of them asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from django_cors_policy.checks import as_message
from django_cors_policy.exceptions import PolicyErrors

from .conf import SETTING, AllowlistSettings, allowlist_settings

# What the backends of packages that give each tenant a schema have in their names.
TENANT_SCHEMAS = ("django_tenants", "tenant_schemas")


@register(Tags.security)
def check_allowlist(**kwargs: Any) -> list[CheckMessage]:
    """E021: ``CORS_ALLOWLIST`` is wrong. W021: requests would read their tenant's rows."""
    try:
        config = allowlist_settings()
    except PolicyErrors as refused:
        return [as_message(error) for error in refused.errors]
    return list(_tenant_schemas(config)) if config.refresh_seconds == 0 else []


def _tenant_schemas(config: AllowlistSettings) -> Iterator[CheckMessage]:
    """A request's own connection is led to its tenant's schema."""
    # Without a choice the router decides, and it may not answer now.
    aliases = settings.DATABASES if config.database is None else [config.database]
    for alias in aliases:
        engine = settings.DATABASES[alias].get("ENGINE", "")
        if any(name in engine for name in TENANT_SCHEMAS):
            yield Warning(
                f"0 reads the rows on each request's own connection, and the database {alias!r} "
                f"({engine}) leads that to the schema of a tenant: rows of one tenant would "
                "answer for another.",
                hint="Write a number of seconds, 5 for example: then a thread reads the rows, on a "
                "connection of its own. Keep 0 for tests with a single tenant.",
                obj=f"{SETTING}['REFRESH_SECONDS']",
                id="django_cors_policy.W021",
            )
