"""Count refused origins in memory, and write the counts to the database every few seconds.

Requests only count. A thread writes, and closes its connection after each write. Clients can send
any number of different origins, so memory, table and each write are limited in size.
"""

from __future__ import annotations

import contextlib
import datetime
import heapq
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections, models, transaction
from django.dispatch import receiver
from django.utils import timezone

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.hooks import Refusal, hooks
from django_cors_policy.origins import split_origin

from .background import TroubleLog, make_thread
from .conf import SETTING, allowlist_settings
from .database import writing_database
from .models import MAX_ALIAS_LENGTH, MAX_METHOD_LENGTH, MAX_PATH_LENGTH, RefusedOrigin

logger = logging.getLogger("django_cors_policy")

# The most rows in the table. The least recently seen are deleted first.
MAX_ROWS = 1000
# The most origins in memory. The least recently seen are dropped first.
MAX_WAITING = 1000
# The most origins in one write. Those with the most refusals come first.
MOST_WRITTEN = 100
FLUSH_SECONDS = 5
# After each failure the wait doubles, up to this.
LONGEST_RETRY_SECONDS = 60

# Characters of a path that are safe to show unencoded.
_READABLE = "/:@!$&'()*+,;=~"

# Policy, origin, is_rehearsal.
TallyKey = tuple[str, str, bool]
_RefusedRows = models.QuerySet[RefusedOrigin]


class Tally(NamedTuple):
    """The unwritten refusals of one origin. Times are in seconds since the epoch."""

    times: int
    first_seen: float
    last_seen: float
    path: str
    method: str


class Recorder:
    """The recorder that ``hooks`` holds: one for each process.

    Its thread starts with the first refusal, so a server can fork before that. After a later fork,
    the child starts with empty counts: the parent writes the others.
    """

    def __init__(self) -> None:
        self._start_over()
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        # Never held during a query.
        self._lock = threading.Lock()
        self._waiting: OrderedDict[TallyKey, Tally] = OrderedDict()
        self._left_out = 0
        self._is_leaving_out = False
        self._trouble = TroubleLog()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._start_after = 0.0

    def reset(self) -> None:
        """Forget everything, as if the process had just begun. For tests."""
        self._wake.set()  # a sleeping thread wakes up and ends
        self._start_over()

    def record(self, refusal: Refusal) -> None:
        """Count a refusal if a browser can have sent it. Never waits, never raises."""
        origin, policy, path, method, is_rehearsal = refusal
        key = policy[:MAX_ALIAS_LENGTH], origin, is_rehearsal
        path, method = path[:MAX_PATH_LENGTH], method[:MAX_METHOD_LENGTH]
        now = time.time()
        with self._lock:
            tally = self._waiting.get(key)
            if tally is not None:
                self._waiting.move_to_end(key)
                tally = Tally(tally.times + 1, tally.first_seen, now, path, method)
            elif origin == fetch.NULL or split_origin(origin) is not None:
                if len(self._waiting) >= MAX_WAITING:
                    self._left_out += self._waiting.popitem(last=False)[1].times
                tally = Tally(1, now, now, path, method)
            else:
                return
            self._waiting[key] = tally
        if self._thread is None and now >= self._start_after:
            self._start_thread()

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._thread = make_thread(self._run, "django_cors_policy.allowlist.refused")
            try:
                self._thread.start()
            except RuntimeError:  # the system is out of threads
                self._thread = None
                self._start_after = time.time() + FLUSH_SECONDS

    def _run(self) -> None:
        me, wake = threading.current_thread(), self._wake
        pause: float = FLUSH_SECONDS
        try:
            while self._thread is me:
                has_worked = self.flush()
                # The write has succeeded even if closing fails.
                with self._trouble.warn_instead(
                    "The recorder of refused origins could not close its connection"
                ):
                    connections.close_all()  # no idle connection stays open
                pause = FLUSH_SECONDS if has_worked else min(2 * pause, LONGEST_RETRY_SECONDS)
                wake.wait(pause)
        finally:
            # If an error ends this thread, the next refusal starts a new one.
            with self._lock:
                if self._thread is me:
                    self._thread = None

    def flush(self) -> bool:
        """Write the counts of up to ``MOST_WRITTEN`` origins. Returns whether that worked."""
        with self._lock:
            waiting = list(self._waiting.items())
            left_out, self._left_out = self._left_out, 0
        self._log_left_out(left_out)
        batch = dict(heapq.nlargest(MOST_WRITTEN, waiting, key=lambda item: item[1].times))
        if not batch:
            return True
        try:
            write_tallies(batch)
        except Exception as error:  # noqa: BLE001 -- database drivers raise many types
            self._trouble.note_failure(
                error, "Refused origins cannot be written to the database and stay in memory"
            )
            return False
        self._trouble.note_success("Refused origins can be written to the database again.")
        with self._lock:
            for key, written in batch.items():
                self._subtract(key, written)
        return True

    def _subtract(self, key: TallyKey, written: Tally) -> None:
        tally = self._waiting.get(key)
        # During the write, the origin may have been dropped, and then counted from 1 again.
        if tally is None or tally.first_seen != written.first_seen:
            return
        if tally.times == written.times:
            del self._waiting[key]
        else:
            self._waiting[key] = tally._replace(times=tally.times - written.times)

    def _log_left_out(self, count: int) -> None:
        if count and not self._is_leaving_out:
            logger.warning(
                "Too many different origins are refused. So far, %d refusals of the least recently "
                "seen origins are missing from the list of refused origins.",
                count,
            )
        self._is_leaving_out = count > 0


