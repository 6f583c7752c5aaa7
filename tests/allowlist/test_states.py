"""The status of a row. The admin's tests tell how it is shown and filtered by."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.states import State, known_policies, status_of, with_state

from .conftest import ROW

DAY = datetime.timedelta(days=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "lasts", "state"),
    [
        ({}, None, State.LIVE),
        ({}, 30 * DAY, State.LIVE),
        ({}, DAY, State.EXPIRING),
        ({}, -DAY, State.EXPIRED),
        ({"is_enabled": False}, -DAY, State.DISABLED),
        ({"policy": "gone"}, None, State.UNKNOWN_POLICY),
        ({"origin": "http://a.example"}, None, State.REFUSED),
        ({"origin": "junk"}, None, State.UNREADABLE),
    ],
)
def test_the_first_state_that_applies(
    fields: dict[str, Any], lasts: datetime.timedelta | None, state: State
) -> None:
    expires_at = None if lasts is None else timezone.now() + lasts
    row = AllowedOrigin.objects.create(**{"origin": ROW, "expires_at": expires_at, **fields})
    assert status_of(row).state == state
    found = {other for other in State if with_state(AllowedOrigin.objects.all(), other).exists()}
    # Rows that expire soon are live as well.
    assert found == ({state, State.LIVE} if state == State.EXPIRING else {state})


def test_wrong_settings_have_no_policies(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"MAX_AGE": -1}}
    assert known_policies() == {}
