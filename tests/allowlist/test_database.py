"""One allowlist for a process: no tenant's rows answer for another."""

from __future__ import annotations

import contextvars
import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_cors_policy.allowlist import database, recorder, refresher
from django_cors_policy.allowlist.models import AllowedOrigin, Freshness, RefusedOrigin
from django_cors_policy.allowlist.refresher import Allowlist
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.hooks import UnreadableRows, hooks
from django_cors_policy.middleware import CorsPolicyMiddleware

from .conftest import INTERVAL, ROW, SETTINGS, allowed, wait_until

TENANT = "tenant"
EVIL = "https://evil.test"

pytestmark = pytest.mark.django_db(transaction=True)

by_context: contextvars.ContextVar[str | None] = contextvars.ContextVar("tenant", default=None)
by_thread = threading.local()


class ContextRouter:
    """Chooses a database by the tenant of the request, as a middleware has noted it."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self.tenant()

    db_for_write = db_for_read

    def tenant(self) -> str | None:
        return by_context.get()


class ThreadRouter(ContextRouter):
    def tenant(self) -> str | None:
        return getattr(by_thread, "tenant", None)


class StrictRouter(ContextRouter):
    """Refuses to answer outside a tenant."""

    def tenant(self) -> str | None:
        if by_context.get() is None:
            raise LookupError("no tenant is chosen")
        return by_context.get()


class NowhereRouter(ContextRouter):
    """Whatever asks it, fails."""

    def tenant(self) -> str | None:
        return "nowhere"


class CountingRouter(ContextRouter):
    asked = 0

    def tenant(self) -> str | None:
        type(self).asked += 1
        return super().tenant()


class HangingRouter(ContextRouter):
    go_on = threading.Event()

    def tenant(self) -> str | None:
        self.go_on.wait(30)
        return super().tenant()


@contextmanager
def in_tenant() -> Iterator[None]:
    """As in a request of the tenant."""
    token = by_context.set(TENANT)
    by_thread.tenant = TENANT
    try:
        yield
    finally:
        by_context.reset(token)
        del by_thread.tenant


def route(settings: Any, router: type) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.{router.__name__}"]


def add(origin: str = ROW, **fields: Any) -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=origin, **fields)


def ensure_connection(self: BaseDatabaseWrapper) -> None:
    """As Django's. That of its test cases refuses databases that are not in settings."""
    if self.connection is None:
        with self.wrap_database_errors:
            self.connect()


