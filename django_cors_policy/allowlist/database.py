"""The one database that the allowlist is read from, whatever a request's tenant is."""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db import router
from django.dispatch import receiver

from .conf import SETTING, allowlist_settings

logger = logging.getLogger("django_cors_policy")

# A thread that has not answered by then never will: no threads run here.
ROUTER_SECONDS = 5

_decided: str | None = None
# Other databases that were written to, each logged once.
_logged: set[str] = set()


def allowlist_database() -> str:
    """The alias of the database that rows are read from.

    It is ``CORS_ALLOWLIST["DATABASE"]``, or what the router says for writing. (A replica may lag
    behind.) The router is asked once for the whole process, where no request has chosen a tenant:
    in a thread and a context of its own. Raises what the router raises there.
    """
    global _decided
    chosen = allowlist_settings().database
    if chosen is not None:
        return chosen
    if _decided is None:
        _decided = _ask_router_apart()
    return _decided


def note_write(using: str) -> bool:
    """Whether a write to ``using`` changes the allowlist; the log says so if it does not."""
    if using == allowlist_database():
        return True
    if using not in _logged:
        _logged.add(using)
        logger.error(
            "CORS allowlist: rows were written to the database %r and have no effect: the rows "
            "that count are in %r. Write them there, for example with using(%r), or set "
            "CORS_ALLOWLIST['DATABASE'].",
            using,
            allowlist_database(),
            allowlist_database(),
        )
    return False


def _ask_router_apart() -> str:
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(contextvars.Context().run(_ask_router))
        except Exception as error:  # noqa: BLE001 -- whatever a project's router raises
            answers.append(error)

    thread = threading.Thread(target=ask, name="django_cors_policy.router", daemon=True)
    try:
        thread.start()
        thread.join(ROUTER_SECONDS)
    except RuntimeError:  # no more threads
        pass
    if not answers:
        ask()
    if isinstance(answers[0], Exception):
        raise answers[0]
    return str(answers[0])


def _ask_router() -> str:
    return router.db_for_write(apps.get_model("cors_policy_allowlist", "AllowedOrigin"))


@receiver(setting_changed)
def _forget(*, setting: str, **kwargs: Any) -> None:
    global _decided
    if setting in (SETTING, "DATABASES", "DATABASE_ROUTERS"):
        _decided = None
        _logged.clear()
