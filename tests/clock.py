"""A plugin of pytest that has the tests begin at another time: ``-p tests.clock --clock=TIME``.

The clock moves on from there, and for this process alone. Debian's faketime would reach the others
too, but below it ``time.sleep()`` fails from Python 3.11 on, and threads run slowly before that.
"""

from __future__ import annotations

import datetime

import pytest
import time_machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--clock", required=True, help="when the tests begin, as ISO 8601 writes it")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # Before any test module is imported: some ask for the time as they are.
    start = datetime.datetime.fromisoformat(early_config.known_args_namespace.clock)
    time_machine.travel(start, tick=True).start()
