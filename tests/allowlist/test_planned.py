"""What a change of a row would grant, before anything is written."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.planned import plan_row
from django_cors_policy.conf import policy_book
from django_cors_policy.hooks import RowChange

pytestmark = pytest.mark.django_db

ROW = "https://row.example"


@pytest.fixture(autouse=True)
def policies(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["https://app.example.com"], "ALLOW_CREDENTIALS": True}
    }


def planned(change: RowChange, origin: str = ROW) -> tuple[str, bool | None]:
    """The problems, and the credentials of the grant, None if nothing is granted."""
    before = list(AllowedOrigin.objects.values())
    plan = plan_row(policy_book().policies["default"], change, origin)
    assert list(AllowedOrigin.objects.values()) == before
    return " ".join(plan.problems), plan.grant.credentials if plan.grant is not None else None


def test_new_row() -> None:
    assert planned(RowChange(ROW, {})) == ("", True)
    assert planned(RowChange(ROW, {"allow_credentials": False})) == ("", False)
    assert planned(RowChange("https://*.row.example", {}), "https://a.row.example") == ("", True)
    assert planned(RowChange("https://other.example", {})) == ("", None)


def test_changed_row() -> None:
    AllowedOrigin.objects.create(origin=ROW, allow_credentials=False, is_enabled=False)
    later = timezone.now() + datetime.timedelta(days=1)
    assert planned(RowChange(ROW, {"expires_at": later})) == ("", None)  # still disabled
    assert planned(RowChange(ROW, {"is_enabled": True})) == ("", False)
    assert planned(RowChange(ROW, {"is_enabled": True, "allow_credentials": True})) == ("", True)


@pytest.mark.parametrize("origin", ["http://row.example", "https://row.example/path"])
def test_refused_row(origin: str) -> None:
    problems, credentials = planned(RowChange(origin, {}))
    assert problems.startswith(f"'{origin}' ")  # no advice about options
    assert credentials is None


def test_value_that_cannot_be_read() -> None:
    problems, _ = planned(RowChange(ROW, {"is_enabled": "perhaps"}))
    assert problems.startswith("is_enabled: ")
