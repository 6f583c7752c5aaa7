"""What the tests of inspection share."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import path

from .common import APP


@pytest.fixture
def policies(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True, "ALLOW_METHODS": ["*"]},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }


@pytest.fixture
def project(settings: Any) -> Iterator[Callable[..., Client]]:
    """A project with some views, each at ``/<its name>/``."""
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }

    def build(*patterns: Any, **views: Any) -> Client:
        urlconf = types.ModuleType("urlconf_of_a_test")
        urlconf.urlpatterns = [  # type: ignore[attr-defined]
            *patterns,
            *(path(f"{name}/", view) for name, view in views.items()),
        ]
        settings.ROOT_URLCONF = urlconf
        return Client()

    return build
