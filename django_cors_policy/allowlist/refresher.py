"""Keep the rows in memory, fresh within seconds in every process, without queries in requests.

A thread polls the database every few seconds: it reads the token and, if the token has changed,
replaces the snapshot. It closes its connection after each poll. Requests only read the snapshot.
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
from django_cors_policy.hooks import PlannedRow, RowChange, RowMatch, UnreadableRows
from django_cors_policy.policy import Grant, Policy, PolicyBook

from .background import TroubleLog, make_thread
from .changes import Change
from .conf import SETTING, allowlist_settings
from .coverage import rows_about
from .database import UndecidedDatabaseError, allowlist_database
from .models import read_token
from .planned import plan_row
from .signals import rows_changed, rows_changing
from .snapshot import Snapshot, load_snapshot

logger = logging.getLogger("django_cors_policy")

# If a thread has not started to poll by then, the server does not run threads.
THREAD_START_SECONDS = 0.5
# How long a request waits for a running poll if the last poll is too old, for example because the
# process was frozen. A working database answers within this time.
GRACE_SECONDS = 0.25
# A poll that takes longer counts as stuck on a dead connection, and a new thread takes over. This
# time doubles with each replacement, so that threads do not pile up if the database is slow.
STUCK_SECONDS = 30
# The thread polls a little early, so that requests see changes within the interval.
EARLY = 0.9
# The wait before the first retry after a failure. It doubles each time, up to the interval.
FIRST_RETRY_SECONDS = 0.5
# The most skipped rows that one poll names in the log.
MOST_LOGGED = 10


class Allowlist:
    """The source of origins that ``hooks`` holds: one for each process.

    Its thread starts with the first request that needs it, so a server can fork before that. After
    a later fork, the child starts its own thread.
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
        """Reset the state of the thread: at first, and after a fork, which copies no threads.

        A child process keeps the snapshot of its parent, but does not know how old the snapshot is.
        """
        # Held by a request that polls instead of the thread.
        self._stand_in = threading.Lock()
        # Never held during a query. Notified when the thread begins a poll and when it ends one.
        self._progress = threading.Condition()
        self._begun = 0
        self._done = 0
        # The value of ``_begun`` for the last poll that ended.
        self._answered = 0
        # Transactions of this process that change rows and may end without ``rows_changed``.
        self._pending: list[Change] = []
        # Whether one of them was committed and no request has polled since.
        self._is_behind = False
        self._busy_since: float | None = None
        self._finished_at = 0.0
        self.ready_until = 0.0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._deadline = 0.0
        self._patience: float = STUCK_SECONDS
        # Not asyncio's default executor: requests that wait there would block DNS lookups.
        self._executor = ThreadPoolExecutor(2, "django_cors_policy.allowlist")

    def reset(self) -> None:
        """Forget everything, as if the process had just begun. For tests."""
        self._wake.set()  # a sleeping thread wakes up and ends
        self._start_over()
        self.snapshot = None
        self._trouble = TroubleLog()
        self._published = next(self._tickets)  # drop results of running polls

    # -- For requests. Only ``prepare`` waits.

    def validate(self) -> None:
        """Raise ``ImproperlyConfigured`` if ``CORS_ALLOWLIST`` is wrong."""
        allowlist_settings()
        # Ask the router before a request chooses a tenant. The first poll logs its errors.
        with contextlib.suppress(UndecidedDatabaseError):
            allowlist_database()

    def grant_for(self, policy: Policy, origin: str) -> Grant | None:
        """Return what the rows grant ``origin`` under ``policy``; None if nothing."""
        snapshot = self.snapshot
        rows = snapshot.rows.get(policy.rows_alias) if snapshot is not None else None
        return rows.grant_for(policy, origin) if rows is not None else None

    def is_ready(self) -> bool:
        """Return whether ``grant_for`` can be called at once. If not, call ``prepare`` first."""
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
        # Too old. If a poll is running, wait for it once and briefly.
        return busy_since is not None and now - busy_since >= GRACE_SECONDS

    def prepare(self) -> None:
        """Make the rows ready for ``grant_for``. Waits, but never for long.

        The first requests of a process wait for the first rows. A new thread replaces one that is
        stuck in a query. If threads do not run, this polls the database itself.
        """
        if allowlist_settings().refresh_seconds == 0:
            self._poll()
            return
        self._ensure_thread()
        if self._take_commits():
            self._ask_anew(GRACE_SECONDS)
            return
        with self._progress:
            if self.is_ready():
                return  # another request has prepared, or the new thread was quick
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
        """Call ``prepare`` without blocking the event loop."""
        if allowlist_settings().refresh_seconds == 0:
            await sync_to_async(self.prepare)()  # on the request's connection
        else:
            await sync_to_async(self.prepare, thread_sensitive=False, executor=self._executor)()

    def rows(self, policy: Policy, origin: str) -> list[RowMatch]:
        """Return the rows that cover ``origin``, the deciding row first, then similar rows.

        Raises ``UnreadableRows`` if the query fails.
        """
        try:
            return rows_about(policy, origin)
        except (Error, UndecidedDatabaseError) as error:
            raise UnreadableRows from error

    def plan(self, policy: Policy, change: RowChange, origin: str) -> PlannedRow:
        """What ``change`` would grant ``origin`` under ``policy``. Changes nothing.

        Raises ``UnreadableRows`` while the database cannot be asked.
        """
        try:
            return plan_row(policy, change, origin)
        except (Error, UndecidedDatabaseError) as error:
            raise UnreadableRows from error

    # -- Keeping the rows fresh.

    def expect(self, change: Change) -> None:
        """Let each request check whether the transaction of ``change`` has ended."""
        if self._is_followed():
            with self._progress:
                self._drop_ended()
                self._pending.append(change)
                self.ready_until = 0.0

    def catch_up(self) -> None:
        """Poll at once, because this process has committed a change."""
        if self._is_followed():
            self._take_commits()
            self._ask_anew(self._patience)

    def _is_followed(self) -> bool:
        """Return whether a request has needed the rows, so that changes matter."""
        return self._deadline > 0 and allowlist_settings().refresh_seconds != 0

    def _take_commits(self) -> bool:
        """Return whether a watched transaction was committed since the last call."""
        with self._progress:
            self._drop_ended()
            is_behind, self._is_behind = self._is_behind, False
            return is_behind

    def _drop_ended(self) -> None:
        """Stop watching transactions that have ended."""
        over = [change for change in self._pending if change.is_over()]
        if over:
            self._pending = [change for change in self._pending if change not in over]
            self._is_behind |= any(change.was_committed() for change in over)
            # Poll after a rollback too, but no request waits for that.
            self._wake.set()

    def _ask_anew(self, seconds: float) -> None:
        """Let the thread begin another poll, and wait up to ``seconds`` until it ends.

        One poll serves all callers that wait at the same time.
        """
        self._ensure_thread()
        with self._progress:
            wanted = self._begun + 1
            self._wake.set()
            # If no thread has ever polled, do not wait for one at each change.
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
                self._thread = None  # an error has ended it
            if self._thread is None:
                self._deadline = time.monotonic() + allowlist_settings().first_wait_seconds
            elif self._busy_since is None or (time.monotonic() - self._busy_since < self._patience):
                return
            else:
                self._patience *= 2
                self._busy_since = None
            self._thread = make_thread(self._run, "django_cors_policy.allowlist")
            # RuntimeError: the system is out of threads, and the caller polls itself.
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
            # If an error ends this thread, the next request notices at once.
            with self._progress:
                if self._thread is me:
                    self._thread = None
                    self._busy_since = None
                    self.ready_until = 0.0
                    self._progress.notify_all()

    @contextlib.contextmanager
    def _connection(self, using: str) -> Iterator[None]:
        """Use a new connection in this thread, and close it at the end.

        The connection of a request may use the tables of a tenant. It is used only if
        ``REFRESH_SECONDS`` is 0.
        """
        if allowlist_settings().refresh_seconds == 0:
            yield
            return
        before = connections[using]
        connections[using] = own = connections.create_connection(using)
        # Not from a pool: its connections keep the search_path that a request has set for a tenant.
        # And the requests that wait for this thread may hold all connections of the pool.
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
        """Note that ``thread`` begins a poll. Returns False if another thread has replaced it."""
        with self._progress:
            if self._thread is not thread:
                return False
            # This poll serves all callers until now.
            self._wake.clear()
            self._begun += 1
            self._busy_since = time.monotonic()
            self.ready_until = min(self.ready_until, self._busy_since + self._patience)
            self._progress.notify_all()
        return True

    def _end(self, thread: threading.Thread) -> threading.Event:
        with self._progress:
            # A stuck thread that was replaced must not change the state.
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
        """Poll from a request, because no thread does. One request at a time does this.

        ``seconds``: how long to wait if another request polls. This polls again after that, because
        the other poll may have read old rows. With 0, do nothing if another request polls.
        """
        if self._stand_in.acquire(timeout=seconds):
            try:
                if seconds or not self.is_ready():
                    self._poll()
                    with self._progress:
                        # So that the next poll is due after one interval, not two.
                        self._note_answer(time.monotonic() - allowlist_settings().refresh_seconds)
            finally:
                self._stand_in.release()

    def _poll(self) -> bool:
        """Read the token, and the rows if it has changed. Returns whether that worked."""
        # A poll that began earlier must not replace the snapshot of a later one.
        ticket = next(self._tickets)
        try:
            using = allowlist_database()
            with self._connection(using):
                # Before the rows: if they change in between, the next poll reads another token.
                token = read_token(using)
                book = policy_book()
                now = time.monotonic()
                if self._is_outdated(token, book, now):
                    self._publish(load_snapshot(using, token, book), ticket, now)
        except Exception as error:  # noqa: BLE001 -- database drivers raise many types
            consequence = (
                "only the origins in settings are allowed"
                if self.snapshot is None
                else "the last loaded rows stay in force"
            )
            self._trouble.note_failure(
                error, f"The CORS allowlist cannot be read, so {consequence}"
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
                "%d more rows of the CORS allowlist are skipped.", len(new) - MOST_LOGGED
            )


allowlist = Allowlist()


@receiver(rows_changing)
def _expect(*, change: Change, **kwargs: Any) -> None:
    allowlist.expect(change)


@receiver(rows_changed)
def _catch_up(**kwargs: Any) -> None:
    allowlist.catch_up()


@receiver(setting_changed)
def _follow_settings(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        allowlist.ready_until = 0.0
