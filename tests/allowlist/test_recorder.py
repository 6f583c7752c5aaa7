"""What is recorded of refused origins, and how little a flood of them can do."""

from __future__ import annotations

import contextvars
import datetime
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import InterfaceError, connection, connections
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_cors_policy.allowlist import recorder as recorder_module
from django_cors_policy.allowlist.models import AllowedOrigin, Freshness, RefusedOrigin
from django_cors_policy.allowlist.recorder import (
    FLUSH_SECONDS,
    LONGEST_RETRY_SECONDS,
    MAX_ROWS,
    MAX_WAITING,
    MOST_WRITTEN,
    Recorder,
    follow_settings,
    is_recording,
)
from django_cors_policy.hooks import Refusal, hooks
from django_cors_policy.origins import MAX_ORIGIN_LENGTH

from .conftest import SETTINGS, wait_until

pytestmark = pytest.mark.django_db

ORIGIN = "https://recorder_module.example"
ON = {"REFRESH_SECONDS": 0, "RECORD_REFUSALS": True}


THREAD = "django_cors_policy.allowlist.refused"
start_thread = threading.Thread.start


def start_others(thread: threading.Thread) -> None:
    """In place of ``Thread.start``: the tests write when they want it."""
    if thread.name != THREAD:
        start_thread(thread)


