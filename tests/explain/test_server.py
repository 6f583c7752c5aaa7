"""Whoever asks, the server answers as it would answer a visitor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_urlconf, set_script_prefix, set_urlconf
from django.utils import translation

from django_cors_policy.explain import Explanation, explain

from .site import APP, is_partner_async
from .test_fixes import COMMON, LOCALE, OURS

pytestmark = pytest.mark.usefixtures("small_site")


class TestAsAVisitor:
    """Whoever asks, it is told what a visitor's request would meet."""

    def test_language_and_urlconf_of_the_asker(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "PATHS": ["/en/"]}}
        settings.MIDDLEWARE = [OURS, LOCALE]
        set_urlconf("tests.urls")
        try:
            with translation.override("de"):
                explanation = explain(APP, "GET", "/en/translated/")
                assert translation.get_language() == "de"
            assert get_urlconf() == "tests.urls"
        finally:
            set_urlconf(None)
        assert explanation.is_allowed
        assert explanation.view == "tests.explain.site.hello"

    @pytest.fixture
    def prefix(self, settings: Any) -> Iterator[None]:
        settings.FORCE_SCRIPT_NAME = "/app"
        set_script_prefix("/app/")
        yield
        set_script_prefix("/")

    @pytest.mark.parametrize("url", ["/app/api/plain", "/api/plain"])
    def test_script_prefix(self, settings: Any, prefix: None, url: str) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "PATHS": ["/api/"]}}
        settings.MIDDLEWARE = [OURS, COMMON]
        explanation = explain(APP, "GET", url)
        assert explanation.is_allowed
        assert explanation.exchanges[-1].request.line == "GET /app/api/plain/ HTTP/1.1"
        assert (explanation.path, explanation.view) == ("/api/plain/", "tests.explain.site.hello")

    def test_async_function_in_a_thread_with_a_loop(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": is_partner_async}}

        async def ask() -> Explanation:
            return await asyncio.to_thread(explain, "https://partner.example", "PUT", "/plain/")

        assert asyncio.run(ask()).is_allowed
        assert explain("https://partner.example", "PUT", "/plain/").is_allowed