def write_tallies(batch: Mapping[TallyKey, Tally]) -> None:
    """Add the counts to the rows, and create missing rows.

    Other processes can write to the same rows at the same time. No count is lost.
    """
    # Read from the database that is written to, because a replica may lag behind.
    rows = RefusedOrigin.objects.using(writing_database(RefusedOrigin)).order_by()
    keys = _read_keys(rows)
    # All processes insert in the same order, so that two do not deadlock.
    new = sorted(batch.keys() - keys.keys())
    surplus = len(keys) + len(new) - MAX_ROWS
    if surplus > 0:
        idle = [pk for key, pk in keys.items() if key not in batch]
        _delete(rows, idle[:surplus])
    if new:
        rows.bulk_create([_make_row(key, batch[key]) for key in new], ignore_conflicts=True)
        keys = _read_keys(rows)
    _add(rows, {pk: batch[key] for key, pk in keys.items() if key in batch})


def _read_keys(rows: _RefusedRows) -> dict[TallyKey, int]:
    """Return the primary key of each row, the least recently seen first."""
    values = rows.order_by("last_seen", "pk").values_list("policy", "origin", "is_rehearsal", "pk")
    return {(policy, origin, is_rehearsal): pk for policy, origin, is_rehearsal, pk in values}


def _make_row(key: TallyKey, tally: Tally) -> RefusedOrigin:
    policy, origin, is_rehearsal = key
    return RefusedOrigin(
        policy=policy,
        origin=origin,
        is_rehearsal=is_rehearsal,
        count=0,  # _add() sets it, as for existing rows
        first_seen=_as_moment(tally.first_seen),
        **_last_request(tally),
    )


def _last_request(tally: Tally) -> dict[str, Any]:
    path = quote(tally.path, safe=_READABLE, errors="replace")
    return {
        "path": path[:MAX_PATH_LENGTH],
        "method": tally.method if fetch.is_token(tally.method) else "",
        "last_seen": _as_moment(tally.last_seen),
    }


def _as_moment(seconds: float) -> datetime.datetime:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment if settings.USE_TZ else timezone.make_naive(moment)


def _add(rows: _RefusedRows, tallies: Mapping[int, Tally]) -> None:
    changed = [
        RefusedOrigin(pk=pk, count=models.F("count") + tally.times, **_last_request(tally))
        for pk, tally in tallies.items()
    ]
    if changed:
        with _locked(rows, tallies):
            rows.bulk_update(changed, ["count", "path", "method", "last_seen"])


def _delete(rows: _RefusedRows, pks: Collection[int]) -> None:
    with _locked(rows, pks):
        rows.filter(pk__in=pks).delete()


@contextlib.contextmanager
def _locked(rows: _RefusedRows, pks: Collection[int]) -> Iterator[None]:
    """Open a transaction that locks these rows.

    All processes lock rows in the order of their keys, so that two do not deadlock.
    """
    with transaction.atomic(using=rows.db):
        # Start with a write: in SQLite, a transaction that has read cannot wait for a writer.
        rows.filter(pk=min(pks)).update(count=models.F("count"))
        list(rows.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk"))
        yield


recorder = Recorder()


def is_recording() -> bool:
    """Return whether refusals are recorded."""
    return hooks.recorder is recorder


def follow_settings() -> None:
    """Start or stop recording, as ``CORS_ALLOWLIST["RECORD_REFUSALS"]`` says."""
    try:
        wanted = allowlist_settings().record_refusals
    except PolicyErrors:
        wanted = False  # the system checks report it
    if wanted:
        hooks.recorder = recorder
    elif is_recording():
        hooks.recorder = None


@receiver(setting_changed)
def _follow_settings(*, setting: str, **kwargs: Any) -> None:
    # ``conf`` has cleared its cache: its receiver was connected first.
    if setting == SETTING:
        follow_settings()