@pytest.fixture
def recorder(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The process's own, turned on, whose thread never runs."""
    monkeypatch.setattr(threading.Thread, "start", start_others)
    settings.CORS_ALLOWLIST = ON
    assert is_recording()
    recorder_module.recorder.reset()
    yield recorder_module.recorder
    recorder_module.recorder.reset()


@pytest.fixture
def threaded(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """As in production, only faster."""
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.1)
    settings.CORS_ALLOWLIST = ON
    recorder_module.recorder.reset()
    yield recorder_module.recorder
    thread = recorder_module.recorder._thread
    recorder_module.recorder.reset()
    if thread is not None:
        thread.join(30)


def refusal(origin: str = ORIGIN, **fields: Any) -> Refusal:
    return Refusal(
        **{"policy": "default", "path": "/hello/", "method": "GET", **fields}, origin=origin
    )


def random_origin() -> str:
    return f"https://{random.getrandbits(96):x}.example"


def counts() -> dict[str, int]:
    return dict(RefusedOrigin.objects.values_list("origin", "count"))


def add_rows(number: int) -> None:
    """Rows of long ago, the first of them the least recently seen."""
    start = timezone.now() - datetime.timedelta(days=30)
    rows = []
    for index in range(number):
        seen = start + datetime.timedelta(seconds=index)
        row = RefusedOrigin(policy="default", origin=f"https://old-{index}.example", count=1)
        row.first_seen = row.last_seen = seen
        rows.append(row)
    RefusedOrigin.objects.bulk_create(rows)


@contextmanager
def no_table() -> Iterator[None]:
    table = RefusedOrigin._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE gone RENAME TO {table}")


class TestSetting:
    def test_off_by_default(self, settings: Any) -> None:
        settings.CORS_ALLOWLIST = {}
        assert hooks.recorder is None

    def test_it_is_followed(self, settings: Any) -> None:
        with override_settings(CORS_ALLOWLIST=ON):
            assert hooks.recorder is recorder_module.recorder
        assert hooks.recorder is None
        settings.CORS_ALLOWLIST = ON
        settings.DEBUG = True
        assert is_recording()
        settings.CORS_ALLOWLIST = {**ON, "RECORD_REFUSALS": False}
        assert not is_recording()

    def test_wrong_settings_turn_it_off(self, settings: Any) -> None:
        settings.CORS_ALLOWLIST = ON
        settings.CORS_ALLOWLIST = {"RECORD_REFUSALS": "yes"}
        assert hooks.recorder is None

    def test_somebody_elses_recorder_stays(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Recorder()
        monkeypatch.setattr(hooks, "recorder", other)
        settings.CORS_ALLOWLIST = {}
        follow_settings()
        assert hooks.recorder is other
        assert not is_recording()


class TestRecord:
    def test_what_is_written(self, recorder: Recorder) -> None:
        before = timezone.now() - datetime.timedelta(seconds=1)
        for path in ("/first/", "/last/"):
            recorder.record(refusal(path=path, method="PUT"))
        assert recorder.flush()
        [row] = RefusedOrigin.objects.all()
        assert (row.policy, row.origin, row.is_rehearsal) == ("default", ORIGIN, False)
        assert (row.path, row.method, row.count) == ("/last/", "PUT", 2)
        assert before < row.first_seen <= row.last_seen < timezone.now()
        assert str(row) == ORIGIN

    def test_it_adds_up(self, recorder: Recorder) -> None:
        recorder.record(refusal())
        assert recorder.flush()
        first = RefusedOrigin.objects.get()
        recorder.record(refusal(path="/other/", method="POST"))
        recorder.record(refusal("https://more.example"))
        assert recorder.flush()
        assert recorder.flush()  # nothing more
        row = RefusedOrigin.objects.get(pk=first.pk)
        assert (row.count, row.path, row.method) == (2, "/other/", "POST")
        assert first.first_seen == row.first_seen <= first.last_seen < row.last_seen
        assert counts() == {ORIGIN: 2, "https://more.example": 1}

    def test_one_row_for_each_policy_and_for_rehearsals(self, recorder: Recorder) -> None:
        for fields in ({}, {"policy": "open"}, {"is_rehearsal": True}, {"is_rehearsal": True}):
            recorder.record(refusal(**fields))
        assert recorder.flush()
        rows = RefusedOrigin.objects.order_by("count", "policy")
        assert [(row.policy, row.is_rehearsal, row.count) for row in rows] == [
            ("default", False, 1),
            ("open", False, 1),
            ("default", True, 2),
        ]

    @pytest.mark.parametrize(
        "origin",
        [
            "null",
            "http://localhost:3000",
            "https://[::1]:8443",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
            f"https://{'.'.join(['a' * 63] * 3 + ['a' * 61])}",  # the longest name there is
        ],
    )
    def test_what_browsers_send(self, recorder: Recorder, origin: str) -> None:
        recorder.record(refusal(origin))
        assert recorder.flush()
        assert counts() == {origin: 1}

    @pytest.mark.parametrize(
        "origin",
        [
            "",
            "*",
            "NULL",
            "https://",
            "https://app.example.com/",
            "https://App.example.com",
            "https://a.example, https://b.example",
            "https://b\u00fccher.example",
            "https://a.example:443",
            "https://<script>alert(1)</script>",
            "https://\u202eelpmaxe.ppa",
            "https://a.example\0",
            "https://a.example\n",
            "\ud800",
            "https://" + "a" * (MAX_ORIGIN_LENGTH + 1),
            "x" * 1_000_000,
        ],
    )
    def test_what_no_browser_sends_is_not_recorded(self, recorder: Recorder, origin: str) -> None:
        recorder.record(refusal(origin))
        assert not recorder._waiting
        assert recorder._thread is None

    @pytest.mark.parametrize(
        ("path", "kept"),
        [
            ("/a/b;c=1,2/@x:y~z", "/a/b;c=1,2/@x:y~z"),
            ("/b\u00fccher/\U0001f36a", "/b%C3%BCcher/%F0%9F%8D%AA"),
            ("/\0\n\u202e<script>", "/%00%0A%E2%80%AE%3Cscript%3E"),
            ("/\ud800", "/%3F"),
            ("/" + "x" * 1000, "/" + "x" * 199),
            ("/" + "\0" * 1000, ("/" + "%00" * 200)[:200]),
        ],
    )
    def test_any_path_can_be_stored(self, recorder: Recorder, path: str, kept: str) -> None:
        recorder.record(refusal(path=path))
        assert recorder.flush()
        assert RefusedOrigin.objects.get().path == kept

    @pytest.mark.parametrize(
        ("method", "kept"),
        [("PATCH", "PATCH"), ("<b>", ""), ("G\0T", ""), ("X" * 100, "X" * 20), ("", "")],
    )
    def test_any_method_can_be_stored(self, recorder: Recorder, method: str, kept: str) -> None:
        recorder.record(refusal(method=method))
        assert recorder.flush()
        assert RefusedOrigin.objects.get().method == kept

    def test_a_long_alias_is_cut(self, recorder: Recorder) -> None:
        recorder.record(refusal(policy="x" * 1000))
        assert recorder.flush()
        assert RefusedOrigin.objects.get().policy == "x" * 100

    def test_times_without_zones(self, recorder: Recorder, settings: Any) -> None:
        settings.USE_TZ = False
        recorder.record(refusal())
        assert recorder.flush()
        age = timezone.now() - RefusedOrigin.objects.get().last_seen
        assert abs(age) < datetime.timedelta(minutes=1)

    def test_the_database_is_not_asked(self, recorder: Recorder) -> None:
        with CaptureQueriesContext(connection) as queries:
            for _ in range(100):
                recorder.record(refusal(random_origin()))
        assert len(queries) == 0

    def test_the_allowlist_need_not_be_read_again(self, recorder: Recorder) -> None:
        AllowedOrigin.objects.create(origin="https://row.example")
        token = Freshness.objects.get().token
        recorder.record(refusal())
        assert recorder.flush()
        RefusedOrigin.objects.all().delete()
        assert Freshness.objects.get().token == token


class TestFlood:
    @pytest.mark.slow
    def test_memory_and_table_stay_small(
        self, recorder: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        add_rows(MAX_ROWS)
        for _ in range(12):
            for number in range(3000):
                recorder.record(refusal(random_origin(), path="/x" * 5000))
                if number % 300 == 0:
                    recorder.record(refusal())
            assert len(recorder._waiting) == MAX_WAITING
            assert max(len(tally.path) for tally in recorder._waiting.values()) <= 200
            assert recorder.flush()
            assert RefusedOrigin.objects.count() == MAX_ROWS
        # Who comes again and again is not lost among those who come once.
        assert counts()[ORIGIN] == 120
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "So far, 2001 refusals of the least recently seen origins are missing" in caplog.text

    def test_the_log_tells_of_the_next_flood_as_well(
        self, recorder: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(2):
            for _ in range(MAX_WAITING + 1):
                recorder.record(refusal(random_origin()))
            assert recorder.flush()
            assert recorder.flush()
        assert len(caplog.records) == 2

    def test_so_many_are_written_at_a_time(self, recorder: Recorder) -> None:
        origins = [random_origin() for _ in range(MOST_WRITTEN + 50)]
        for origin in origins:
            recorder.record(refusal(origin))
        for origin in origins[-10:]:
            recorder.record(refusal(origin))
        assert recorder.flush()
        expected = dict.fromkeys(origins[: MOST_WRITTEN - 10], 1) | dict.fromkeys(origins[-10:], 2)
        assert counts() == expected
        # The others wait, and are lost on nobody.
        assert recorder.flush()
        assert counts() == expected | dict.fromkeys(origins[MOST_WRITTEN - 10 : -10], 1)
        assert not recorder._waiting

    def test_the_least_recently_seen_give_way(self, recorder: Recorder) -> None:
        add_rows(MAX_ROWS)
        recorder.record(refusal("https://old-0.example"))
        recorder.record(refusal())
        assert recorder.flush()
        found = counts()
        assert len(found) == MAX_ROWS
        assert found[ORIGIN] == 1
        assert found["https://old-0.example"] == 2
        assert {"https://old-1.example", "https://old-2.example"} & {*found} == {
            "https://old-2.example"
        }

    def test_too_many_rows_are_brought_down(self, recorder: Recorder) -> None:
        """Several processes may add at the same time, each having seen room."""
        add_rows(MAX_ROWS + 30)
        recorder.record(refusal("https://old-1000.example"))
        assert recorder.flush()
        assert RefusedOrigin.objects.count() == MAX_ROWS
        assert counts()["https://old-1000.example"] == 2

    def test_few_queries_however_many_origins(self, recorder: Recorder) -> None:
        def flush() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert recorder.flush()
            return len(queries)

        add_rows(MAX_ROWS)
        recorder.record(refusal())
        few = flush()
        for _ in range(MAX_WAITING):
            recorder.record(refusal(random_origin()))
        assert flush() <= few + 4  # more than one statement takes on SQLite
        assert few <= 15  # savepoints among them


class TestSeveralProcesses:
    def test_their_counts_add_up(self, recorder: Recorder) -> None:
        other = Recorder()
        for number in range(3):
            for each in (recorder, other):
                each.record(refusal())
                each.record(refusal(f"https://{number}.example"))
        assert recorder.flush()
        assert other.flush()
        assert counts() == {ORIGIN: 6} | {f"https://{number}.example": 2 for number in range(3)}

    def test_a_row_that_the_other_was_quicker_to_add(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Recorder()
        other.record(refusal())
        recorder.record(refusal())
        read_keys = recorder_module._read_keys

        def read_and_be_overtaken(rows: Any) -> Any:
            keys = read_keys(rows)
            monkeypatch.setattr(recorder_module, "_read_keys", read_keys)
            assert other.flush()
            return keys

        monkeypatch.setattr(recorder_module, "_read_keys", read_and_be_overtaken)
        assert recorder.flush()
        assert counts() == {ORIGIN: 2}

    @pytest.mark.parametrize("is_new", [True, False])
    def test_a_row_that_somebody_deletes_meanwhile(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, is_new: bool
    ) -> None:
        if not is_new:
            recorder.record(refusal())
            assert recorder.flush()
        recorder.record(refusal())
        read_keys = recorder_module._read_keys

        def delete_around(rows: Any) -> Any:
            if is_new:
                RefusedOrigin.objects.all().delete()
            keys = read_keys(rows)
            RefusedOrigin.objects.all().delete()
            return keys

        monkeypatch.setattr(recorder_module, "_read_keys", delete_around)
        assert recorder.flush()
        assert counts() == {}
        monkeypatch.setattr(recorder_module, "_read_keys", read_keys)
        recorder.record(refusal())
        assert recorder.flush()
        assert counts() == {ORIGIN: 1}

    @pytest.mark.django_db(transaction=True)
    def test_at_the_same_time(self, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
        rounds, origins = 20, [f"https://{number}.example" for number in range(40)]
        start = threading.Barrier(3)

        def work(seed: int) -> None:
            each, shuffle = Recorder(), random.Random(seed).shuffle  # noqa: S311
            each._thread = threading.current_thread()
            start.wait()
            for _ in range(rounds):
                mine = origins[:]
                shuffle(mine)
                for origin in mine:
                    each.record(refusal(origin))
                each.flush()
            while not each.flush():  # SQLite makes one wait, and then gives up
                pass
            connections.close_all()

        threads = [threading.Thread(target=work, args=[seed]) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert counts() == dict.fromkeys(origins, rounds * 3)
        if connection.vendor != "sqlite":
            assert "deadlock" not in caplog.text.lower()


@pytest.mark.django_db(transaction=True)
class TestOutage:
    def test_counts_wait_for_the_table(
        self, recorder: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "django_cors_policy")
        with no_table():
            for _ in range(3):
                recorder.record(refusal())
                assert not recorder.flush()
        assert RefusedOrigin.objects.count() == 0
        assert recorder.flush()
        assert counts() == {ORIGIN: 3}
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
        assert "Refused origins cannot be written to the database and stay in memory" in caplog.text
        assert "Refused origins can be written to the database again." in caplog.text

    def test_memory_stays_small_meanwhile(self, recorder: Recorder) -> None:
        with no_table():
            for _ in range(3):
                for _ in range(MAX_WAITING):
                    recorder.record(refusal(random_origin()))
                assert not recorder.flush()
                assert len(recorder._waiting) == MAX_WAITING


class TestWhileItIsWritten:
    """Requests go on counting: nobody holds a lock while the database is asked."""

    @pytest.fixture
    def while_writing(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[Callable[[], None]], None]:
        def flush_and(do: Callable[[], None]) -> None:
            write = recorder_module.write_tallies

            def write_and_do(batch: Any) -> None:
                write(batch)
                do()

            with monkeypatch.context() as patch:
                patch.setattr(recorder_module, "write_tallies", write_and_do)
                assert recorder.flush()

        return flush_and

    def test_what_is_counted_then_is_written_next(
        self, recorder: Recorder, while_writing: Callable[[Callable[[], None]], None]
    ) -> None:
        recorder.record(refusal())
        while_writing(lambda: recorder.record(refusal()))
        assert counts() == {ORIGIN: 1}
        assert recorder.flush()
        assert counts() == {ORIGIN: 2}

    def test_what_gives_way_then_may_come_back(
        self, recorder: Recorder, while_writing: Callable[[Callable[[], None]], None]
    ) -> None:
        def fill() -> None:
            for _ in range(MAX_WAITING):
                recorder.record(refusal(random_origin()))

        recorder.record(refusal())
        recorder.record(refusal("https://gone.example"))

        def flood() -> None:
            fill()
            recorder.record(refusal())

        while_writing(flood)
        recorder.record(refusal())
        assert recorder.flush()
        assert counts()[ORIGIN] == 3
        assert counts()["https://gone.example"] == 1


@pytest.mark.django_db(transaction=True)
class TestThread:
    def test_it_starts_with_the_first_refusal_and_goes_on(self, threaded: Recorder) -> None:
        assert threaded._thread is None
        threaded.record(refusal())
        thread = threaded._thread
        assert thread is not None
        assert thread.daemon
        wait_until(lambda: counts() == {ORIGIN: 1})
        threaded.record(refusal())
        wait_until(lambda: counts() == {ORIGIN: 2})
        assert threaded._thread is thread
        threaded.reset()
        thread.join(30)
        assert not thread.is_alive()

    def test_its_connection_does_not_stay_open(
        self, threaded: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used = []
        write = recorder_module.write_tallies

        def note(batch: Any) -> None:
            write(batch)
            used.append(connections["default"])
            assert used[0].connection is not None

        monkeypatch.setattr(recorder_module, "write_tallies", note)
        threaded.record(refusal())
        wait_until(lambda: used != [] and used[0].connection is None)
        assert used[0] is not connections["default"]

    def test_many_threads_start_one(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[threading.Thread] = []

        def note(thread: threading.Thread) -> None:
            started.append(thread)

        monkeypatch.setattr(threading.Thread, "start", note)
        recorder._start_thread()
        recorder._start_thread()
        assert len(started) == 1

    def test_retries_come_later_and_later(
        self, threaded: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float | None] = []
        monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", FLUSH_SECONDS)
        outcomes = iter([False] * 5 + [True, False])
        monkeypatch.setattr(threaded, "flush", lambda: next(outcomes))

        def note(timeout: float | None = None) -> bool:
            pauses.append(timeout)
            if len(pauses) == 7:
                threaded._thread = None
            return True

        monkeypatch.setattr(threaded._wake, "wait", note)
        threaded.record(refusal())
        wait_until(lambda: len(pauses) == 7)
        assert pauses == [10, 20, 40, LONGEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, 5, 10]

    def test_no_thread_can_be_had(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", refuse)
        recorder.record(refusal())
        recorder.record(refusal())
        assert recorder.flush()
        assert counts() == {ORIGIN: 2}
        # Later there may be one.
        assert recorder._thread is None
        monkeypatch.setattr(threading.Thread, "start", start)
        monkeypatch.setattr(recorder, "flush", lambda: True)
        recorder.record(refusal())
        assert recorder._thread is None
        recorder._start_after = 0.0
        recorder.record(refusal())
        assert recorder._thread is not None

    def test_a_connection_that_cannot_be_closed(
        self, threaded: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is logged once, and what was written is not written later for it."""
        closed: list[bool] = []
        pauses: list[float] = []

        def close() -> None:
            closed.append(True)
            raise InterfaceError("connection already closed")

        def wait(pause: float) -> None:
            pauses.append(pause)
            threaded.record(refusal())
            time.sleep(0.01)

        caplog.set_level(logging.INFO, "django_cors_policy")
        monkeypatch.setattr(recorder_module, "write_tallies", lambda batch: None)
        monkeypatch.setattr(connections, "close_all", close)
        monkeypatch.setattr(threaded._wake, "wait", wait)
        threaded.record(refusal())
        wait_until(lambda: len(closed) > 3)
        threaded.reset()
        assert set(pauses) == {recorder_module.FLUSH_SECONDS}
        [message] = caplog.messages
        assert "InterfaceError('connection already closed')" in message

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_thread_that_was_ended_is_replaced(
        self, threaded: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def leave(batch: Any) -> None:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(recorder_module, "write_tallies", leave)
            threaded.record(refusal())
            wait_until(lambda: threaded._thread is None)
        threaded.record(refusal())
        assert threaded._thread is not None
        wait_until(lambda: counts() == {ORIGIN: 2})

    def test_the_thread_does_not_have_the_context_of_a_request(
        self, threaded: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Python can be told to hand the context on to threads."""
        tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
        seen: list[str] = []

        class Inheriting(threading.Thread):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.inherited = contextvars.copy_context()

            def run(self) -> None:
                self.inherited.run(super().run)

        monkeypatch.setattr(threading, "Thread", Inheriting)
        monkeypatch.setattr(
            recorder_module, "write_tallies", lambda batch: seen.append(tenant.get("none"))
        )
        tenant.set("of a request")
        threaded.record(refusal())
        wait_until(lambda: bool(seen))
        assert seen[0] == "none"

    def test_what_is_kept_of_long_requests_is_short(self, recorder: Recorder) -> None:
        """A stranger chooses the length of everything but the policy's name."""
        for number in range(2 * MAX_WAITING):
            long = f"{number}" + "\N{SNOWMAN}" * 50_000
            labels = ".".join(["a" * 63] * 3)
            recorder.record(refusal(f"https://{number}.{labels}.example", path=long, method=long))
            recorder.record(refusal(f"https://{long}", path=long, method=long))
        kept = [
            *(part for key in recorder._waiting for part in key[:2]),
            *(part for tally in recorder._waiting.values() for part in (tally.path, tally.method)),
        ]
        assert len(recorder._waiting) == MAX_WAITING
        assert sum(map(sys.getsizeof, kept)) < 1_500 * MAX_WAITING


FORKING = """
import os, sys, threading, warnings
from django.conf import settings

settings.configure(
    CORS_ALLOWLIST={"RECORD_REFUSALS": True},
    CORS_POLICIES={"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}},
    INSTALLED_APPS=["django_cors_policy", "django_cors_policy.allowlist"],
    SECRET_KEY="-",
)
import django

django.setup()

from django_cors_policy.allowlist.recorder import recorder
from django_cors_policy.hooks import Refusal, hooks

assert hooks.recorder is recorder
assert recorder._thread is None and threading.active_count() == 1
recorder.flush = lambda: True
recorder.record(Refusal("https://a.example", "default", "/", "GET"))
assert recorder._thread.is_alive()
recorder._lock.acquire()  # by a thread that the child does not have
warnings.simplefilter("ignore")
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert recorder._thread is None and not recorder._waiting
recorder.record(Refusal("https://b.example", "default", "/", "GET"))
assert recorder._thread.is_alive() and len(recorder._waiting) == 1
"""


def test_a_fork_starts_over() -> None:
    result = subprocess.run(
        [sys.executable, "-c", FORKING],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


class TestRequests:
    """The middleware tells of what it refuses, and never waits for it."""

    def test_refused_requests_are_counted(self, recorder: Recorder) -> None:
        Client().get("/hello/", headers={"origin": ORIGIN})
        Client().post("/hello/", headers={"origin": ORIGIN})
        Client().get("/public/hello/", headers={"origin": ORIGIN})
        assert recorder.flush()
        rows = RefusedOrigin.objects.order_by("policy")
        assert [(row.policy, row.path, row.method, row.count) for row in rows] == [
            ("default", "/hello/", "POST", 2),
            ("open", "/public/hello/", "GET", 1),
        ]

    def test_a_preflight_counts_for_the_method_that_it_asks_for(self, recorder: Recorder) -> None:
        headers = {"origin": ORIGIN, "access-control-request-method": "PUT"}
        assert Client().options("/hello/", headers=headers).status_code == 403
        assert recorder.flush()
        assert RefusedOrigin.objects.get().method == "PUT"

    def test_what_is_allowed_is_not_counted(self, recorder: Recorder) -> None:
        AllowedOrigin.objects.create(origin="https://row.example")
        for origin in (SETTINGS, "https://row.example"):
            Client().get("/hello/", headers={"origin": origin})
        Client().get("/hello/")
        assert not recorder._waiting

    async def test_async(self, recorder: Recorder) -> None:
        await AsyncClient().get("/hello/", headers={"origin": ORIGIN})
        assert [key[1] for key in recorder._waiting] == [ORIGIN]
        # Of the thread that async code's queries run in.
        await sync_to_async(connections.close_all)()

    def test_off(self, settings: Any) -> None:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
        Client().get("/hello/", headers={"origin": ORIGIN})
        assert not recorder_module.recorder._waiting
        assert recorder_module.recorder._thread is None

    def test_no_query_on_the_way(self, recorder: Recorder, settings: Any) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                Client().get("/hello/", headers={"origin": ORIGIN})
            return len(found)

        queries()  # reads the allowlist for the first time
        recording = queries()
        assert len(recorder._waiting) == 1
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
        assert queries() == recording
