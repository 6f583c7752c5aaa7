"""What blocks a call, beyond the classic mistakes (test_fixes)."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.explain import explain

from .site import APP, ROW

pytestmark = pytest.mark.usefixtures("small_site")


def test_forbidden_method() -> None:
    explanation = explain(APP, "TRACE", "/plain/")
    assert [cause.code for cause in explanation.causes] == ["forbidden-method"]
    assert explanation.verdict == "Blocked: the browser does not send the request."
    assert explanation.exchanges == ()


def test_no_setting_at_all(settings: Any) -> None:
    del settings.CORS_POLICIES
    (cause,) = explain(APP, "GET", "/plain/").causes
    assert cause.fixes[0].lines == (
        f'CORS_POLICIES = {{"default": {{"ALLOW_ORIGINS": ["{APP}"], "PATHS": ["/plain/"]}}}}',
    )


def test_row_that_nobody_can_read(rows: None) -> None:
    """One that was written around validation is compared with nothing."""
    AllowedOrigin.objects.filter(origin=ROW).update(origin=f"{ROW}/path")
    (cause,) = explain(ROW, "GET", "/plain/").causes
    assert (
        "is 'https://*.row.example', which covers only the subdomains of row.example" in cause.text
    )


def test_so_many_headers_that_none_is_echoed(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_HEADERS": ["*"], "ALLOW_CREDENTIALS": True}
    }
    headers = [f"x-{number}-{'a' * 50}" for number in range(50)]
    (cause,) = explain(APP, "GET", "/plain/", headers=headers, credentials=True).causes
    assert "the list of request headers is too long" in cause.text


def test_decorator_that_is_wrong(settings: Any) -> None:
    """Its alias is gone from settings, which the system check says in full."""
    (cause,) = explain(APP, "GET", "/decorated/").causes
    assert cause.code == "decorator"
    assert "@cors_policy('partner')" in cause.text