@pytest.fixture(autouse=True)
def _tenant_database(settings: Any, transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A second database, with tables of its own."""
    config = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "tenant.sqlite3"}
    databases = connections.configure_settings({"default": {}, TENANT: config})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.DATABASES, TENANT, databases[TENANT])
        patch.setattr(BaseDatabaseWrapper, "ensure_connection", ensure_connection)
        with connections[TENANT].schema_editor() as editor:
            for model in (AllowedOrigin, RefusedOrigin, Freshness):
                editor.create_model(model)
        yield
        connections[TENANT].close()
        del connections[TENANT]


@pytest.fixture(params=[0, 3600], ids=["each request", "thread"])
def interval(request: pytest.FixtureRequest, settings: Any) -> float:
    """Both ways to stay fresh."""
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": request.param, "FIRST_WAIT_SECONDS": 30}
    return request.param


@pytest.mark.parametrize("router", [ContextRouter, ThreadRouter])
@pytest.mark.usefixtures("interval")
class TestDatabasePerTenant:
    def test_rows_of_a_tenant_grant_nothing(self, settings: Any, router: type) -> None:
        route(settings, router)
        add()
        assert allowed(ROW)
        with in_tenant():
            add(EVIL)
            assert AllowedOrigin.objects.get().origin == EVIL
            assert not allowed(EVIL)
            assert allowed(ROW)
        assert not allowed(EVIL)
        assert allowed(ROW)

    def test_the_first_request_is_a_tenants(self, settings: Any, router: type) -> None:
        route(settings, router)
        add()
        with in_tenant():
            add(EVIL)
            assert allowed(ROW)
            assert not allowed(EVIL)

    def test_the_log_says_once_what_to_write(
        self, settings: Any, router: type, caplog: pytest.LogCaptureFixture
    ) -> None:
        route(settings, router)
        assert not allowed(EVIL)
        with in_tenant():
            for _ in range(2):
                add(EVIL).delete()
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert record.getMessage() == (
            "CORS allowlist: rows written to the database 'tenant' have no effect: all rows are "
            "read from 'default'. Write rows there, for example with using('default'), or "
            "set CORS_ALLOWLIST['DATABASE'] to another alias. To allow an origin for one tenant "
            "only, write an ALLOW_ORIGIN_FUNC."
        )

    def test_what_the_log_says_helps(self, settings: Any, router: type) -> None:
        route(settings, router)
        with in_tenant():
            AllowedOrigin.objects.using("default").create(origin=ROW)
            assert allowed(ROW)
        settings.CORS_ALLOWLIST |= {"DATABASE": TENANT}
        hooks.origin_source.reset()
        assert not allowed(ROW)
        add(EVIL)
        assert allowed(EVIL)

    def test_rows_are_explained_from_the_same_database(self, settings: Any, router: type) -> None:
        route(settings, router)
        add()
        assert allowed(ROW)
        with in_tenant():
            policy = hooks.origin_source.snapshot.book.policies["default"]
            assert [row.entry for row in hooks.origin_source.rows(policy, ROW)] == [ROW]


@pytest.mark.usefixtures("interval")
class TestChosenDatabase:
    """``CORS_ALLOWLIST["DATABASE"]`` holds, and no router is asked."""

    @pytest.fixture(autouse=True)
    def _chosen(self, settings: Any, interval: float) -> None:
        settings.CORS_ALLOWLIST |= {"DATABASE": TENANT}
        route(settings, NowhereRouter)

    def test_writes_and_reads(self) -> None:
        row = AllowedOrigin(origin=ROW)
        row.full_clean()
        row.save()
        assert allowed(ROW)
        row.refresh_from_db()
        assert row == AllowedOrigin.objects.get() == AllowedOrigin.objects.using(TENANT).get()
        row.delete()
        assert not allowed(ROW)
        AllowedOrigin.objects.bulk_create([AllowedOrigin(origin=ROW)])
        assert allowed(ROW)
        AllowedOrigin.objects.update(is_enabled=False)
        assert not allowed(ROW)
        AllowedOrigin.objects.get_or_create(origin=EVIL)
        assert allowed(EVIL)
        AllowedOrigin.objects.filter(origin=EVIL).delete()
        assert not allowed(EVIL)

    def test_a_row_of_another_database_stays_there(self) -> None:
        """Its primary key is that of another row here."""
        here = AllowedOrigin.objects.create(origin=ROW)
        AllowedOrigin.objects.using("default").bulk_create([AllowedOrigin(pk=here.pk, origin=EVIL)])
        there = AllowedOrigin.objects.using("default").get()
        there.note = "seen"
        there.full_clean()
        there.save()
        there.refresh_from_db()
        assert (there.origin, there.note) == (EVIL, "seen")
        assert allowed(ROW)
        assert not allowed(EVIL)
        there.delete()
        assert not AllowedOrigin.objects.using("default").exists()
        here.refresh_from_db()
        assert allowed(ROW)

    def test_a_duplicate_is_refused_by_validation(self) -> None:
        add()
        with pytest.raises(ValidationError, match="already has a row for this origin"):
            AllowedOrigin(origin=ROW).full_clean()

    def test_another_one_can_be_named(self, caplog: pytest.LogCaptureFixture) -> None:
        AllowedOrigin(origin=ROW).save(using="default")
        assert "using('tenant')" in caplog.text
        assert not AllowedOrigin.objects.exists()
        assert not allowed(ROW)
        AllowedOrigin.objects.using("default").get().delete("default")
        assert not AllowedOrigin.objects.using("default").exists()

    def test_the_command(self) -> None:
        call_command("cors_origins", "add", ROW, stdout=io.StringIO())
        assert allowed(ROW)

    def test_refused_origins(self) -> None:
        recorder.write_tallies({("default", EVIL, False): recorder.Tally(1, 0.0, 0.0, "/", "GET")})
        assert RefusedOrigin.objects.get() == RefusedOrigin.objects.using(TENANT).get()


def test_an_unknown_database_is_an_error(settings: Any) -> None:
    for value, message in (
        ("tenants", "'tenants' is not an alias in DATABASES. Did you mean 'tenant'?"),
        (["tenant"], "['tenant'] is not an alias in DATABASES. Did you mean 'tenant'?"),
    ):
        settings.CORS_ALLOWLIST = {"DATABASE": value}
        with pytest.raises(PolicyErrors) as caught:
            CorsPolicyMiddleware(lambda request: None)
        assert str(caught.value) == f"CORS_ALLOWLIST['DATABASE']: {message}"
        assert "django_cors_policy.E021" in [check.id for check in run_checks()]


class TestRouter:
    def test_it_is_asked_once(self, settings: Any, source: Allowlist, threaded: None) -> None:
        add()
        route(settings, CountingRouter)
        CountingRouter.asked = 0
        CorsPolicyMiddleware(lambda request: None)
        assert CountingRouter.asked == 1
        assert allowed(ROW)
        done = source._done
        wait_until(lambda: source._done >= done + 3)
        assert CountingRouter.asked == 1

    def test_one_that_raises_outside_a_tenant(
        self, settings: Any, interval: float, caplog: pytest.LogCaptureFixture
    ) -> None:
        route(settings, StrictRouter)
        CorsPolicyMiddleware(lambda request: None)
        with in_tenant():
            add(EVIL)
            assert not allowed(EVIL)
            assert allowed(SETTINGS)
        wrote, cannot_read = (record.getMessage() for record in caplog.records)
        reason = (
            "the database router does not name a database for the rows outside a request "
            "(LookupError('no tenant is chosen')). Set CORS_ALLOWLIST['DATABASE'] to the alias of "
            "that database."
        )
        assert wrote.endswith(f"to the database 'tenant' have no effect: {reason}")
        assert "so only the origins in settings are allowed" in cannot_read
        assert cannot_read.endswith(reason)

    def test_rows_cannot_be_explained_without_its_answer(
        self, settings: Any, source: Allowlist
    ) -> None:
        add()
        assert allowed(ROW)
        policy = source.snapshot.book.policies["default"]
        route(settings, StrictRouter)
        with in_tenant(), pytest.raises(UnreadableRows):
            source.rows(policy, ROW)

    def test_the_command_needs_its_answer(self, settings: Any) -> None:
        route(settings, StrictRouter)
        with (
            in_tenant(),
            pytest.raises(CommandError, match="Pass --database: the database router"),
        ):
            call_command("cors_origins", "add", ROW)
        with in_tenant():
            call_command("cors_origins", "add", ROW, database="default", stdout=io.StringIO())
        assert AllowedOrigin.objects.using("default").get().origin == ROW

    def test_the_command_writes_where_rows_are_read(self, settings: Any) -> None:
        route(settings, ContextRouter)
        with in_tenant():
            call_command("cors_origins", "add", ROW, stdout=io.StringIO())
        assert allowed(ROW)

    def test_one_that_hangs(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(database, "ROUTER_SECONDS", 0.01)
        route(settings, HangingRouter)
        asked: list[Any] = []
        ask = database._ask_router_apart
        monkeypatch.setattr(database, "_ask_router_apart", lambda: (asked.append(1), ask())[1])
        try:
            for _ in range(3):
                assert not allowed(ROW)
            assert "does not name a database" in caplog.text
            assert len(asked) == 1  # the others do not wait for it
            monkeypatch.setattr(database, "_undecided_until", 0.0)
            assert not allowed(ROW)
            assert len(asked) == 2
        finally:
            HangingRouter.go_on.set()

    def test_no_thread_without_routers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "_decided", None)
        monkeypatch.setattr(threading.Thread, "start", None)
        assert database.allowlist_database() == "default"


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="others have no schemas")
class TestSchemaPerTenant:
    @pytest.fixture(autouse=True)
    def _schema(self, settings: Any) -> Iterator[None]:
        """A tenant's schema, and this thread's connection led to it later."""
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": INTERVAL, "FIRST_WAIT_SECONDS": 30}
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA tenant")
            for model in (AllowedOrigin, Freshness):
                table = model._meta.db_table
                cursor.execute(f"CREATE TABLE tenant.{table} (LIKE public.{table} INCLUDING ALL)")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO DEFAULT")
            cursor.execute("DROP SCHEMA tenant CASCADE")

    def enter(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO tenant")

    def test_rows_of_a_schema_grant_nothing(self, source: Allowlist) -> None:
        add()
        assert allowed(ROW)
        self.enter()
        add(EVIL)
        assert AllowedOrigin.objects.get().origin == EVIL
        assert not allowed(EVIL)
        assert allowed(ROW)
        done = source._done
        wait_until(lambda: source._done >= done + 2)
        assert not allowed(EVIL)
        assert allowed(ROW)

    def test_where_threads_do_not_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(refresher, "THREAD_START_SECONDS", 0.01)
        monkeypatch.setattr(threading.Thread, "start", lambda self: None)
        add()
        self.enter()
        assert allowed(ROW)
        add(EVIL)
        assert not allowed(EVIL)
        assert allowed(ROW)


class TestSchemasWithoutThread:
    """W021: with 0 the request's own connection is asked."""

    def warnings(self, settings: Any, monkeypatch: Any, alias: str, **config: Any) -> list[str]:
        engine = {"ENGINE": "django_tenants.postgresql_backend"}
        with monkeypatch.context() as patch:
            patch.setitem(settings.DATABASES, alias, engine)
            settings.CORS_ALLOWLIST = config
            return [
                f"{found.obj}: {found.msg}"
                for found in run_checks(tags=[Tags.security])
                if found.id == "django_cors_policy.W021"
            ]

    def test_warned_about(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for chosen in ({}, {"DATABASE": "schemas"}):
            [warning] = self.warnings(settings, monkeypatch, "schemas", REFRESH_SECONDS=0, **chosen)
            assert warning == (
                "CORS_ALLOWLIST['REFRESH_SECONDS']: With 0, the rows are read through each "
                "request's connection. The database 'schemas' (django_tenants.postgresql_backend) "
                "switches that connection to the schema of a tenant, so rows of one tenant would "
                "apply to other tenants."
            )

    @pytest.mark.parametrize(
        "config", [{}, {"REFRESH_SECONDS": 5}, {"REFRESH_SECONDS": 0, "DATABASE": "default"}]
    )
    def test_silent(self, settings: Any, monkeypatch: Any, config: dict[str, Any]) -> None:
        assert self.warnings(settings, monkeypatch, "schemas", **config) == []

    def test_silent_with_other_engines(self, settings: Any) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
        assert "django_cors_policy.W021" not in [found.id for found in run_checks()]
