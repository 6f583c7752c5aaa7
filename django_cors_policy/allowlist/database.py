"""The one database that the allowlist is read from, for all tenants."""

from __future__ import annotations

import contextlib
import logging
import time
from concurrent.futures import Future
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, connections, models, router
from django.dispatch import receiver

from .background import make_thread
from .conf import SETTING, allowlist_settings

logger = logging.getLogger("django_cors_policy")

# A router that has not answered by then hangs.
ROUTER_SECONDS = 5
# Where it did not answer, it is asked again after so long.
ROUTER_RETRY_SECONDS = 60

_decided: str | None = None
# Why it is not decided, and until when that is not asked again (``time.monotonic``).
_undecided: UndecidedDatabaseError | None = None
_undecided_until = 0.0
# Other databases that were written to, each logged once.
_logged: set[str] = set()


class UndecidedDatabaseError(Exception):
    """The router names no database for the rows outside a request."""


def allowlist_database() -> str:
    """The alias of the database that rows are read from.

    It is ``CORS_ALLOWLIST["DATABASE"]``, or what the router says for writing. (A replica may lag
    behind.) The router is asked once for the whole process, where no request has chosen a tenant:
    in a thread and a context of its own. Raises ``UndecidedDatabaseError``.
    """
    global _decided, _undecided, _undecided_until
    chosen = allowlist_settings().database
    if chosen is not None:
        return chosen
    if _decided is None:
        if _undecided is not None and time.monotonic() < _undecided_until:
            raise _undecided
        try:
            _decided = _ask_router_apart()
        except UndecidedDatabaseError as error:
            # A router that hangs is not waited for by each request.
            _undecided, _undecided_until = error, time.monotonic() + ROUTER_RETRY_SECONDS
            raise
    return _decided


def writing_database(model: type[models.Model], instance: models.Model | None = None) -> str:
    """The alias of the database that rows are written to where ``using`` does not name one.

    An ``instance`` that was read from a database goes back to that one, unless the router says
    otherwise: in another one, its primary key is that of another row.
    """
    chosen = allowlist_settings().database
    if chosen is None:
        hints = {} if instance is None else {"instance": instance}
        return router.db_for_write(model, **hints)
    return (instance._state.db if instance is not None else None) or chosen  # noqa: SLF001 -- Django documents it


def note_write(using: str) -> bool:
    """Whether a write to ``using`` changes the allowlist; the log says so if it does not."""
    try:
        database = allowlist_database()
    except UndecidedDatabaseError as undecided:
        _log_once(using, str(undecided))
        return False
    if using != database:
        _log_once(
            using,
            f"the rows that count, for all tenants, are in {database!r}. Write them there, for "
            f"example with using({database!r}), or name another one in CORS_ALLOWLIST['DATABASE']. "
            "For origins of one tenant, write an ALLOW_ORIGIN_FUNC.",
        )
    return using == database


def _log_once(using: str, reason: str) -> None:
    if using not in _logged:
        _logged.add(using)
        logger.error(
            "CORS allowlist: rows were written to the database %r and have no effect: %s",
            using,
            reason,
        )


def _ask_router_apart() -> str:
    answer: Future[str] = Future()

    def ask() -> None:
        try:
            model = apps.get_model("cors_policy_allowlist", "AllowedOrigin")
            answer.set_result(router.db_for_write(model))
        except Exception as error:  # noqa: BLE001 -- whatever a project's router raises
            answer.set_exception(error)
        with contextlib.suppress(Exception):
            connections.close_all()  # it may have looked into a database

    try:
        # This imports the routers. Not in the thread: another import may be under way here.
        if not router.routers:
            return DEFAULT_DB_ALIAS
        make_thread(ask, "django_cors_policy.router").start()
        return answer.result(ROUTER_SECONDS)
    except Exception as error:
        raise UndecidedDatabaseError(
            f"the database router does not tell their database outside a request ({error!r}). "
            "Set CORS_ALLOWLIST['DATABASE'] to the alias of the database that the rows are in."
        ) from error


@receiver(setting_changed)
def _forget(*, setting: str, **kwargs: Any) -> None:
    global _decided, _undecided
    if setting in (SETTING, "DATABASES", "DATABASE_ROUTERS"):
        _decided = _undecided = None
        _logged.clear()
