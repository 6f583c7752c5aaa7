"""The project with a change that is tried."""

from __future__ import annotations

import threading
from typing import Any

from django_cors_policy.conf import compile_book, policy_book
from django_cors_policy.explain.project import (
    Changed,
    changed_project,
    project_book,
    setting,
    uses,
)

from .test_fixes import COMMON, OURS


def test_only_this_thread_sees_the_change(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS]
    book = compile_book({})
    seen: list[Any] = []

    def look() -> None:
        seen.append((setting("MIDDLEWARE"), project_book(), uses(COMMON)))

    with changed_project(Changed({"MIDDLEWARE": [COMMON]}, book)):
        look()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert policy_book() is not book
        assert settings.MIDDLEWARE == [OURS]
    look()
    assert seen == [
        ([COMMON], book, True),
        ([OURS], policy_book(), False),
        ([OURS], policy_book(), False),
    ]
