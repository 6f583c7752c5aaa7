"""Choose the one database that the allowlist is read from, for all tenants."""

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

# A router that takes longer counts as hanging.
ROUTER_SECONDS = 5
# How long to wait before a router that failed is asked again.
ROUTER_RETRY_SECONDS = 60

_decided: str | None = None
# Why the router failed, and when to ask it again (``time.monotonic``).
_undecided: UndecidedDatabaseError | None = None
_undecided_until = 0.0
# Other databases that rows were written to: the log names each one once.
_logged: set[str] = set()


class UndecidedDatabaseError(Exception):
    """The router does not name a database for the rows outside a request."""


def allowlist_database() -> str:
    """Return the alias of the database that rows are read from.

    It is ``CORS_ALLOWLIST["DATABASE"]``, or the router's choice for writing, because a replica may
    lag behind. The router is asked once per process, in a new thread and an empty context, so that
    the answer does not depend on the tenant of a request. Raises ``UndecidedDatabaseError``.
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
            # Do not let each request wait for a router that hangs.
            _undecided, _undecided_until = error, time.monotonic() + ROUTER_RETRY_SECONDS
            raise
    return _decided


def writing_database(model: type[models.Model], instance: models.Model | None = None) -> str:
    """Return the alias of the database that rows are written to by default.

    An ``instance`` goes back to the database that it was read from, unless the router says
    otherwise. In another database, its primary key may belong to another row.
    """
    chosen = allowlist_settings().database
    if chosen is None:
        hints = {} if instance is None else {"instance": instance}
        return router.db_for_write(model, **hints)
    return (instance._state.db if instance is not None else None) or chosen  # noqa: SLF001 -- Django documents it


def note_write(using: str) -> bool:
    """Return whether a write to ``using`` changes the allowlist. Log an error if not."""
    try:
        database = allowlist_database()
    except UndecidedDatabaseError as undecided:
        _log_once(using, str(undecided))
        return False
    if using != database:
        _log_once(
            using,
            f"all rows are read from {database!r}. Write rows there, for example "
            f"with using({database!r}), or set CORS_ALLOWLIST['DATABASE'] to another alias. To "
            "allow an origin for one tenant only, write an ALLOW_ORIGIN_FUNC.",
        )
    return using == database


def _log_once(using: str, reason: str) -> None:
    if using not in _logged:
        _logged.add(using)
        logger.error(
            "CORS allowlist: rows written to the database %r have no effect: %s",
            using,
            reason,
        )


def _ask_router_apart() -> str:
    answer: Future[str] = Future()

    def ask() -> None:
        try:
            model = apps.get_model("cors_policy_allowlist", "AllowedOrigin")
            answer.set_result(router.db_for_write(model))
        except Exception as error:  # noqa: BLE001 -- a project's router can raise any type
            answer.set_exception(error)
        with contextlib.suppress(Exception):
            connections.close_all()  # the router may have opened one

    try:
        # This imports the routers. The new thread must not: this thread may hold an import lock.
        if not router.routers:
            return DEFAULT_DB_ALIAS
        make_thread(ask, "django_cors_policy.router").start()
        return answer.result(ROUTER_SECONDS)
    except Exception as error:
        raise UndecidedDatabaseError(
            "the database router does not name a database for the rows outside a request "
            f"({error!r}). Set CORS_ALLOWLIST['DATABASE'] to the alias of that database."
        ) from error


@receiver(setting_changed)
def _forget(*, setting: str, **kwargs: Any) -> None:
    global _decided, _undecided
    if setting in (SETTING, "DATABASES", "DATABASE_ROUTERS"):
        _decided = _undecided = None
        _logged.clear()
