"""What does not block a call, and matters."""

from __future__ import annotations

from typing import Any

import pytest

from .site import API, APP, notes
from .test_fixes import COMMON, CSRF, LOCALE, OURS

pytestmark = pytest.mark.usefixtures("small_site")


@pytest.mark.parametrize(
    ("arguments", "options", "project", "code", "text"),
    [
        ([f"{APP}/shop", "GET", "/plain/"], {}, {}, "taken-for", f"'{APP}' is used instead"),
        ([API, "PUT", f"{API}:443/plain/"], {}, {}, "same-origin", "CORS does not apply"),
        ([API, "PUT", f"{API}/nowhere/"], {}, {}, "same-origin", "CORS does not apply"),
        ([APP, "GET", "/plain/"], {"headers": ["Cookie"]}, {}, "forbidden-header", "'cookie'"),
        ([APP, "GET", "/nowhere/"], {}, {}, "not-found", "gets a 404"),
        ([APP, "GET", "/plain"], {}, {}, "not-found", "one matches /plain/"),
        ([APP, "GET", "/static/app.css"], {}, {"STATIC_URL": "/static/"}, "static", "runserver"),
        ([APP, "POST", "/orders/"], {}, {}, "method-not-allowed", "does not handle POST"),
        (
            [APP, "GET", f"{API}/plain/"],
            {},
            {"ALLOWED_HOSTS": ["a.example"]},
            "allowed-hosts",
            "400",
        ),
        (
            [APP, "GET", f"{API}/plain/"],
            {},
            {"ALLOWED_HOSTS": [], "DEBUG": True},
            "allowed-hosts",
            "400",
        ),
        ([APP, "GET", "/plain"], {}, {"MIDDLEWARE": [OURS, COMMON]}, "append-slash", "follow"),
        (
            [APP, "GET", "/translated/"],
            {},
            {"MIDDLEWARE": [OURS, LOCALE]},
            "redirect",
            "/en/translated/",
        ),
        (
            [APP, "patch", "/plain/"],
            {},
            {"CORS_POLICIES": {"default": {"ALLOW_ORIGINS": ["*"], "ALLOW_METHODS": ["*"]}}},
            "method-case",
            "'patch'",
        ),
        (
            [APP, "GET", "/plain/"],
            {},
            {"MIDDLEWARE": [COMMON, CSRF, OURS]},
            "middleware-order",
            "MIDDLEWARE[0], MIDDLEWARE[1] are before",
        ),
        (
            [APP, "GET", "/plain/"],
            {},
            {"MIDDLEWARE": [COMMON, OURS]},
            "middleware-order",
            "MIDDLEWARE[0] is before",
        ),
        (
            [APP, "GET", "/plain/"],
            {"reads": ["Set-Cookie"]},
            {},
            "forbidden-response-header",
            "'set-cookie'",
        ),
        (
            [APP, "GET", "/plain/"],
            {"reads": ["x-b", "X-A"]},
            {},
            "expose",
            "'x-a' or 'x-b'",
        ),
        (
            ["null", "POST", "/plain/"],
            {"credentials": False},
            {
                "MIDDLEWARE": [OURS, CSRF],
                "CORS_POLICIES": {"default": {"ALLOW_ORIGINS": ["null"]}},
            },
            "csrf",
            "null is not in CSRF_TRUSTED_ORIGINS",
        ),
    ],
)
def test_notes(
    settings: Any, arguments: list[str], options: Any, project: Any, code: str, text: str
) -> None:
    for name, value in project.items():
        setattr(settings, name, value)
    note = notes(*arguments, **options)[0]
    assert note.code == code
    assert text in note.text


@pytest.mark.parametrize(
    ("arguments", "options", "project"),
    [
        # All headers are readable, or those that are asked for.
        ([APP, "GET", "/plain/"], {"reads": ["x-a"]}, {"EXPOSE_HEADERS": ["*"]}),
        ([APP, "GET", "/plain/"], {"reads": ["x-a", "ETag"]}, {"EXPOSE_HEADERS": ["etag", "X-A"]}),
        # A header that the standard lets "*" not stand for, and credentials beside it.
        ([APP, "GET", "/plain/"], {"headers": ["Authorization"]}, {"ALLOW_HEADERS": ["*"]}),
        (
            [APP, "GET", "/plain/"],
            {"headers": ["Authorization"], "credentials": True},
            {"ALLOW_HEADERS": ["*"], "ALLOW_CREDENTIALS": True},
        ),
        # A header of multipart/form-data that needs no preflight.
        ([APP, "POST", "/plain/"], {"content_type": "multipart/form-data; boundary=a"}, {}),
    ],
)
def test_nothing_to_note(settings: Any, arguments: list[str], options: Any, project: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], **project}}
    assert notes(*arguments, **options) == []
