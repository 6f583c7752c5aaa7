"""The rows: what is refused and how it is kept; and the token that tells when they changed."""

from __future__ import annotations

import datetime
import io
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, transaction
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin, Freshness, read_token

from .conftest import ROW, add, add_and_roll_back, allowed

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


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        (
            {"origin": "https://a.example/"},
            "origin",
            "'https://a.example/' has a path; an origin has none. Write 'https://a.example'.",
        ),
        ({"origin": ""}, "origin", "This field cannot be blank."),
        ({"origin": "*"}, "origin", "is not the origin of a single site"),
        ({"origin": "null"}, "origin", "List the origins that you trust"),
        ({"origin": "http://a.example"}, "origin", "Write 'https://a.example'"),
        ({"origin": "https://*.github.io"}, "origin", "such as 'https://*.yours.github.io'"),
        (
            {"origin": "https://a.example", "policy": "defalt"},
            "policy",
            "'defalt' is not a policy in CORS_POLICIES. Did you mean 'default'?",
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
    with pytest.raises(ValidationError, match="already has a row for this origin"):
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


class ProxyOrigin(AllowedOrigin):
    """A second admin may be registered for one."""

    class Meta:
        proxy = True
        app_label = "cors_policy_allowlist"


FIXTURE = [
    {
        "model": "cors_policy_allowlist.allowedorigin",
        "pk": 1,
        "fields": {
            "policy": "default",
            "origin": ROW,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        },
    }
]


def load_fixture(tmp_path: Any, objects: list[Any]) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(objects))
    call_command("loaddata", str(file), stdout=io.StringIO())


class NoMigrations:
    """A database router of a project that keeps the app's tables elsewhere."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "cors_policy_allowlist" else None


class ReadsElsewhere:
    """A database router of a project with a replica, which is not there in these tests."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


class TestToken:
    """Every way to write changes the token inside the writer's transaction, and once."""

    @pytest.fixture(autouse=True)
    def row(self) -> AllowedOrigin:
        return add("https://before.example")

    @pytest.mark.parametrize(
        "write",
        [
            lambda row: row.save(),
            lambda row: row.delete(),
            lambda row: AllowedOrigin.objects.all().update(note="x"),
            lambda row: AllowedOrigin.objects.all().delete(),
            lambda row: AllowedOrigin.objects.bulk_create([AllowedOrigin(origin=ROW)]),
            lambda row: AllowedOrigin.objects.bulk_update([row], ["note"]),
            lambda row: AllowedOrigin.objects.get_or_create(origin=ROW),
            lambda row: AllowedOrigin.objects.update_or_create(origin=ROW, defaults={"note": "x"}),
            lambda row: AllowedOrigin.objects.filter(pk=row.pk).update(is_enabled=False),
        ],
    )
    def test_changes(self, row: AllowedOrigin, write: Any) -> None:
        before = Freshness.objects.get().token
        write(row)
        assert Freshness.objects.get().token != before

    def test_changes_by_loaddata(self, tmp_path: Any) -> None:
        before = Freshness.objects.get().token
        load_fixture(tmp_path, FIXTURE)
        assert Freshness.objects.get().token != before

    def test_a_token_that_is_loaded_is_not_taken(self, tmp_path: Any) -> None:
        old = {"model": "cors_policy_allowlist.freshness", "pk": 1, "fields": {"token": "old"}}
        load_fixture(tmp_path, [*FIXTURE, old])
        assert Freshness.objects.get().token != "old"

    def test_this_process_catches_up_once_in_a_transaction(self) -> None:
        for origin in ("https://one.example", "https://two.example"):
            add(origin)
        assert len(connection.run_on_commit) == 1

    def test_again_after_a_savepoint_was_rolled_back(self) -> None:
        before = Freshness.objects.get().token
        with transaction.atomic():
            add_and_roll_back("https://one.example")
            assert Freshness.objects.get().token == before
            add("https://two.example")
            assert Freshness.objects.get().token != before

    def test_changes_by_a_proxy(self) -> None:
        before = Freshness.objects.get().token
        ProxyOrigin.objects.create(origin=ROW)
        assert Freshness.objects.get().token != before

    @pytest.mark.django_db(transaction=True)
    def test_no_change_without_another_token(self, monkeypatch: Any, row: AllowedOrigin) -> None:
        def fail(using: str) -> None:
            raise RuntimeError("no token")

        monkeypatch.setattr("django_cors_policy.allowlist.models.touch", fail)
        for write in (
            lambda: add(ROW),
            row.delete,
            lambda: AllowedOrigin.objects.update(origin=ROW),
            lambda: AllowedOrigin.objects.all().delete(),
            lambda: AllowedOrigin.objects.bulk_create([AllowedOrigin(origin=ROW)]),
        ):
            with pytest.raises(RuntimeError):
                write()
        assert [str(row) for row in AllowedOrigin.objects.all()] == ["https://before.example"]

    def test_the_token_may_be_saved_by_hand(self) -> None:
        Freshness(pk=1, token="by hand").save()
        assert Freshness.objects.get().token == "by hand"

    def test_no_token_where_the_app_has_no_tables(self, settings: Any) -> None:
        settings.DATABASE_ROUTERS = [f"{__name__}.{NoMigrations.__name__}"]
        Freshness.objects.all().delete()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert not Freshness.objects.exists()

    def test_the_token_is_made_before_anybody_writes(self) -> None:
        Freshness.objects.all().delete()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert Freshness.objects.get().token

    def test_a_token_that_is_missing_is_made(self) -> None:
        Freshness.objects.all().delete()
        add(ROW)
        assert Freshness.objects.get().token

    def test_a_replica_is_not_asked(self, settings: Any) -> None:
        """It may lag behind the token of the database that is written to."""
        settings.DATABASE_ROUTERS = [f"{__name__}.{ReadsElsewhere.__name__}"]
        add(ROW)
        assert allowed(ROW)

    def test_updated_at_moves(self, row: AllowedOrigin) -> None:
        AllowedOrigin.objects.update(note="x")
        assert AllowedOrigin.objects.get().updated_at > row.updated_at
