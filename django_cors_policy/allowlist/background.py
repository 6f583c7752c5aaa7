"""What the threads of the allowlist share: how they start, and how they log their trouble once."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator

logger = logging.getLogger("django_cors_policy")


def make_thread(target: Callable[[], object], name: str) -> threading.Thread:
    """A thread that does not keep the process, nor has the context of the request that starts it.

    That context may have chosen a tenant.
    """
    run = contextvars.Context().run
    return threading.Thread(target=run, args=(target,), name=name, daemon=True)


class TroubleLog:
    """Logs an outage when it begins and when it is over, and not each attempt in between."""

    def __init__(self) -> None:
        self._failure = ""
        self._warned: set[str] = set()

    def note_failure(self, error: Exception, consequence: str) -> None:
        """Log ``error`` unless the last attempt failed with one of the same type."""
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
        """Log what is raised, once for each type, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- whatever a database driver raises
            name = type(error).__name__
            if name not in self._warned:
                self._warned.add(name)
                logger.warning("%s: %r", message, error)
