"""What keeps the rows fresh goes on: whatever a driver raises, and however a transaction ends."""

from __future__ import annotations

import contextvars
import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import InterfaceError, connections, transaction
from django.test import AsyncClient

from django_cors_policy.allowlist import snapshot
from django_cors_policy.allowlist.models import AllowedOrigin, Change, touch
from django_cors_policy.allowlist.snapshot import Allowlist

from .conftest import ROW, allowed, wait_until
from .test_snapshot import add, elsewhere, wait_for_polls

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "https://other.example"


@pytest.fixture(autouse=True)
def _threaded(threaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is slow for a moment fails no test."""
    monkeypatch.setattr(snapshot, "GRACE_SECONDS", 30)


@pytest.fixture
def seldom(settings: Any) -> None:
    """What is seen before an hour is over is not seen by the next poll."""
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 3600, "FIRST_WAIT_SECONDS": 30}


class TestThread:
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
            patch.setattr(snapshot, "read_token", leave)
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
            patch.setattr(snapshot, "read_token", leave)
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
        read_token = snapshot.read_token

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
        monkeypatch.setattr(snapshot, "read_token", noting)
        tenant.set("of a request")
        assert not allowed(ROW)
        assert type(source._thread) is Inheriting
        assert set(seen) == {"none"}


class TestConnection:
    def test_each_poll_has_its_own_and_closes_it(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used = []
        read_token = snapshot.read_token

        def noting(using: str) -> str:
            used.append(snapshot.connections[using])
            return read_token(using)

        monkeypatch.setattr(snapshot, "read_token", noting)
        assert not allowed(ROW)
        wait_for_polls(source, 2)
        source._poll()
        assert len(set(map(id, used))) == len(used) > 3
        assert used[-1].connection is None
        assert connections["default"] not in used
        assert AllowedOrigin.objects.count() == 0


def raise_error() -> None:
    raise RuntimeError("an earlier callback")


@contextmanager
def behind_an_error() -> Iterator[None]:
    """A transaction that is committed, and ends in an error of its first callback."""
    try:
        with transaction.atomic():
            transaction.on_commit(raise_error)
            yield
    except RuntimeError as error:
        assert str(error) == "an earlier callback"  # noqa: PT017 -- raised by all that use this
    else:
        pytest.fail("the callback was not called")


def commit_behind_an_error(origin: str = ROW) -> None:
    with behind_an_error():
        add(origin)


def roll_back(origin: str = ROW) -> None:
    with transaction.atomic():
        transaction.on_commit(raise_error)
        add(origin)
        transaction.set_rollback(True)


@pytest.mark.usefixtures("seldom")
class TestEndOfTransaction:
    def test_an_earlier_callback_raises(self) -> None:
        assert not allowed(ROW)
        commit_behind_an_error()
        assert allowed(ROW)

    async def test_an_earlier_callback_raises_async(self) -> None:
        async def is_allowed() -> bool:
            response = await AsyncClient().get("/hello/", headers={"origin": ROW})
            return response.headers.get("Access-Control-Allow-Origin") == ROW

        assert not await is_allowed()
        await sync_to_async(commit_behind_an_error)()
        assert await is_allowed()
        await sync_to_async(connections.close_all)()  # of the thread that queries run in

    def test_a_request_before_the_end_changes_nothing(self, source: Allowlist) -> None:
        assert not allowed(ROW)
        with behind_an_error():
            add()
            assert not allowed(ROW)
            assert len(source._pending) == 1
        assert allowed(ROW)
        assert source._pending == []

    def test_several_changes_and_callbacks(self) -> None:
        assert not allowed(ROW)
        with behind_an_error():
            add(OTHER)
            with transaction.atomic():
                transaction.on_commit(lambda: None)
                add()
            touch("default")
        assert allowed(ROW)
        assert allowed(OTHER)

    def test_the_own_callback_is_the_first(self, source: Allowlist) -> None:
        """Then nothing can keep it from being called."""
        assert not allowed(ROW)
        with transaction.atomic():
            add()
            transaction.on_commit(lambda: None)
            assert source._pending == []
        assert allowed(ROW)

    def test_a_savepoint_was_rolled_back_in_between(self) -> None:
        assert not allowed(ROW)
        with behind_an_error():
            add()
            with transaction.atomic():
                transaction.set_rollback(True)
        assert allowed(ROW)

    def test_a_rollback_after_a_savepoint(self) -> None:
        """It looks like a commit: a request asks, and sees nothing."""
        assert not allowed(ROW)
        with transaction.atomic():
            transaction.on_commit(raise_error)
            add()
            with transaction.atomic():
                transaction.set_rollback(True)
            transaction.set_rollback(True)
        assert not allowed(ROW)

    def test_no_request_waits_for_what_is_rolled_back(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not allowed(ROW)
        roll_back()

        def fail(*args: Any) -> None:
            raise AssertionError("a request waits")

        with monkeypatch.context() as patch:
            patch.setattr(source._progress, "wait_for", fail)
            assert not allowed(ROW)
        wait_for_polls(source, 1)
        assert not allowed(ROW)

    def test_one_request_waits_for_what_is_committed(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not longer than for an answer that is under way, and the others not at all."""
        assert not allowed(ROW)
        waits: list[Any] = []
        monkeypatch.setattr(source._progress, "wait_for", lambda _, timeout: waits.append(timeout))
        monkeypatch.setattr(source, "_poll_instead", waits.append)
        commit_behind_an_error()
        for _ in range(3):
            allowed(ROW)
        assert waits in (
            [snapshot.THREAD_START_SECONDS, snapshot.GRACE_SECONDS],  # the thread slept
            [snapshot.GRACE_SECONDS],
        )

    @pytest.mark.parametrize("end", [commit_behind_an_error, roll_back])
    def test_they_do_not_pile_up_where_no_request_comes(self, source: Allowlist, end: Any) -> None:
        assert not allowed(ROW)
        for number in range(20):
            end(f"https://{number}.example")
            assert len(source._pending) == 1
        assert allowed("https://0.example") == (end is commit_behind_an_error)
        assert source._pending == []

    def test_nothing_is_pending_before_the_first_request(self, source: Allowlist) -> None:
        """A command or a worker of a queue never has one."""
        commit_behind_an_error()
        assert source._pending == []
        assert source._thread is None
        assert allowed(ROW)

    def test_nothing_keeps_the_connection_of_a_thread_that_ends(self) -> None:
        own = connections.create_connection("default")
        own.run_on_commit.append((set(), raise_error, False))
        change = Change(own)
        own.run_on_commit.append((set(), change, False))
        assert not change.is_over()
        del own
        gc.collect()
        assert change.is_over()
        assert not change.was_committed()


class TestWithoutThreads:
    """They are started, and never run."""

    @pytest.fixture(autouse=True)
    def _no_threads(self, seldom: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshot, "THREAD_START_SECONDS", 0.01)
        monkeypatch.setattr(threading.Thread, "start", lambda self: None)

    @pytest.mark.parametrize("write", [add, commit_behind_an_error])
    def test_an_own_change_is_seen_by_the_next_request(self, write: Any) -> None:
        assert not allowed(ROW)
        write(ROW)
        assert allowed(ROW)

    def test_a_change_does_not_wait_for_a_thread(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not allowed(ROW)
        waits: list[Any] = []
        monkeypatch.setattr(source._progress, "wait_for", lambda _, timeout: waits.append(timeout))
        add()
        assert waits == [0]
        assert allowed(ROW)

    def test_a_change_waits_for_a_request_that_asks(self, source: Allowlist) -> None:
        """That one may have asked too early."""
        assert not allowed(ROW)

        class Lock:
            """The other request is done meanwhile."""

            def acquire(self, timeout: float) -> bool:
                return timeout > 0

            def release(self) -> None:
                pass

        source._stand_in = Lock()  # type: ignore[assignment]
        add()
        assert allowed(ROW)
