"""What the tests of explanations share."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.hooks import hooks

from .site import ROW


@pytest.fixture
def small_site(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.explain.site"
    settings.ALLOWED_HOSTS = ["*"]
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def rows(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    monkeypatch.setattr(hooks, "origin_source", allowlist)
    allowlist.reset()
    yesterday = timezone.now() - datetime.timedelta(days=1)
    for origin, fields in {
        ROW: {},
        "https://*.row.example": {"allow_credentials": False},
        "https://expired.row.example": {"expires_at": yesterday},
        "http://row.example": {},
        "https://disabled.example": {"is_enabled": False},
        "null": {"policy": "public"},
    }.items():
        AllowedOrigin.objects.create(origin=origin, **fields)
