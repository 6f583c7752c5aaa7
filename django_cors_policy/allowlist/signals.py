"""What the models tell the rest of the app, without importing it."""

from __future__ import annotations

from django.dispatch import Signal

# A transaction of this process changes rows, and may end without sending ``rows_changed``.
# Argument: ``change``, a ``changes.Change``.
rows_changing = Signal()
# A transaction of this process that changed rows was committed.
rows_changed = Signal()
