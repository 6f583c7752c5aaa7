"""Find out when a transaction that changes the allowlist ends, and whether it is committed."""

from __future__ import annotations

import weakref

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .signals import rows_changed, rows_changing


def announce_change(using: str) -> None:
    """Send ``rows_changed`` when the current transaction is committed."""
    connection = connections[using]
    # One callback per transaction is enough. Django drops it if its savepoint is rolled back.
    if any(
        isinstance(func, Change) and not func.was_called for _, func, *_ in connection.run_on_commit
    ):
        return
    change = Change(connection)
    transaction.on_commit(change, using=using)
    # If an earlier callback raises, Django does not call this one.
    if change.earlier is not None:
        rows_changing.send(Change, change=change)


class Change:
    """A transaction of this process that changes the allowlist. Django calls it on commit."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        # Weak: the connection goes away with its thread.
        self._connection = weakref.ref(connection)
        # On commit, Django removes callbacks from the front of this list before it calls them. On
        # rollback, it starts a new list and leaves this one unchanged.
        self._callbacks = connection.run_on_commit
        self.earlier = self._callbacks[0] if self._callbacks else None
        # Django increments this with each savepoint.
        self._savepoints = connection.savepoint_state
        # In tests, captureOnCommitCallbacks calls this before the transaction ends.
        self.was_called = False

    def __call__(self) -> None:
        self.was_called = True
        rows_changed.send(Change)

    def is_over(self) -> bool:
        """Return whether the transaction has ended, even if Django did not call this callback."""
        connection = self._connection()
        return connection is None or all(
            func is not self for _, func, *_ in list(connection.run_on_commit)
        )

    def was_committed(self) -> bool:
        """Return whether the ended transaction was committed; True if that is uncertain."""
        connection = self._connection()
        if connection is not None and connection.savepoint_state != self._savepoints:
            # Rolling back a later savepoint starts a new list too, but the transaction continues.
            return True
        return not self._callbacks or self._callbacks[0] is not self.earlier
