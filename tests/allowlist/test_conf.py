"""``CORS_ALLOWLIST``: what it may hold."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks

from django_cors_policy.allowlist.checks import check_core_app
from django_cors_policy.allowlist.conf import AllowlistSettings, allowlist_settings
from django_cors_policy.exceptions import PolicyErrors


def test_defaults(settings: Any) -> None:
    del settings.CORS_ALLOWLIST
    settings.CORS_ALLOWLIST = {}
    assert allowlist_settings() == AllowlistSettings(5, 300, 5, record_refusals=False)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "CORS_ALLOWLIST: [] is not a dictionary. Write {'REFRESH_SECONDS': 5}."),
        ({"REFRESH": 5}, "CORS_ALLOWLIST: 'REFRESH' is an unknown key. Did you mean"),
        ({"REFRESH_SECONDS": -1}, "CORS_ALLOWLIST['REFRESH_SECONDS']: -1 is not a number of"),
        ({"REFRESH_SECONDS": True}, "True is not a number of seconds."),
        ({"REFRESH_SECONDS": float("nan")}, "nan is not a number of seconds."),
        (
            {"RECORD_REFUSALS": "yes"},
            "CORS_ALLOWLIST['RECORD_REFUSALS']: 'yes' is of type str, not True or False. "
            "Write True or False.",
        ),
        ({"RECORD_REFUSALS": 1}, "1 is of type int, not True or False."),
    ],
)
def test_refused(settings: Any, config: Any, message: str) -> None:
    settings.CORS_ALLOWLIST = config
    with pytest.raises(PolicyErrors) as caught:
        allowlist_settings()
    assert message in str(caught.value)
    assert "django_cors_policy.E021" in [check.id for check in run_checks()]


def test_w023_without_the_core_app(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_core_app() == []
    monkeypatch.setattr(apps, "is_installed", "django_cors_policy.allowlist".__eq__)
    [message] = check_core_app()
    assert (message.id, message.obj) == ("django_cors_policy.W023", "INSTALLED_APPS")
    assert message.hint == "Add 'django_cors_policy' before 'django_cors_policy.allowlist'."
