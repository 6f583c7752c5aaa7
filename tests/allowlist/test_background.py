"""What goes wrong in the background is logged when it begins and when it is over."""

from __future__ import annotations

import contextvars
import logging

import pytest

from django_cors_policy.allowlist.background import TroubleLog, make_thread


def test_an_outage_is_logged_as_it_begins_changes_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "django_cors_policy")
    trouble = TroubleLog()
    trouble.note_success("It works.")
    for error in (OSError("a"), OSError("b"), ValueError("c")):
        trouble.note_failure(error, "It fails")
    for _ in range(2):
        trouble.note_success("It works.")
    trouble.note_failure(OSError("d"), "It fails")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "It fails: OSError: a"),
        ("ERROR", "It fails: ValueError: c"),
        ("INFO", "It works."),
        ("ERROR", "It fails: OSError: d"),
    ]


def test_a_warning_for_each_type_of_error(caplog: pytest.LogCaptureFixture) -> None:
    trouble = TroubleLog()
    for error in (OSError("a"), ValueError("b"), OSError("c")):
        with trouble.warn_instead("Not closed"):
            raise error
    assert caplog.messages == ["Not closed: OSError('a')", "Not closed: ValueError('b')"]


def test_a_thread_has_no_context_and_keeps_no_process() -> None:
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")
    tenant.set("of a request")
    seen: list[str] = []
    thread = make_thread(lambda: seen.append(tenant.get()), "a name")
    assert (thread.name, thread.daemon) == ("a name", True)
    thread.start()
    thread.join(30)
    assert seen == ["none"]
