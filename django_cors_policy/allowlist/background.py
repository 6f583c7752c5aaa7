"""Helpers for the threads of the allowlist: start them, and log each outage once."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator

logger = logging.getLogger("django_cors_policy")


def make_thread(target: Callable[[], object], name: str) -> threading.Thread:
    """Return a daemon thread that runs ``target`` in an empty context.

    The context of the request that starts the thread may have chosen a tenant.
    """
    run = contextvars.Context().run
    return threading.Thread(target=run, args=(target,), name=name, daemon=True)


class TroubleLog:
    """Log when an outage begins and when it ends, not each failed attempt."""

    def __init__(self) -> None:
        self._failure = ""
        self._warned: set[str] = set()

    def note_failure(self, error: Exception, consequence: str) -> None:
        """Log ``error`` unless the last attempt failed with the same type."""
        name = type(error).__name__
        if name != self._failure:
            self._failure = name
            logger.error("%s: %s: %s", consequence, name, error)

    def note_success(self, message: str) -> None:
        """Log ``message`` if the last attempt failed."""
        if self._failure:
            self._failure = ""
            logger.info(message)

    @contextlib.contextmanager
    def warn_instead(self, message: str) -> Iterator[None]:
        """Log an exception instead of raising it, once for each type."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- database drivers raise many types
            name = type(error).__name__
            if name not in self._warned:
                self._warned.add(name)
                logger.warning("%s: %r", message, error)
