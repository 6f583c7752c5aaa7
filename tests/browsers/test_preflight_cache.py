"""How long a browser remembers an answer, counted where it asks again: on the server."""

from __future__ import annotations

import pytest

from tests.browsers.harness import ITEMS, fetch_in_page

pytestmark = pytest.mark.browser

# Without Access-Control-Max-Age the standard says five seconds.
PAST_DEFAULT_MS = 5_500


def put(page, server, path=ITEMS, **init):
    answer = fetch_in_page(page, server.url(path), **{"method": "PUT"} | init)
    assert answer.ok, answer


@pytest.mark.parametrize(
    ("max_age", "expected"),
    [
        (600, ["OPTIONS 204", "PUT 200", "PUT 200"]),
        (None, ["OPTIONS 204", "PUT 200", "PUT 200"]),
        (0, ["OPTIONS 204", "PUT 200", "OPTIONS 204", "PUT 200"]),
    ],
)
def test_second_request_at_once(page, server, allow, max_age, expected):
    allow(MAX_AGE=max_age)
    put(page, server)
    put(page, server)
    assert server.seen == expected


def test_second_request_after_the_browsers_own_five_seconds(page, server, allow):
    allow(MAX_AGE=600)
    put(page, server, "/api/stream/")
    allow(MAX_AGE=None)
    put(page, server, "/api/download/")
    server.log.clear()

    page.wait_for_timeout(PAST_DEFAULT_MS)

    put(page, server, "/api/stream/")
    assert server.seen == ["PUT 200"]
    put(page, server, "/api/download/")
    assert server.seen == ["PUT 200", "OPTIONS 204", "PUT 200"]


def test_one_answer_covers_the_other_methods_and_headers(page, server, allow):
    """Why the full lists are sent and not just what was asked for."""
    allow(ALLOW_HEADERS=["x-token", "x-trace"])
    put(page, server, headers={"X-Token": "1"})
    put(page, server, method="DELETE")
    put(page, server, method="PATCH", headers={"X-Trace": "1"})
    assert server.seen == ["OPTIONS 204", "PUT 200", "DELETE 200", "PATCH 200"]


@pytest.mark.parametrize("credentials", [False, True])
def test_any_method_and_header(page, server, allow, kind, credentials):
    """With credentials "*" has no meaning: what was asked for is echoed and covers no more.

    Without credentials Firefox keeps the "*" but does not find it again.
    """
    allow(ALLOW_METHODS=["*"], ALLOW_HEADERS=["*"], ALLOW_CREDENTIALS=credentials)
    mode = "include" if credentials else "omit"
    put(page, server, credentials=mode)
    put(page, server, method="PURGE", headers={"X-Token": "1"}, credentials=mode)
    covered = kind == "chromium" and not credentials
    assert server.seen == [
        "OPTIONS 204",
        "PUT 200",
        *([] if covered else ["OPTIONS 204"]),
        "PURGE 200",
    ]


def test_refusal_is_not_remembered(page, server, allow):
    """So an origin allowed a moment ago works at the next attempt."""
    allow(ALLOW_ORIGINS=[])
    assert fetch_in_page(page, server.url(), method="PUT").error == "TypeError"
    allow()
    put(page, server)
    assert server.seen == ["OPTIONS 403", "OPTIONS 204", "PUT 200"]


def test_each_url_is_asked_about_by_itself(page, server, allow):
    allow(MAX_AGE=600)
    put(page, server)
    put(page, server, ITEMS + "?page=2")
    assert server.seen == ["OPTIONS 204", "PUT 200"] * 2
