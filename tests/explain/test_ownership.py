"""Origins that can belong to strangers are offered with a condition."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.explain import explain

pytestmark = pytest.mark.usefixtures("small_site")


@pytest.mark.parametrize(
    ("origin", "allowed", "suffix"),
    [
        ("https://stranger.github.io", "https://app.example.com", "github.io"),
        ("https://a.stranger.github.io", "https://other.github.io", "github.io"),
        # Names that a registry sells belong to one owner, and this one is known.
        ("https://stranger.example.com", "https://app.example.com", ""),
        ("https://a.me.github.io", "https://me.github.io:8443", ""),
        ("https://127.0.0.1", "https://app.example.com", ""),
        ("null", "https://app.example.com", ""),
    ],
)
@pytest.mark.parametrize("has_policy", [True, False])
def test_condition(
    rows: None, settings: Any, origin: str, allowed: str, suffix: str, has_policy: bool
) -> None:
    paths = {} if has_policy else {"PATHS": ["/elsewhere/"]}
    alias = "default" if has_policy else "other"
    settings.CORS_POLICIES = {alias: {"ALLOW_ORIGINS": [allowed], **paths}}
    (cause,) = explain(origin, "GET", "/plain/").causes
    fixes = cause.fixes
    assert fixes
    if not has_policy and "github.io" in origin:
        suffix = "github.io"  # no policy knows that it is yours
    for fix in fixes:
        condition = f"Only if {origin} is yours, because anyone can get a name below {suffix}: in "
        assert fix.text.startswith(condition if suffix else "In ")
        assert not suffix or not fix.text.removeprefix(condition).startswith("In")


def test_reasons_have_no_condition(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["https://app.example.com"], "ALLOW_CREDENTIALS": True}
    }
    (cause,) = explain("http://stranger.github.io", "GET", "http://api.example.com/plain/").causes
    assert [fix.where for fix in cause.fixes] == ["server"]
    assert cause.fixes[0].text == "The policy cannot allow this call as it is:"


def test_trust_for_csrf_has_the_condition(settings: Any) -> None:
    origin = "https://stranger.github.io"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*"]}}
    note = next(note for note in explain(origin, "POST", "/plain/").notes if note.code == "csrf")
    assert note.fixes[0].text.startswith(f"Only if {origin} is yours")
