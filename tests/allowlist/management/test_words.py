"""Rows and changes of rows in words."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from django_cors_policy.allowlist.batches import Line
from django_cors_policy.allowlist.management.words import as_cells, differences, in_words
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.states import status_of

ONE = "https://one.example"
LONG_AGO = datetime.datetime(2001, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
FAR_OFF = datetime.datetime(2222, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "https://one.example in policy 'default'"),
        (
            {"origin": "https://xn--mnchen-3ya.example"},
            "https://münchen.example in policy 'default'",
        ),
        ({"origin": "https://\x1b[2J", "policy": "open"}, r"'https://\x1b[2J' in policy 'open'"),
        (
            {"is_enabled": False, "expires_at": LONG_AGO, "allow_credentials": False},
            f"{ONE} in policy 'default', disabled, expired 2001-02-03 04:05:06 UTC, "
            "without credentials",
        ),
        ({"expires_at": FAR_OFF}, f"{ONE} in policy 'default', until 2222-02-03 04:05:06 UTC"),
    ],
    ids=["plain", "unicode", "hostile", "closed", "until"],
)
def test_row(fields: dict[str, Any], words: str, settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    assert in_words(AllowedOrigin(**{"origin": ONE, **fields})) == words


def test_differences(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    line = Line(0, before={"note": "Ann's", "expires_at": FAR_OFF, "is_enabled": False})
    line.row = AllowedOrigin(origin=ONE, note="")
    assert differences(line) == (
        "note is \"Ann's\", not '', expires_at is 2222-02-03 04:05:06 UTC, not null, "
        "is_enabled is false, not true"
    )


def test_cells_have_no_characters_that_a_terminal_shows_in_another_width() -> None:
    """Django's durations have a no-break space."""
    row = AllowedOrigin(origin=ONE, expires_at=LONG_AGO, note="Shop")
    policy, origin, state, credentials, note = as_cells(row, status_of(row))
    assert (policy, origin, credentials, note) == ("default", ONE, "yes", "Shop")
    assert state.startswith("expired ")
    assert "\N{NO-BREAK SPACE}" not in state
