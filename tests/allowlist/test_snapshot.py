"""The promises of freshness, cost, latency and outage, each shown through requests."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, connections, transaction
from django.test import AsyncClient, Client
from django.utils import timezone

from django_cors_policy.allowlist import snapshot
from django_cors_policy.allowlist.models import AllowedOrigin, Freshness, touch
from django_cors_policy.allowlist.snapshot import Allowlist
from django_cors_policy.middleware import CorsPolicyMiddleware

from .conftest import INTERVAL, ROW, SETTINGS, allowed, wait_until

pytestmark = pytest.mark.django_db

WILDCARD = "https://*.row.example"
BELOW = "https://a.b.row.example"


def add(origin: str = ROW, **fields: Any) -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=origin, **fields)


def add_and_roll_back(origin: str) -> None:
    with transaction.atomic():
        add(origin)
        transaction.set_rollback(True)


def in_(**delta: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(**delta)


def preflight(origin: str, path: str = "/hello/") -> Any:
    headers = {"origin": origin, "access-control-request-method": "PUT"}
    return Client().options(path, headers=headers)


class ProxyOrigin(AllowedOrigin):
    """A second admin may be registered for one."""

    class Meta:
        proxy = True
        app_label = "cors_policy_allowlist"


async def check_async() -> None:
    client = AsyncClient()
    await AllowedOrigin.objects.acreate(origin=ROW)
    response = await client.get("/hello/", headers={"origin": ROW})
    assert response["Access-Control-Allow-Origin"] == ROW
    response = await client.options(
        "/hello/", headers={"origin": ROW, "access-control-request-method": "PUT"}
    )
    assert response.status_code == 204
    response = await client.get("/hello/", headers={"origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in response
    await sync_to_async(connections.close_all)()  # of the thread that async code's queries run in


class TestMeaning:
    def test_a_row_adds_to_its_policy_alone(self) -> None:
        add(policy="open")
        assert allowed(ROW, "/public/hello/")
        assert not allowed(ROW)

    def test_a_row_grants_what_the_policy_grants(self) -> None:
        add()
        response = preflight(ROW)
        assert response.status_code == 204
        assert response["Access-Control-Allow-Credentials"] == "true"
        assert response["Access-Control-Max-Age"] == "3600"

    def test_a_row_may_take_credentials_away(self) -> None:
        add(allow_credentials=False)
        assert preflight(ROW).status_code == 204
        assert "Access-Control-Allow-Credentials" not in preflight(ROW)

    def test_a_row_cannot_add_credentials(self) -> None:
        add(policy="open", allow_credentials=True)
        assert "Access-Control-Allow-Credentials" not in preflight(ROW, "/public/hello/")

    def test_settings_are_asked_first_and_grant_in_full(self) -> None:
        add(SETTINGS, allow_credentials=False)
        assert preflight(SETTINGS)["Access-Control-Allow-Credentials"] == "true"

    @pytest.mark.parametrize(
        ("rows", "credentials"),
        [
            ({BELOW: True, WILDCARD: False}, True),
            ({BELOW: False, WILDCARD: True}, False),
            ({"https://*.b.row.example": False, WILDCARD: True}, False),
            ({"https://*.b.row.example": True, WILDCARD: False}, True),
        ],
    )
    def test_the_most_specific_row_decides(self, rows: dict[str, bool], credentials: bool) -> None:
        for origin, allow_credentials in rows.items():
            add(origin, allow_credentials=allow_credentials)
        assert ("Access-Control-Allow-Credentials" in preflight(BELOW)) == credentials

    @pytest.mark.parametrize("dead", [{"is_enabled": False}, {"expires_at": in_(seconds=-1)}])
    def test_a_dead_row_grants_nothing_and_takes_nothing_away(self, dead: dict[str, Any]) -> None:
        add(BELOW, **dead)
        assert not allowed(BELOW)
        add(WILDCARD)
        assert allowed(BELOW)
        assert preflight(BELOW)["Access-Control-Allow-Credentials"] == "true"

    def test_a_row_that_expires_while_it_is_in_memory(self, source: Allowlist) -> None:
        add(BELOW, expires_at=in_(seconds=60))
        add(WILDCARD, allow_credentials=False)
        assert preflight(BELOW)["Access-Control-Allow-Credentials"] == "true"
        rows = source.snapshot.rows["default"]
        policy = source.snapshot.book.policies["default"]
        grant = rows.judge(policy, BELOW, time.time() + 61)
        assert grant is not None
        assert not grant.credentials
        assert rows.judge(policy, "https://row.example", time.time() + 61) is None

    def test_an_expired_row_is_over_to_the_second(self, source: Allowlist) -> None:
        row = add(expires_at=in_(seconds=60))
        assert allowed(ROW)
        policy = source.snapshot.book.policies["default"]
        rows = source.snapshot.rows["default"]
        end = row.expires_at.timestamp()
        assert rows.judge(policy, ROW, end - 0.01) is not None
        assert rows.judge(policy, ROW, end) is None

    def test_caches_do_not_outlive_the_row(self) -> None:
        add(expires_at=in_(seconds=60))
        assert 57 <= int(preflight(ROW)["Access-Control-Max-Age"]) <= 60
        AllowedOrigin.objects.update(expires_at=in_(days=7))
        assert preflight(ROW)["Access-Control-Max-Age"] == "3600"

    def test_caches_do_not_outlive_the_row_where_the_policy_says_nothing(
        self, settings: Any
    ) -> None:
        settings.CORS_POLICIES = {"default": {"MAX_AGE": None}}
        row = add(expires_at=in_(seconds=3))
        assert int(preflight(ROW)["Access-Control-Max-Age"]) <= 3
        AllowedOrigin.objects.filter(pk=row.pk).update(expires_at=in_(days=1))
        assert "Access-Control-Max-Age" not in preflight(ROW)

    def test_ports_and_null(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {}}
        add("http://localhost:*")
        add("null")
        assert allowed("http://localhost:3000")
        assert allowed("null")

    def test_decorators(self, settings: Any) -> None:
        """Replaced origins replace the rows too; other fields keep them."""
        settings.ROOT_URLCONF = "tests.urls_decorated"
        settings.CORS_POLICIES |= {"public": {"ALLOW_ORIGINS": [SETTINGS]}}
        add(policy="default")
        add(policy="public")
        assert allowed(ROW, "/plain/")
        assert allowed(ROW, "/public-max-age/")
        assert not allowed(ROW, "/function/")
        assert not allowed(ROW, "/same-origin/")

    def test_credentials_of_a_decorator_are_not_for_every_row(self, settings: Any) -> None:
        """The row was right for its policy, which has no credentials; the decorator adds them."""
        settings.ROOT_URLCONF = "tests.allowlist.urls_credentials"
        settings.CORS_POLICIES = {"default": {}}
        add("http://plain.example")
        add("https://*.com")
        add(ROW)
        assert allowed("http://plain.example", "/plain/")
        assert not allowed("http://plain.example", "/members/")
        assert not allowed("https://a.com", "/members/")
        assert allowed(ROW, "/members/")

    def test_a_decorator_that_accepts_fewer_risks(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.allowlist.urls_credentials"
        settings.CORS_POLICIES = {"default": {"ACCEPT_RISKS": ["insecure-http"]}}
        add("http://plain.example")
        assert allowed("http://plain.example", "/members/")
        assert not allowed("http://plain.example", "/careful-members/")

    def test_a_function_is_asked_last(self, settings: Any) -> None:
        asked = []

        def func(origin: str, request: Any) -> bool:
            asked.append(origin)
            return True

        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": func}}
        add()
        assert allowed(ROW)
        assert asked == []
        assert allowed("https://other.example")
        assert asked == ["https://other.example"]

    @pytest.mark.django_db(transaction=True)
    async def test_async(self) -> None:
        await check_async()


class TestUnusableRows:
    """Whatever stands in the table, it is skipped and said, and the others work."""

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"origin": "https://a.example/path"}, "has a path; an origin has none"),
            ({"origin": ""}, "is empty"),
            ({"origin": "*"}, "is not the origin of any one site"),
            ({"origin": "HTTPS://A.EXAMPLE"}, "has upper-case letters"),
            ({"origin": "https://münchen.example"}, "is not written as browsers send it"),
            ({"origin": "null"}, "credentials are allowed"),
            ({"origin": "http://plain.example"}, "credentials are allowed"),
            ({"origin": "https://*.com"}, "credentials are allowed"),
            ({"origin": "https://a.example", "policy": "gone"}, "'gone' is no policy in CORS_"),
        ],
    )
    def test_skipped(
        self,
        fields: dict[str, str],
        reason: str,
        source: Allowlist,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        add()
        bad = add("https://bad.example")
        set_raw(bad.pk, **fields)
        touch("default")
        with caplog.at_level(logging.WARNING, "django_cors_policy"):
            assert allowed(ROW)
            assert allowed(ROW)
        [(pk, origin, told)] = source.snapshot.skipped
        assert (pk, origin) == (bad.pk, fields["origin"])
        assert reason in told
        assert len(caplog.records) == 1
        assert reason in caplog.text

    @pytest.mark.parametrize("most_keys", [2, 500])
    def test_a_value_that_python_cannot_hold(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch, most_keys: int
    ) -> None:
        monkeypatch.setattr(snapshot, "MOST_KEYS", most_keys)
        if connection.vendor == "mysql":
            pytest.skip("MariaDB refuses such a value itself")
        add()
        for number in range(5):
            add(f"https://{number}.example")
        bad = add("https://bad.example")
        value = "infinity" if connection.vendor == "postgresql" else "9027-02-30 00:00:00"
        set_raw(bad.pk, expires_at=value)
        touch("default")
        assert allowed(ROW)
        assert allowed("https://3.example")
        assert not allowed("https://bad.example")
        [(pk, _, reason)] = source.snapshot.skipped
        assert pk == bad.pk
        assert "cannot be read" in reason

    @pytest.mark.skipif("connection.vendor != 'sqlite'", reason="other databases have types")
    def test_an_expiry_that_reads_as_none(self, source: Allowlist) -> None:
        bad = add("https://bad.example")
        set_raw(bad.pk, expires_at="tomorrow")
        touch("default")
        assert not allowed("https://bad.example")
        assert "expiry" in source.snapshot.skipped[0][2]

    def test_many_are_logged_in_few_lines(self, caplog: pytest.LogCaptureFixture) -> None:
        rows = [
            AllowedOrigin(policy="gone", origin=f"https://{number}.example") for number in range(30)
        ]
        AllowedOrigin.objects.bulk_create(rows)
        with caplog.at_level(logging.WARNING, "django_cors_policy"):
            assert not allowed(ROW)
        assert len(caplog.records) == 11
        assert "20 rows more" in caplog.text

    def test_narrowed_rows_may_be_what_the_policy_could_not(self) -> None:
        add("http://plain.example", allow_credentials=False)
        assert allowed("http://plain.example")


def set_raw(pk: int, **fields: str) -> None:
    """Write around all validation."""
    with connection.cursor() as cursor:
        for name, value in fields.items():
            cursor.execute(
                f"UPDATE cors_policy_allowlist_allowedorigin SET {name} = %s WHERE id = %s",  # noqa: S608
                [value, pk],
            )


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


@pytest.mark.django_db(transaction=True)
class TestThreaded:
    """As in production: a thread asks, requests never do."""

    @pytest.fixture(autouse=True)
    def _threaded(self, threaded: None) -> None:
        pass

    @pytest.mark.parametrize(
        "write",
        [
            add,
            lambda: AllowedOrigin.objects.bulk_create([AllowedOrigin(origin=ROW)]),
            lambda: AllowedOrigin.objects.filter(note="x").update(origin=ROW),
        ],
    )
    def test_an_own_change_is_seen_by_the_next_request(self, write: Any, settings: Any) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600}
        add("https://other.example", note="x")
        assert not allowed(ROW)
        write()
        assert allowed(ROW)
        AllowedOrigin.objects.filter(origin=ROW).delete()
        assert not allowed(ROW)

    def test_an_own_change_in_a_transaction_is_seen_when_it_is_committed(
        self, settings: Any
    ) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600}
        assert not allowed(ROW)
        with transaction.atomic():
            add()
            assert not allowed(ROW)
        assert allowed(ROW)

    def test_a_change_that_is_rolled_back_is_never_seen(self, source: Allowlist) -> None:
        assert not allowed(ROW)
        add_and_roll_back(ROW)
        wait_for_polls(source, 2)
        assert not allowed(ROW)

    def test_a_change_of_another_process_is_seen_soon(self, source: Allowlist) -> None:
        assert not allowed(ROW)
        with elsewhere():
            add()
        wait_until(lambda: allowed(ROW))
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        wait_until(lambda: not allowed(ROW))

    def test_raw_sql_is_seen_by_the_full_reload(self, settings: Any, source: Allowlist) -> None:
        row = add()
        assert allowed(ROW)
        settings.CORS_ALLOWLIST |= {"FULL_RELOAD_SECONDS": 3600}
        set_raw(row.pk, origin="https://raw.example")
        wait_for_polls(source, 2)
        assert allowed(ROW)
        settings.CORS_ALLOWLIST |= {"FULL_RELOAD_SECONDS": 2 * INTERVAL}
        wait_until(lambda: allowed("https://raw.example"))
        assert not allowed(ROW)

    def test_requests_do_not_query(self, django_assert_num_queries: Any) -> None:
        add()
        assert allowed(ROW)
        with django_assert_num_queries(0):
            assert allowed(ROW)
            assert not allowed("https://other.example")

    def test_no_thread_before_it_is_needed(self, source: Allowlist) -> None:
        Client().get("/hello/")
        assert allowed(SETTINGS)
        assert source._thread is None
        assert not allowed(ROW)
        assert source._thread is not None

    def test_a_thread_that_is_not_wanted_any_more_ends(self, source: Allowlist) -> None:
        assert not allowed(ROW)
        thread = source._thread
        wait_for_polls(source, 1)
        source.reset()
        thread.join(30)
        assert not thread.is_alive()

    def test_settings_that_change_are_followed(self, settings: Any) -> None:
        add(policy="later")
        assert not allowed(ROW)
        settings.CORS_POLICIES = {"later": {"PATHS": ["/hello/"]}}
        wait_until(lambda: allowed(ROW))

    async def test_async(self) -> None:
        await check_async()

    def test_no_connection_stays_open(self, source: Allowlist, monkeypatch: Any) -> None:
        was_closed = []
        read_token = snapshot.read_token

        def noting(using: str) -> str:
            was_closed.append(connections[using].connection is None)
            return read_token(using)

        monkeypatch.setattr(snapshot, "read_token", noting)
        allowed(ROW)
        wait_for_polls(source, 3)
        assert len(was_closed) > 2
        assert all(was_closed)

    def test_an_older_answer_never_replaces_a_newer_one(
        self, source: Allowlist, monkeypatch: Any, settings: Any
    ) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600}
        assert not allowed(ROW)
        load = snapshot.load_snapshot
        loaded, go_on = threading.Event(), threading.Event()

        def slow(*args: Any) -> Any:
            result = load(*args)
            loaded.set()
            go_on.wait(30)
            return result

        with elsewhere():
            add("https://first.example")
        monkeypatch.setattr(snapshot, "load_snapshot", slow)
        slow_thread = threading.Thread(target=lambda: (source._poll(), connections.close_all()))
        slow_thread.start()
        assert loaded.wait(30)
        monkeypatch.setattr(snapshot, "load_snapshot", load)
        add()
        go_on.set()
        slow_thread.join()
        assert allowed(ROW)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Write as another process would: this one is not told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot.allowlist, "catch_up", lambda: None)
        yield


def wait_for_polls(source: Allowlist, number: int) -> None:
    done = source._done
    wait_until(lambda: source._done >= done + number)


@pytest.mark.django_db(transaction=True)
class TestOutage:
    @pytest.fixture(autouse=True)
    def _threaded(self, threaded: None) -> None:
        pass

    @contextmanager
    def no_table(self, table: str) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE gone RENAME TO {table}")

    def test_the_last_good_rows_go_on(
        self, source: Allowlist, caplog: pytest.LogCaptureFixture
    ) -> None:
        add()
        assert allowed(ROW)
        caplog.set_level(logging.INFO, "django_cors_policy")
        with self.no_table("cors_policy_allowlist_freshness"):
            wait_for_polls(source, 3)
            assert allowed(ROW)
        wait_until(lambda: "can be read again" in caplog.text)
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
        assert "so the last good rows are served" in caplog.text
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        wait_until(lambda: not allowed(ROW))

    def test_without_any_rows_settings_work(
        self, source: Allowlist, caplog: pytest.LogCaptureFixture
    ) -> None:
        add()
        with self.no_table("cors_policy_allowlist_allowedorigin"):
            assert not allowed(ROW)
            assert allowed(SETTINGS)
            assert "so settings' origins alone are served" in caplog.text
        wait_until(lambda: allowed(ROW))

    def test_without_refreshing(self, settings: Any) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
        add()
        assert allowed(ROW)
        with self.no_table("cors_policy_allowlist_freshness"):
            assert allowed(ROW)

    def test_a_database_that_hangs_holds_nobody_up(
        self, source: Allowlist, monkeypatch: Any, settings: Any
    ) -> None:
        add()
        assert allowed(ROW)
        hanging, go_on = threading.Event(), threading.Event()
        read_token = snapshot.read_token

        def hang(using: str) -> str:
            if threading.current_thread() is not threading.main_thread():
                hanging.set()
                go_on.wait(60)
            return read_token(using)

        monkeypatch.setattr(snapshot, "read_token", hang)
        assert hanging.wait(30)
        assert source.is_ready()
        assert allowed(ROW)
        # It has hung for so long that nothing will come of it any more.
        stuck = source._thread
        monkeypatch.setattr(snapshot, "read_token", read_token)
        source._patience = source.ready_until = 0.0
        assert allowed(ROW)
        assert source._thread is not stuck
        source._patience = 60.0
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        wait_until(lambda: not allowed(ROW))
        go_on.set()
        stuck.join(30)
        assert not stuck.is_alive()
        assert source._thread.is_alive()

    def test_a_database_that_hangs_from_the_first(
        self, source: Allowlist, monkeypatch: Any, settings: Any
    ) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": INTERVAL, "FIRST_WAIT_SECONDS": 0.1}
        go_on = threading.Event()
        read_token = snapshot.read_token

        def hang(using: str) -> str:
            go_on.wait(60)
            return read_token(using)

        monkeypatch.setattr(snapshot, "read_token", hang)
        add()
        assert not allowed(ROW)
        assert allowed(SETTINGS)
        assert source.is_ready()  # no other request waits
        go_on.set()
        wait_until(lambda: allowed(ROW))

    def test_a_first_connection_that_stays_dead(
        self, source: Allowlist, monkeypatch: Any, settings: Any
    ) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": INTERVAL, "FIRST_WAIT_SECONDS": 0.1}
        monkeypatch.setattr(source, "_patience", 0.3)
        go_on = threading.Event()
        read_token = snapshot.read_token
        hung: list[threading.Thread] = []

        def hang_once(using: str) -> str:
            if not hung and threading.current_thread() is not threading.main_thread():
                hung.append(threading.current_thread())
                go_on.wait(60)
            return read_token(using)

        monkeypatch.setattr(snapshot, "read_token", hang_once)
        add()
        assert not allowed(ROW)
        wait_until(lambda: allowed(ROW))
        assert source._thread is not hung[0]
        go_on.set()
        hung[0].join(30)

    def test_a_first_answer_is_asked_for_once(self, source: Allowlist, settings: Any) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600}
        add()
        assert allowed(ROW)
        time.sleep(0.1)  # a second question would come at once
        assert source._begun == 1

    def test_a_process_that_was_frozen(self, source: Allowlist, settings: Any) -> None:
        """The first request after it waits a moment for an answer that is not too old."""
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600}
        add()
        assert allowed(ROW)
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        assert allowed(ROW)
        source._finished_at -= 3 * 3600
        source.ready_until -= 3 * 3600
        assert not allowed(ROW)

    def test_retries_come_later_and_later(self, source: Allowlist, monkeypatch: Any) -> None:
        pauses: list[float] = []
        monkeypatch.setattr(snapshot, "FIRST_RETRY_SECONDS", INTERVAL / 8)
        wait = threading.Event.wait

        def noting(event: threading.Event, timeout: float | None = None) -> bool:
            if threading.current_thread() is source._thread and timeout is not None:
                pauses.append(timeout)
            return wait(event, timeout)

        monkeypatch.setattr(threading.Event, "wait", noting)
        with self.no_table("cors_policy_allowlist_freshness"):
            assert not allowed(ROW)
            wait_for_polls(source, 5)
        assert pauses[:5] == pytest.approx(
            [INTERVAL * part for part in (1 / 8, 1 / 4, 1 / 2, 1, 1)]
        )


@pytest.mark.django_db(transaction=True)
class TestWithoutThreads:
    """uWSGI without threads: they are started, and never run."""

    @pytest.fixture(autouse=True)
    def _no_threads(self, threaded: None, monkeypatch: Any) -> None:
        monkeypatch.setattr(snapshot, "THREAD_START_SECONDS", 0.01)
        monkeypatch.setattr(threading.Thread, "start", lambda self: None)

    def test_freshness_still_holds(self) -> None:
        add()
        assert allowed(ROW)
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        time.sleep(2 * INTERVAL)
        assert not allowed(ROW)

    def test_one_request_at_a_time_asks(self, source: Allowlist) -> None:
        add()
        assert allowed(ROW)
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        time.sleep(2 * INTERVAL)
        with source._stand_in:  # as another request holds it
            assert allowed(ROW)  # this one neither asks nor waits
        assert not allowed(ROW)

    def test_who_comes_second_finds_it_done(self, source: Allowlist) -> None:
        assert not allowed(ROW)
        done = source._done
        source._poll_instead()
        assert source._done == done

    def test_no_thread_can_be_had_at_all(self, monkeypatch: Any) -> None:
        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        add()
        assert allowed(ROW)


@pytest.mark.django_db(transaction=True)
async def test_the_event_loop_goes_on_while_first_rows_are_awaited(
    settings: Any, monkeypatch: Any
) -> None:
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": INTERVAL, "FIRST_WAIT_SECONDS": 30}
    go_on = threading.Event()
    read_token = snapshot.read_token

    def hang(using: str) -> str:
        go_on.wait(60)
        return read_token(using)

    monkeypatch.setattr(snapshot, "read_token", hang)
    client = AsyncClient()
    requests = [
        asyncio.ensure_future(client.get("/hello/", headers={"origin": ROW})) for _ in range(20)
    ]
    for _ in range(20):
        await asyncio.sleep(0.01)
    # asyncio's own threads are free as well.
    await asyncio.get_running_loop().run_in_executor(None, go_on.set)
    responses = await asyncio.gather(*requests)
    assert [response.status_code for response in responses] == [200] * 20


def test_wrong_settings_do_not_start(settings: Any) -> None:
    settings.CORS_ALLOWLIST = {"REFRESH_SECOND": 5}
    with pytest.raises(ImproperlyConfigured, match="Did you mean 'REFRESH_SECONDS'"):
        CorsPolicyMiddleware(lambda request: None)


def test_a_fork_starts_over(source: Allowlist, threaded: None) -> None:
    """What os.register_at_fork calls; real forks are in the tests with several processes."""
    add()
    source._poll()
    thread = source._thread
    source._start_over()
    assert source._thread is None is thread
    assert source.snapshot is not None
    assert not source.is_ready()
