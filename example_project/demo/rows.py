"""Example rows for the allowlist, one of each kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin


def make_rows(partner: str) -> None:
    """Create or reset the demo's rows. All other rows stay unchanged."""
    now = timezone.now()
    rows: list[dict[str, Any]] = [
        {
            "policy": "partner",
            "origin": partner,
            "note": "The partner in this demo",
        },
        {
            "policy": "partner",
            "origin": "https://portal.former-partner.example",
            "expires_at": now - timedelta(days=30),
            "note": "Contract ended",
        },
        {
            "policy": "default",
            "origin": "https://pr-17.preview.bookshop.example",
            "expires_at": now + timedelta(days=7),
            "note": "Preview of the new checkout",
        },
        {
            "policy": "default",
            "origin": "https://*.staging.bookshop.example",
            "allow_credentials": False,
            "note": "All staging front ends",
        },
        {
            "policy": "default",
            "origin": "https://old.bookshop.example",
            "is_enabled": False,
            "note": "Last year's front end",
        },
    ]
    usual = {"allow_credentials": True, "is_enabled": True, "expires_at": None}
    for row in rows:
        key = {"policy": row.pop("policy"), "origin": row.pop("origin")}
        AllowedOrigin.objects.update_or_create(**key, defaults={**usual, **row})
