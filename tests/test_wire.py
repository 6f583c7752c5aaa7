"""The wire table of the design, through every way that a request can take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from . import wire
from .wire import CASES, Case, Seen

if TYPE_CHECKING:
    from .conftest import Address

# A synchronous iterator under ASGI is the view's business (and files have no other kind).
pytestmark = pytest.mark.filterwarnings(
    "ignore:StreamingHttpResponse must consume synchronous iterators"
)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, settings: Any) -> Case:
    case: Case = request.param
    settings.MIDDLEWARE = wire.MIDDLEWARE
    settings.CORS_POLICIES = case.policies
    return case


def check(case: Case, seen: Seen) -> None:
    assert (seen.status, seen.answer) == (case.status, case.answer)
    if case.name.startswith("preflight"):
        # No view answered, and there is nothing to read.
        assert seen.body == b""
        assert "content-type" not in {name.lower() for name, _ in seen.headers}


def test_sync_client(case: Case) -> None:
    check(case, wire.send_sync(case))


async def test_async_client(case: Case) -> None:
    check(case, await wire.send_async(case))


def test_live_wsgi_server(case: Case, wsgi_server: Address) -> None:
    check(case, wire.send_over_http(case, wsgi_server))


def test_live_asgi_server(case: Case, asgi_server: Address) -> None:
    check(case, wire.send_over_http(case, asgi_server, asgi=True))


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
