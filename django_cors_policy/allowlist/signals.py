"""Signals that models send to the rest of the app, because models cannot import it."""

from __future__ import annotations

from django.dispatch import Signal

# A transaction of this process changes rows and may end without ``rows_changed``.
# Argument: ``change``, a ``changes.Change``.
rows_changing = Signal()
# A transaction of this process that changed rows was committed.
rows_changed = Signal()
