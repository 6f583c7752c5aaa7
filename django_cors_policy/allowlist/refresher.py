"""The rows in memory: fresh within seconds, on every process, at no cost to requests.

A thread asks the database every few seconds whether the token has changed, on a connection that it
closes again, and swaps the snapshot as one reference. Requests only read that reference. What each
promise of freshness rests on is said where it is kept.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed
from django.db import Error, connections
from django.dispatch import receiver

from django_cors_policy.conf import policy_book
from django_cors_policy.hooks import RowMatch, UnreadableRows
from django_cors_policy.policy import Grant, Policy, PolicyBook

from .background import TroubleLog, make_thread
from .changes import Change
from .conf import SETTING, allowlist_settings
from .coverage import rows_about
from .database import UndecidedDatabaseError, allowlist_database
from .models import read_token
from .signals import rows_changed, rows_changing
from .snapshot import Snapshot, load_snapshot

logger = logging.getLogger("django_cors_policy")

# A thread that has not begun by then never will: no threads run here.
THREAD_START_SECONDS = 0.5
# What a request waits for an answer that is under way, where the last one is too old: the process
# was frozen, say. A database that answers at all has answered by then.
GRACE_SECONDS = 0.25
# A query that takes longer is on a connection that has died without saying so. Twice as long after
# each thread that was given up, so that a database which is merely slow does not gather them.
STUCK_SECONDS = 30
# The thread asks a little before the interval is over, so that what it finds is served in time.
EARLY = 0.9
# The first retry after a failure; each further one waits twice as long, up to the interval.
FIRST_RETRY_SECONDS = 0.5
# So many skipped rows are named in the log, each time that others are skipped.
MOST_LOGGED = 10


class Allowlist:
    """The source of origins that ``hooks`` holds: one for each process.

    Its thread starts with the first request that needs it, never before: a server may fork until
    then. Whoever forks later gets a new one.
    """

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self._tickets = itertools.count(1)
        self._published = 0
        self._loaded_at = 0.0
        self._trouble = TroubleLog()
        self._start_over()
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        """No thread yet: at first, and after a fork, which takes no threads along.

        A snapshot that a child process inherits is the last good one, but nobody knows how old.
        """
        # Held by a request that asks in the thread's place.
        self._stand_in = threading.Lock()
        # Held for a moment, never while the database is asked. Notified when the thread begins to
        # ask, and when it has been answered.
        self._progress = threading.Condition()
        self._begun = 0
        self._done = 0
        # Of the last question that was answered: how many had begun with it.
        self._answered = 0
        # Transactions of this process that change rows, and may end without telling.
        self._pending: list[Change] = []
        # Whether one of them has been committed, and no request has asked since.
        self._is_behind = False
        self._busy_since: float | None = None
        self._finished_at = 0.0
        self.ready_until = 0.0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._deadline = 0.0
        self._patience: float = STUCK_SECONDS
        # Not asyncio's own: whoever waits there would keep everybody from looking up names.
        self._executor = ThreadPoolExecutor(2, "django_cors_policy.allowlist")

    def reset(self) -> None:
        """Forget everything, as if the process had just begun. For tests."""
        self._wake.set()  # a thread that sleeps sees that it is not wanted any more
        self._start_over()
        self.snapshot = None
        self._trouble = TroubleLog()
        self._published = next(self._tickets)  # nothing that is under way counts any more

    # -- What requests ask. Nothing here waits, but for ``prepare``.

    def validate(self) -> None:
        """Raise ``ImproperlyConfigured`` if ``CORS_ALLOWLIST`` is wrong."""
        allowlist_settings()
        # At start, while no request has chosen a tenant. What a router raises is told later.
        with contextlib.suppress(UndecidedDatabaseError):
            allowlist_database()

    def grant_for(self, policy: Policy, origin: str) -> Grant | None:
        """What the rows grant ``origin`` under ``policy``; None if nothing."""
        snapshot = self.snapshot
        rows = snapshot.rows.get(policy.rows_alias) if snapshot is not None else None
        if rows is None or (rows.is_exact and origin not in rows.exact):
            return None
        return rows.grant_for(policy, origin)

    def is_ready(self) -> bool:
        """Whether ``grant_for`` can be asked at once; else ``prepare`` first."""
        interval = allowlist_settings().refresh_seconds
        if interval == 0 or self._thread is None:
            return False
        if self._is_behind or any(map(Change.is_over, self._pending)):
            return False
        now = time.monotonic()
        busy_since = self._busy_since
        if busy_since is not None and now - busy_since >= self._patience:
            return False  # stuck
        if self._done == 0:
            return now >= self._deadline
        if now - self._finished_at < 2 * interval:
            return True
        # Too old. An answer may be under way, and is waited for, once and briefly.
        return busy_since is not None and now - busy_since >= GRACE_SECONDS

    def prepare(self) -> None:
        """Do what is needed before ``grant_for``, and wait for it, though never for long.

        The first rows of a process are waited for. A thread that is stuck in the database is given
        up, and another takes over. Only where threads do not run is the database asked from here.
        """
        if allowlist_settings().refresh_seconds == 0:
            self._poll()
            return
        self._ensure_thread()
        if self._settle():
            self._ask_anew(GRACE_SECONDS)
            return
        with self._progress:
            if self.is_ready():
                return  # another request saw to it, or the new thread was quick
            begun, done = self._begun, self._done
            seconds = self._deadline - time.monotonic() if done == 0 else GRACE_SECONDS
            if self._busy_since is None:
                self._wake.set()
            if self._busy_since is not None or self._progress.wait_for(
                lambda: self._begun != begun, THREAD_START_SECONDS
            ):
                self._progress.wait_for(lambda: self._done != done, max(0.0, seconds))
                return
        self._poll_instead()

    async def aprepare(self) -> None:
        """``prepare``, off the event loop."""
        if allowlist_settings().refresh_seconds == 0:
            await sync_to_async(self.prepare)()  # on the connection that the request has
        else:
            await sync_to_async(self.prepare, thread_sensitive=False, executor=self._executor)()

    def rows(self, policy: Policy, origin: str) -> list[RowMatch]:
        """The rows that cover ``origin``, the one that decides first, and those that come near.

        Raises ``UnreadableRows`` while the database cannot be asked.
        """
        try:
            return rows_about(policy, origin)
        except (Error, UndecidedDatabaseError) as error:
            raise UnreadableRows from error

    # -- How it stays fresh.

    def expect(self, change: Change) -> None:
        """A transaction changes rows: look at its end with each request until it is there."""
        if self._is_followed():
            with self._progress:
                self._let_go()
                self._pending.append(change)
                self.ready_until = 0.0

    def catch_up(self) -> None:
        """Be up to date at once: this process has just committed a change."""
        if self._is_followed():
            self._settle()
            self._ask_anew(self._patience)

    def _is_followed(self) -> bool:
        """Whether a thread follows changes, or did. Without requests there is nothing to follow."""
        return self._deadline > 0 and allowlist_settings().refresh_seconds != 0

    def _settle(self) -> bool:
        """Whether a transaction was committed whose earlier callback has raised: told once."""
        with self._progress:
            self._let_go()
            is_behind, self._is_behind = self._is_behind, False
            return is_behind

    def _let_go(self) -> None:
        """Expect no more of the transactions that have ended."""
        over = [change for change in self._pending if change.is_over()]
        if over:
            self._pending = [change for change in self._pending if change not in over]
            self._is_behind |= any(change.was_committed() for change in over)
            # Also after a rollback, for which no request waits.
            self._wake.set()

    def _ask_anew(self, seconds: float) -> None:
        """Have the thread ask once more, from now on, and wait for the answer so long at most.

        One answer serves all who ask at the same time.
        """
        self._ensure_thread()
        with self._progress:
            wanted = self._begun + 1
            self._wake.set()
            # One that has never begun is not waited for with each change.
            is_begun = self._busy_since is not None or self._progress.wait_for(
                lambda: self._begun >= wanted, THREAD_START_SECONDS if self._begun else 0
            )
            if is_begun:
                self._progress.wait_for(
                    lambda: self._answered >= wanted or self._thread is None, seconds
                )
                return
        self._poll_instead(seconds)

    def _ensure_thread(self) -> None:
        with self._progress:
            if self._thread is not None and not self._thread.is_alive() and self._begun:
                self._thread = None  # it has ended
            if self._thread is None:
                self._deadline = time.monotonic() + allowlist_settings().first_wait_seconds
            elif self._busy_since is None or (time.monotonic() - self._busy_since < self._patience):
                return
            else:
                self._patience *= 2
                self._busy_since = None
            self._thread = make_thread(self._run, "django_cors_policy.allowlist")
            # No more threads: then there is none to wait for.
            with contextlib.suppress(RuntimeError):
                self._thread.start()

    def _run(self) -> None:
        me = threading.current_thread()
        retry = FIRST_RETRY_SECONDS
        try:
            while self._begin(me):
                started = time.monotonic()
                has_worked = self._poll()
                wake = self._end(me)
                interval = allowlist_settings().refresh_seconds
                if has_worked:
                    pause = EARLY * interval - (time.monotonic() - started)
                    retry = FIRST_RETRY_SECONDS
                else:
                    pause = min(retry, interval)
                    retry *= 2
                wake.wait(max(pause, 0.01))
        finally:
            # However this thread ends, the next request sees at once that there is none.
            with self._progress:
                if self._thread is me:
                    self._thread = None
                    self._busy_since = None
                    self.ready_until = 0.0
                    self._progress.notify_all()

    @contextlib.contextmanager
    def _connection(self, using: str) -> Iterator[None]:
        """A new connection for this thread, closed again: none stays open while nothing happens.

        Not the one that a request has, which may be led to a tenant's tables; unless settings want
        each request to ask.
        """
        if allowlist_settings().refresh_seconds == 0:
            yield
            return
        before = connections[using]
        connections[using] = own = connections.create_connection(using)
        # None of a pool's either: it comes back as a request has left it, with the search_path of a
        # tenant. And those who wait for this thread may hold all that the pool has.
        options = own.settings_dict.get("OPTIONS", {})
        options = {name: value for name, value in options.items() if name != "pool"}
        own.settings_dict = {**own.settings_dict, "OPTIONS": options}
        try:
            yield
        finally:
            connections[using] = before
            with self._trouble.warn_instead(
                f"The CORS allowlist could not close its connection to {using!r}"
            ):
                own.close()

    def _begin(self, thread: threading.Thread) -> bool:
        """Note that ``thread`` asks; False if it is not the one that should."""
        with self._progress:
            if self._thread is not thread:
                return False
            # Whoever asked for an answer until now gets this one.
            self._wake.clear()
            self._begun += 1
            self._busy_since = time.monotonic()
            self.ready_until = min(self.ready_until, self._busy_since + self._patience)
            self._progress.notify_all()
        return True

    def _end(self, thread: threading.Thread) -> threading.Event:
        with self._progress:
            # One that was stuck and has been given up leaves the state to the other.
            if self._thread is thread:
                self._answered = self._begun
                self._busy_since = None
                self._note_answer(time.monotonic())
                self._patience = STUCK_SECONDS
            return self._wake

    def _note_answer(self, finished_at: float) -> None:
        self._done += 1
        self._finished_at = finished_at
        interval = allowlist_settings().refresh_seconds
        self.ready_until = 0.0 if self._pending else finished_at + 2 * interval
        self._progress.notify_all()

    def _poll_instead(self, seconds: float = 0) -> None:
        """Ask from a request, because no thread does. One request at a time; others go on.

        ``seconds``: how long to wait for another one, and then to ask in any case, because what it
        has read may be too old. 0 is to leave it to the other.
        """
        if self._stand_in.acquire(timeout=seconds):
            try:
                if seconds or not self.is_ready():
                    self._poll()
                    with self._progress:
                        # Due again after one interval, not two.
                        self._note_answer(time.monotonic() - allowlist_settings().refresh_seconds)
            finally:
                self._stand_in.release()

    def _poll(self) -> bool:
        """Ask for the token, and read the rows if it is another. Returns whether that worked."""
        # What was begun earlier never replaces what was begun later.
        ticket = next(self._tickets)
        try:
            using = allowlist_database()
            with self._connection(using):
                # Before the rows: if they change in between, the next poll sees another token.
                token = read_token(using)
                book = policy_book()
                now = time.monotonic()
                if self._is_outdated(token, book, now):
                    self._publish(load_snapshot(using, token, book), ticket, now)
        except Exception as error:  # noqa: BLE001 -- whatever a database driver raises
            serving = "settings' origins alone" if self.snapshot is None else "the last good rows"
            self._trouble.note_failure(
                error, f"The CORS allowlist cannot be read, so {serving} are served"
            )
            return False
        self._trouble.note_success("The CORS allowlist can be read again.")
        return True

    def _is_outdated(self, token: str, book: PolicyBook, now: float) -> bool:
        snapshot = self.snapshot
        return (
            snapshot is None
            or snapshot.token != token
            or snapshot.book is not book
            or now - self._loaded_at >= allowlist_settings().full_reload_seconds
        )

    def _publish(self, snapshot: Snapshot, ticket: int, now: float) -> None:
        with self._progress:
            if ticket < self._published:
                return
            before, self.snapshot = self.snapshot, snapshot
            self._published, self._loaded_at = ticket, now
        known = frozenset(before.skipped) if before is not None else frozenset()
        new = [skipped for skipped in snapshot.skipped if skipped not in known]
        for pk, origin, reason in new[:MOST_LOGGED]:
            logger.warning(
                "Row %s of the CORS allowlist is skipped: %.200r %s.", pk, origin, reason
            )
        if len(new) > MOST_LOGGED:
            logger.warning(
                "%d rows more of the CORS allowlist are skipped.", len(new) - MOST_LOGGED
            )


allowlist = Allowlist()


@receiver(rows_changing)
def _expect(*, change: Change, **kwargs: Any) -> None:
    allowlist.expect(change)


@receiver(rows_changed)
def _catch_up(**kwargs: Any) -> None:
    allowlist.catch_up()


@receiver(setting_changed)
def _look_at_settings_again(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        allowlist.ready_until = 0.0
