"""The rows in memory: fresh within seconds, on every process, at no cost to requests.

A thread asks the database every few seconds whether the token has changed, on a connection that it
closes again, and swaps the snapshot as one reference. Requests only read that reference. What each
promise of freshness rests on is said where it is kept.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed
from django.db import DataError, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.dispatch import receiver
from django.utils import timezone

from django_cors_policy.conf import policy_book
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.hooks import RowMatch, UnreadableRows
from django_cors_policy.origins import OriginMatcher, OriginPattern
from django_cors_policy.policy import (
    INSECURE_HTTP,
    PUBLIC_SUFFIX,
    Grant,
    Policy,
    PolicyBook,
    credential_problems,
)

from .conf import SETTING, allowlist_settings
from .database import UndecidedDatabaseError, allowlist_database
from .models import (
    FRESHNESS_ID,
    AllowedOrigin,
    Change,
    Freshness,
    is_plain,
    read_row,
    row_problems,
)

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

# So many keys fit into one query on every database.
MOST_KEYS = 500
# What a driver or a converter raises over a single value; outages raise other things.
VALUE_ERRORS = (DataError, ValueError, TypeError, OverflowError, ArithmeticError)

# The system check of a risk -> the name under which a policy accepts it. "null" nobody can accept.
RISKS = {"E007": "null", "E008": INSECURE_HTTP, "E009": PUBLIC_SUFFIX}


@dataclass(frozen=True)
class Terms:
    """What sets a row apart from one that grants all that its policy does, for ever.

    ``expires_at`` is in seconds since the epoch, None for never. ``risks``: what a policy has to
    accept before the origin has credentials. Decorators may add these, or accept less.
    """

    allow_credentials: bool = True
    expires_at: float | None = None
    risks: frozenset[str] = frozenset()


PLAIN = Terms()


class PolicyRows:
    """The rows of one policy, matched as settings are."""

    __slots__ = ("_matcher", "_terms", "exact", "is_exact")

    def __init__(self, entries: Iterable[OriginPattern | str], terms: Mapping[str, Terms]) -> None:
        self._matcher = OriginMatcher(entries)
        self._terms = terms
        # The matcher's: whoever asks first whether there can be a row saves two calls.
        self.exact = self._matcher.exact
        self.is_exact = self._matcher.is_exact

    def judge(self, policy: Policy, origin: str, now: float | None = None) -> Grant | None:
        """What the most specific row that is live ``now`` grants ``origin``; None if none is.

        ``now`` is in seconds since the epoch; None is this moment.
        """
        entry = self._matcher.match(origin)
        if entry is None:
            return None
        if str(entry) not in self._terms:
            return policy.grant
        now = time.time() if now is None else now
        for candidate in self._matcher.matches(origin):
            terms = self._terms.get(str(candidate), PLAIN)
            if terms.expires_at is not None and terms.expires_at <= now:
                continue
            credentials = policy.allow_credentials and terms.allow_credentials
            if credentials and not terms.risks <= policy.accept_risks:
                return None
            seconds = None if terms.expires_at is None else int(terms.expires_at - now)
            return policy.narrowed_grant(credentials=credentials, seconds=seconds)
        return None


@dataclass(frozen=True)
class Snapshot:
    """All live rows as of ``token``, for the policies of ``book``.

    ``skipped`` tells what no policy can use: primary key, origin, reason.
    """

    token: str
    book: PolicyBook
    rows: Mapping[str | None, PolicyRows]
    skipped: tuple[tuple[int, str, str], ...]


def load_snapshot(using: str, token: str, book: PolicyBook) -> Snapshot:
    """Read all rows that can be live, in one query. ``token`` was read before them."""
    rows = _live_rows(using)
    try:
        return _build_snapshot(token, book, rows.iterator(chunk_size=2000), [])
    except VALUE_ERRORS:
        # One value that the database holds and Python does not ('infinity') would stop them all.
        readable, skipped = _read_around_errors(rows)
        return _build_snapshot(token, book, readable, skipped)


Row = tuple[int, str, str, bool, "datetime.datetime | None", bool]
Skipped = tuple[int, str, str]


def _live_rows(using: str) -> Any:
    return (
        AllowedOrigin.objects.using(using)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), is_enabled=True)
        .annotate(never_expires=Q(expires_at=None))
        .order_by()
        .values_list("pk", "policy", "origin", "allow_credentials", "expires_at", "never_expires")
    )


def _read_around_errors(rows: Any) -> tuple[list[Row], list[Skipped]]:
    """All rows but those that cannot be read, found by halves."""
    readable: list[Row] = []
    skipped: list[Skipped] = []
    waiting = [list(rows.values_list("pk", flat=True))]
    while waiting:
        keys = waiting.pop()
        if len(keys) > MOST_KEYS:
            waiting += [keys[:MOST_KEYS], keys[MOST_KEYS:]]
            continue
        try:
            readable += list(rows.filter(pk__in=keys))
        except VALUE_ERRORS as error:
            if len(keys) == 1:
                skipped.append((keys[0], "", f"cannot be read ({type(error).__name__})"))
            else:
                waiting += [keys[: len(keys) // 2], keys[len(keys) // 2 :]]
    return readable, skipped


def _build_snapshot(
    token: str, book: PolicyBook, rows: Iterable[Row], skipped: list[Skipped]
) -> Snapshot:
    entries: dict[str, list[OriginPattern | str]] = {alias: [] for alias in book.policies}
    terms: dict[str, dict[str, Terms]] = {alias: {} for alias in book.policies}
    for pk, alias, origin, allow_credentials, expires_at, never_expires in rows:
        policy = book.policies.get(alias)
        if policy is None:
            skipped.append((pk, origin, f"{alias!r} is no policy in CORS_POLICIES"))
            continue
        if expires_at is None and not never_expires:
            skipped.append((pk, origin, "has an expiry that cannot be read"))
            continue
        try:
            entry, row_terms = _judge_row(policy, origin, allow_credentials, expires_at)
        except PolicyError as error:
            skipped.append((pk, origin, error.reason))
            continue
        entries[alias].append(entry)
        if row_terms is not PLAIN:
            terms[alias][str(entry)] = row_terms
    policy_rows: dict[str | None, PolicyRows] = {
        alias: PolicyRows(entries[alias], terms[alias]) for alias in entries if entries[alias]
    }
    return Snapshot(token, book, policy_rows, tuple(skipped))


def _judge_row(
    policy: Policy, origin: str, allow_credentials: bool, expires_at: datetime.datetime | None
) -> tuple[OriginPattern | str, Terms]:
    """Raises ``PolicyError`` if the row cannot be read, or its policy would refuse it."""
    entry = read_row(origin)
    if problems := row_problems(entry, policy, allow_credentials):
        raise problems[0]
    risks = frozenset[str]()
    if not is_plain(entry):
        risks = frozenset(RISKS[problem.id] for problem in credential_problems(entry, ()))
    if allow_credentials and expires_at is None and not risks:
        return entry, PLAIN
    timestamp = expires_at.timestamp() if expires_at is not None else None
    return entry, Terms(allow_credentials, timestamp, risks)


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
        self._failure = ""
        # The names of what drivers raised on closing a connection, each logged once.
        self._failed_to_close: set[str] = set()
        self._start_over()
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        """No thread yet: at first, and after a fork, which takes no threads along.

        A snapshot that a child process inherits is the last good one, but nobody knows how old.
        """
        # Held for a moment, never while the database is asked.
        self._lock = threading.Lock()
        # Held by a request that asks in the thread's place.
        self._stand_in = threading.Lock()
        # Notified when the thread begins to ask, and when it has been answered.
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
        self._failure = ""
        self._published = next(self._tickets)  # nothing that is under way counts any more

    # -- What requests ask. Nothing here waits, but for ``prepare``.

    def validate(self) -> None:
        """Raise ``ImproperlyConfigured`` if ``CORS_ALLOWLIST`` is wrong."""
        allowlist_settings()
        # At start, while no request has chosen a tenant. What a router raises is told later.
        with contextlib.suppress(UndecidedDatabaseError):
            allowlist_database()

    def judge(self, policy: Policy, origin: str) -> Grant | None:
        """What the rows grant ``origin`` under ``policy``; None if nothing."""
        snapshot = self.snapshot
        rows = snapshot.rows.get(policy.rows_alias) if snapshot is not None else None
        if rows is None or (rows.is_exact and origin not in rows.exact):
            return None
        return rows.judge(policy, origin)

    def is_ready(self) -> bool:
        """Whether ``judge`` can be asked at once; else ``prepare`` first."""
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
        """Do what is needed before ``judge``, and wait for it, though never for long.

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
        from .states import rows_about

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
        with self._lock:
            if self._thread is not None and not self._thread.is_alive() and self._begun:
                self._thread = None  # it has ended
            if self._thread is None:
                self._deadline = time.monotonic() + allowlist_settings().first_wait_seconds
            elif self._busy_since is None or (time.monotonic() - self._busy_since < self._patience):
                return
            else:
                self._patience *= 2
                self._busy_since = None
            self._thread = threading.Thread(
                # Not in the context of the request that happens to start it: a tenant's, say.
                target=contextvars.Context().run,
                args=(self._run,),
                name="django_cors_policy.allowlist",
                daemon=True,
            )
            with contextlib.suppress(
                RuntimeError
            ):  # no more threads: then there is none to wait for
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
            with self._lock, self._progress:
                if self._thread is me:
                    self._thread = None
                    self._busy_since = None
                    self.ready_until = 0.0
                    self._progress.notify_all()

    @contextlib.contextmanager
    def _own_connection(self, using: str) -> Iterator[None]:
        """A new connection for this thread, closed again: none stays open while nothing happens.

        Not the one that a request has. It may be led to a tenant's tables.
        """
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
            self._close(own)

    def _close(self, connection: BaseDatabaseWrapper) -> None:
        try:
            connection.close()
        except Exception as error:  # noqa: BLE001 -- whatever a database driver raises
            if type(error).__name__ not in self._failed_to_close:
                self._failed_to_close.add(type(error).__name__)
                logger.warning(
                    "The CORS allowlist could not close its connection to %r: %r",
                    connection.alias,
                    error,
                )

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
            self._note_failure(error)
            return False
        self._note_success()
        return True

    def _connection(self, using: str) -> contextlib.AbstractContextManager[None]:
        if allowlist_settings().refresh_seconds == 0:
            return contextlib.nullcontext()
        return self._own_connection(using)

    def _is_outdated(self, token: str, book: PolicyBook, now: float) -> bool:
        snapshot = self.snapshot
        return (
            snapshot is None
            or snapshot.token != token
            or snapshot.book is not book
            or now - self._loaded_at >= allowlist_settings().full_reload_seconds
        )

    def _publish(self, snapshot: Snapshot, ticket: int, now: float) -> None:
        with self._lock:
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

    def _note_failure(self, error: Exception) -> None:
        if type(error).__name__ == self._failure:
            return
        self._failure = type(error).__name__
        serving = "the last good rows" if self.snapshot is not None else "settings' origins alone"
        logger.error(
            "The CORS allowlist cannot be read, so %s are served: %s: %s",
            serving,
            self._failure,
            error,
        )

    def _note_success(self) -> None:
        if self._failure:
            self._failure = ""
            logger.info("The CORS allowlist can be read again.")


def read_token(using: str) -> str:
    """The token of the committed state; ``""`` if nothing was ever written."""
    tokens = Freshness.objects.using(using).filter(pk=FRESHNESS_ID).values_list("token", flat=True)
    return tokens.first() or ""


allowlist = Allowlist()


@receiver(setting_changed)
def _look_at_settings_again(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        allowlist.ready_until = 0.0
