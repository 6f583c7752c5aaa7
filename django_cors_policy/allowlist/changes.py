"""When a transaction that changes the allowlist ends, and how."""

from __future__ import annotations

import weakref

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .signals import rows_changed, rows_changing


def announce_change(using: str) -> None:
    """Send ``rows_changed`` when the transaction under way is committed."""
    connection = connections[using]
    # Once is enough. The callback goes with a savepoint that is rolled back.
    if any(
        isinstance(func, Change) and not func.was_called for _, func, *_ in connection.run_on_commit
    ):
        return
    change = Change(connection)
    transaction.on_commit(change, using=using)
    # Only an earlier callback can keep this one from being called.
    if change.earlier is not None:
        rows_changing.send(Change, change=change)


class Change:
    """A transaction of this process that changes the allowlist. Called when it is committed."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        # A thread that ends takes its connection along.
        self._connection = weakref.ref(connection)
        # Django takes callbacks from the front of this list before it calls them. After a rollback
        # it begins a new list, and leaves this one as it is.
        self._callbacks = connection.run_on_commit
        self.earlier = self._callbacks[0] if self._callbacks else None
        # Django counts savepoints with it.
        self._savepoints = connection.savepoint_state
        # A test can call it within the transaction (captureOnCommitCallbacks), and then goes on.
        self.was_called = False

    def __call__(self) -> None:
        self.was_called = True
        rows_changed.send(Change)

    def is_over(self) -> bool:
        """Whether the transaction has ended, also where this is not called."""
        connection = self._connection()
        return connection is None or all(
            func is not self for _, func, *_ in list(connection.run_on_commit)
        )

    def was_committed(self) -> bool:
        """Whether the transaction, which has ended, was not rolled back; true in case of doubt."""
        connection = self._connection()
        if connection is not None and connection.savepoint_state != self._savepoints:
            # To roll back a later savepoint also begins a new list, and the transaction goes on.
            return True
        return not self._callbacks or self._callbacks[0] is not self.earlier
