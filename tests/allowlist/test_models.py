"""The rows: what is refused and how it is kept."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin, Freshness, as_people_write
from django_cors_policy.allowlist.snapshot import read_token

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("written", "kept", "shown"),
    [
        ("https://a.example", "https://a.example", "https://a.example"),
        (" https://a.example ", "https://a.example", "https://a.example"),
        ("https://*.a.example:*", "https://*.a.example:*", "https://*.a.example:*"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example", "https://münchen.example"),
        ("https://*.münchen.example", "https://*.xn--mnchen-3ya.example", None),
        ("http://localhost:*", "http://localhost:*", "http://localhost:*"),
    ],
)
def test_kept_as_browsers_send_it(written: str, kept: str, shown: str | None) -> None:
    row = AllowedOrigin(origin=written)
    row.full_clean()
    row.save()
    row.refresh_from_db()
    assert row.origin == kept
    assert str(row) == (shown or written)
    assert AllowedOrigin.objects.filter(origin=written.strip()).exists()


def test_kept_as_browsers_send_it_also_without_validation() -> None:
    row = AllowedOrigin.objects.create(origin="https://münchen.example")
    row.refresh_from_db()
    assert row.origin == "https://xn--mnchen-3ya.example"


def test_what_cannot_be_read_can_be_saved_and_found() -> None:
    """Somebody wrote it around validation, and wants to disable it now."""
    row = AllowedOrigin.objects.create(origin="junk")
    row.is_enabled = False
    row.save()
    assert AllowedOrigin.objects.get(origin="junk") == row
    assert str(row) == "junk"


@pytest.mark.parametrize("text", ["https://xn--a.example", "nonsense"])
def test_what_cannot_be_shown_in_unicode_is_shown_as_it_is(text: str) -> None:
    assert as_people_write(text) == text


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        (
            {"origin": "https://a.example/"},
            "origin",
            "'https://a.example/' has a path; an origin has none. Write 'https://a.example'.",
        ),
        ({"origin": ""}, "origin", "This field cannot be blank."),
        ({"origin": "*"}, "origin", "is not the origin of any one site"),
        ({"origin": "null"}, "origin", "List the origins that you trust"),
        ({"origin": "http://a.example"}, "origin", "Write 'https://a.example'"),
        ({"origin": "https://*.github.io"}, "origin", "such as 'https://*.yours.github.io'"),
        (
            {"origin": "https://a.example", "policy": "defalt"},
            "policy",
            "'defalt' is no policy in CORS_POLICIES. Did you mean 'default'?",
        ),
    ],
)
def test_refused_as_in_settings(fields: dict[str, str], field: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AllowedOrigin(**fields).full_clean()
    assert set(caught.value.message_dict) == {field}
    assert message in " ".join(caught.value.message_dict[field])


@pytest.mark.parametrize("origin", ["http://a.example", "https://*.github.io", "null"])
def test_accepted_without_credentials(origin: str) -> None:
    AllowedOrigin(origin=origin, allow_credentials=False).full_clean()
    AllowedOrigin(origin=origin, policy="open").full_clean()


def test_wrong_settings_are_said(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"MAX_AGE": -1}}
    with pytest.raises(ValidationError, match=r"CORS_POLICIES is wrong: .*-1 is negative"):
        AllowedOrigin(origin="https://a.example").full_clean()


def test_one_row_for_each_policy_and_origin() -> None:
    AllowedOrigin.objects.create(origin="https://münchen.example")
    AllowedOrigin(origin="https://münchen.example", policy="open").full_clean()
    with pytest.raises(ValidationError, match="has a row for this origin already"):
        AllowedOrigin(origin="https://xn--mnchen-3ya.example").full_clean()


def test_extending() -> None:
    day = datetime.timedelta(days=1)
    now = timezone.now()
    row = AllowedOrigin(expires_at=now + day)
    row.extend(day)
    assert row.expires_at == now + 2 * day
    row = AllowedOrigin(expires_at=now - 7 * day)
    assert row.is_expired
    row.extend(day)
    assert not row.is_expired
    assert row.expires_at - now > day
    row = AllowedOrigin()
    row.extend(day)
    assert row.expires_at is None
    assert not row.is_expired


def test_the_token_is_nobodys_business() -> None:
    AllowedOrigin.objects.create(origin="https://a.example")
    assert str(Freshness.objects.get()) == read_token("default")


@pytest.mark.django_db
def test_each_block_of_a_test_captures_its_own_callback(
    django_capture_on_commit_callbacks: Any,
) -> None:
    for number in range(3):
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            AllowedOrigin.objects.create(origin=f"https://a{number}.example")
        assert len(callbacks) == 1
