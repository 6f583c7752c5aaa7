"""The promises of freshness, cost, latency and outage, each shown through requests."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, connection, connections, transaction
from django.test import AsyncClient, Client

from django_cors_policy.allowlist import refresher
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import Allowlist
from django_cors_policy.middleware import CorsPolicyMiddleware

from .conftest import (
    INTERVAL,
    ROW,
    SETTINGS,
    add,
    add_and_roll_back,
    allowed,
    check_async,
    elsewhere,
    set_raw,
    wait_for_polls,
    wait_until,
)

pytestmark = pytest.mark.django_db


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
        read_token = refresher.read_token

        def noting(using: str) -> str:
            was_closed.append(connections[using].connection is None)
            return read_token(using)

        monkeypatch.setattr(refresher, "read_token", noting)
        allowed(ROW)
        wait_for_polls(source, 3)
        assert len(was_closed) > 2
        assert all(was_closed)

    def test_an_older_answer_never_replaces_a_newer_one(
        self, source: Allowlist, monkeypatch: Any, settings: Any
    ) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600}
        assert not allowed(ROW)
        load = refresher.load_snapshot
        loaded, go_on = threading.Event(), threading.Event()

        def slow(*args: Any) -> Any:
            result = load(*args)
            loaded.set()
            go_on.wait(30)
            return result

        with elsewhere():
            add("https://first.example")
        monkeypatch.setattr(refresher, "load_snapshot", slow)
        slow_thread = threading.Thread(target=lambda: (source._poll(), connections.close_all()))
        slow_thread.start()
        assert loaded.wait(30)
        monkeypatch.setattr(refresher, "load_snapshot", load)
        add()
        go_on.set()
        slow_thread.join()
        assert allowed(ROW)


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
        assert "so the last loaded rows stay in force" in caplog.text
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
            assert "so only the origins in settings are allowed" in caplog.text
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
        read_token = refresher.read_token

        def hang(using: str) -> str:
            if threading.current_thread() is not threading.main_thread():
                hanging.set()
                go_on.wait(60)
            return read_token(using)

        monkeypatch.setattr(refresher, "read_token", hang)
        assert hanging.wait(30)
        assert source.is_ready()
        assert allowed(ROW)
        # It has hung for so long that nothing will come of it any more.
        stuck = source._thread
        monkeypatch.setattr(refresher, "read_token", read_token)
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
        read_token = refresher.read_token

        def hang(using: str) -> str:
            go_on.wait(60)
            return read_token(using)

        monkeypatch.setattr(refresher, "read_token", hang)
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
        read_token = refresher.read_token
        hung: list[threading.Thread] = []

        def hang_once(using: str) -> str:
            if not hung and threading.current_thread() is not threading.main_thread():
                hung.append(threading.current_thread())
                go_on.wait(60)
            return read_token(using)

        monkeypatch.setattr(refresher, "read_token", hang_once)
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
        monkeypatch.setattr(refresher, "FIRST_RETRY_SECONDS", INTERVAL / 8)
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
        monkeypatch.setattr(refresher, "THREAD_START_SECONDS", 0.01)
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
    read_token = refresher.read_token

    def hang(using: str) -> str:
        go_on.wait(60)
        return read_token(using)

    monkeypatch.setattr(refresher, "read_token", hang)
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


@pytest.mark.django_db(transaction=True)
class TestThread:
    @pytest.fixture(autouse=True)
    def _patient(self, patient: None) -> None:
        pass

    def test_a_driver_that_raises_on_close(
        self,
        source: Allowlist,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        assert not allowed(ROW)
        thread = source._thread
        driver = type(connections["default"])
        close = driver.close

        def fail(self: Any) -> None:
            close(self)
            if threading.current_thread() is thread:
                raise InterfaceError("connection already closed")

        monkeypatch.setattr(driver, "close", fail)
        wait_for_polls(source, 2)
        for _ in range(3):
            # The limit is for slow machines: a thread that is replaced is so after 30 seconds.
            with elsewhere():
                add()
            wait_until(lambda: allowed(ROW), seconds=15)
            with elsewhere():
                AllowedOrigin.objects.all().delete()
            wait_until(lambda: not allowed(ROW), seconds=15)
        assert source._thread is thread
        assert thread.is_alive()
        assert [record.getMessage() for record in caplog.records] == [
            "The CORS allowlist could not close its connection to 'default': "
            "InterfaceError('connection already closed')"
        ]

    # The exception that ends it is the point of the test.
    ENDS = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

    def end_thread(self, source: Allowlist, monkeypatch: pytest.MonkeyPatch) -> threading.Thread:
        """As what no ``except Exception`` catches does."""
        thread = source._thread
        assert thread is not None

        def leave(using: str) -> str:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(refresher, "read_token", leave)
            source._wake.set()
            thread.join(30)
        assert not thread.is_alive()
        return thread

    @ENDS
    @pytest.mark.usefixtures("seldom")
    def test_one_that_has_ended_is_replaced_by_the_next_request(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not allowed(ROW)
        assert source.ready_until > time.monotonic() + 3600
        ended = self.end_thread(source, monkeypatch)
        assert source.ready_until == 0
        with elsewhere():
            add()
        wait_until(lambda: allowed(ROW))
        assert source._thread is not ended

    @ENDS
    @pytest.mark.usefixtures("seldom")
    def test_one_that_has_ended_is_replaced_by_a_change(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not allowed(ROW)
        self.end_thread(source, monkeypatch)
        add()
        assert source._thread is not None
        assert source.is_ready()
        assert allowed(ROW)

    @ENDS
    @pytest.mark.usefixtures("seldom")
    def test_a_change_does_not_wait_for_one_that_ends(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not allowed(ROW)
        monkeypatch.setattr(source, "_patience", 3600.0)

        def leave(using: str) -> str:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(refresher, "read_token", leave)
            add()
        assert source._thread is None
        wait_until(lambda: allowed(ROW))

    @ENDS
    def test_it_is_tried_again_where_no_thread_could_be_had(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not allowed(ROW)
        self.end_thread(source, monkeypatch)

        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with elsewhere():
            add()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            wait_until(lambda: allowed(ROW))
            assert not source._thread.is_alive()
        with elsewhere():
            AllowedOrigin.objects.all().delete()
        wait_until(lambda: not allowed(ROW))
        assert source._thread.is_alive()

    def test_it_does_not_have_the_context_of_a_request(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Python can be told to hand the context on to threads."""
        tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
        seen = []
        read_token = refresher.read_token

        class Inheriting(threading.Thread):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.inherited = contextvars.copy_context()

            def run(self) -> None:
                self.inherited.run(super().run)

        def noting(using: str) -> str:
            seen.append(tenant.get("none"))
            return read_token(using)

        monkeypatch.setattr(threading, "Thread", Inheriting)
        monkeypatch.setattr(refresher, "read_token", noting)
        tenant.set("of a request")
        assert not allowed(ROW)
        assert type(source._thread) is Inheriting
        assert set(seen) == {"none"}


@pytest.mark.django_db(transaction=True)
class TestConnection:
    @pytest.fixture(autouse=True)
    def _patient(self, patient: None) -> None:
        pass

    def test_each_poll_has_its_own_and_closes_it(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used = []
        read_token = refresher.read_token

        def noting(using: str) -> str:
            used.append(refresher.connections[using])
            return read_token(using)

        monkeypatch.setattr(refresher, "read_token", noting)
        assert not allowed(ROW)
        wait_for_polls(source, 2)
        source._poll()
        assert len(set(map(id, used))) == len(used) > 3
        assert used[-1].connection is None
        assert connections["default"] not in used
        assert AllowedOrigin.objects.count() == 0
