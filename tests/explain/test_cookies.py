"""Whether cookies travel."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.explain import explain

from .site import API, APP, notes
from .test_fixes import CSRF, OURS

pytestmark = pytest.mark.usefixtures("small_site")


class TestCookies:
    @pytest.mark.parametrize(
        ("page", "url", "project", "text"),
        [
            (APP, f"{API}/plain/", {}, "on the same site"),
            (APP, "/plain/", {}, "use a whole URL instead of a path"),
            ("https://app.example.org", f"{API}/plain/", {}, "SameSite=Lax"),
            (
                "https://app.example.org",
                f"{API}/plain/",
                {"SESSION_COOKIE_SAMESITE": False},
                "another site",
            ),
            (
                "https://app.example.org",
                f"{API}/plain/",
                {"SESSION_COOKIE_SAMESITE": "none", "SESSION_COOKIE_SECURE": True},
                "block third-party cookies",
            ),
            ("http://localhost:3000", "http://localhost:8000/plain/", {}, "on the same site"),
            # Schemes make sites, and a public suffix is none.
            ("http://localhost:3000", "https://localhost/plain/", {}, "another site"),
            ("https://a.github.io", "https://b.github.io/plain/", {}, "another site"),
            ("https://[::1]", "https://[::1]:8000/plain/", {}, "on the same site"),
        ],
    )
    def test_told(self, settings: Any, page: str, url: str, project: Any, text: str) -> None:
        risks = ["insecure-http"]
        settings.CORS_POLICIES = {
            "default": {
                "ALLOW_ORIGINS": [page],
                "ALLOW_CREDENTIALS": True,
                "ACCEPT_RISKS": risks,
            }
        }
        for name, value in project.items():
            setattr(settings, name, value)
        assert text in explain(page, "GET", url, credentials=True).cookies

    def test_csrf_cookie_as_well(self, settings: Any) -> None:
        page = "https://app.example.org"
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [page], "ALLOW_CREDENTIALS": True}}
        settings.MIDDLEWARE = [OURS, CSRF]
        settings.CSRF_TRUSTED_ORIGINS = ["http://app.example.org", "https://*.example.net"]
        found = notes(page, "POST", f"{API}/plain/", credentials=True)
        assert [note.code for note in found] == ["csrf", "csrf-token", "cookies"]
        assert "does not set the header 'x-csrftoken'" in found[1].text
        assert 'CSRF_COOKIE_SAMESITE = "None"' in found[2].fixes[0].lines

    def test_of_a_page_without_an_origin(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["null"], "ALLOW_HEADERS": ["x-a"]}}
        assert (
            "'null' counts as another site"
            in explain("null", "GET", "/plain/", credentials=True).cookies
        )
        told = explain("null", "PUT", "/plain/", headers=["x-b"], credentials=True).cookies
        assert told == "No cookies: the browser does not send the request."
