"""What the browser sends, one request after the other."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.explain import explain, playback

from .site import APP
from .test_fixes import COMMON, OURS, SECURITY

pytestmark = pytest.mark.usefixtures("small_site")


def test_redirects_without_end(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked as behind a proxy, whatever the script claims to be one."""
    settings.MIDDLEWARE = [OURS, SECURITY, COMMON]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_HEADERS": ["*"]}}
    url = "https://b.example/plain/"
    assert explain(APP, "GET", url, headers=["x-forwarded-proto"]).is_allowed
    monkeypatch.setattr(playback, "MOST_REDIRECTS", 0)
    explanation = explain(APP, "GET", "https://b.example/plain")
    assert [cause.code for cause in explanation.causes] == ["redirect-loop"]
    assert explanation.exchanges[-1].failure == "More than 0 redirects."
    assert not explanation.may_read
