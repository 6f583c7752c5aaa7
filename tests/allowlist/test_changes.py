"""A change is seen however its transaction ends, and whatever other callbacks raise."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.test import AsyncClient

from django_cors_policy.allowlist import refresher
from django_cors_policy.allowlist.changes import Change
from django_cors_policy.allowlist.models import touch
from django_cors_policy.allowlist.refresher import Allowlist

from .conftest import ROW, add, allowed, wait_for_polls

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "https://other.example"


@pytest.fixture(autouse=True)
def _patient(patient: None) -> None:
    pass


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
            [refresher.THREAD_START_SECONDS, refresher.GRACE_SECONDS],  # the thread slept
            [refresher.GRACE_SECONDS],
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
        monkeypatch.setattr(refresher, "THREAD_START_SECONDS", 0.01)
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
