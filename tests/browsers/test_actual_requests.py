"""What a script may read of an answer, be the answer good or bad."""

from __future__ import annotations

import pytest

from tests.browsers.harness import API, APP, CROSS_SITE_API, ITEMS, fetch_in_page

pytestmark = pytest.mark.browser


def test_allowed_origin_reads_the_answer(page, server, allow):
    allow()
    answer = fetch_in_page(page, server.url())
    assert (answer.ok, answer.status) == (True, 200)
    assert '"method": "GET"' in answer.body
    assert server.seen == ["GET 200"]
    assert server.log[0].origin == server.origin(APP)


def test_refused_origin_reads_nothing_yet_the_view_runs(page, server, allow):
    """CORS is no access control: the request is made, only its answer is withheld."""
    allow(ALLOW_ORIGINS=["https://someone.else.example"])
    answer = fetch_in_page(page, server.url())
    assert answer.error == "TypeError"
    assert server.seen == ["GET 200"]


def test_head(page, server, allow):
    allow(EXPOSE_HEADERS=["x-total-count"])
    answer = fetch_in_page(page, server.url(), method="HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert answer.headers["x-total-count"] == "2"
    assert server.seen == ["HEAD 200"]


@pytest.mark.parametrize(
    ("exposed", "readable"),
    [
        ([], set()),
        (["X-Total-Count"], {"x-total-count"}),
        (["*"], {"x-total-count", "x-internal"}),
    ],
)
def test_exposed_headers(page, server, allow, exposed, readable):
    allow(EXPOSE_HEADERS=exposed)
    answer = fetch_in_page(page, server.url())
    assert answer.ok
    assert {name for name in answer.headers if name.startswith("x-")} == readable
    assert answer.headers["content-type"] == "application/json"  # safelisted: always readable


@pytest.mark.parametrize(
    ("path", "status", "middleware"),
    [
        pytest.param("/api/failing/", 500, (), id="exception"),
        pytest.param("/api/no-such-thing/", 404, (), id="no-view"),
        pytest.param(ITEMS, 401, ("tests.browsers.views.require_token",), id="middleware"),
    ],
)
def test_errors_are_readable(page, server, allow, path, status, middleware):
    """A script that cannot tell a 401 from a dead server cannot ask its user to log in."""
    allow(middleware=middleware)
    answer = fetch_in_page(page, server.url(path))
    assert (answer.ok, answer.status, answer.error) == (False, status, None)
    assert server.seen == [f"GET {status}"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/stream/", "one,two,three"), ("/api/download/", "from a file")],
)
def test_streams_and_files_are_readable(page, server, allow, path, body):
    allow()
    assert fetch_in_page(page, server.url(path)).body == body


def test_policy_ends_where_its_paths_end(page, server, allow):
    allow(PATHS=[ITEMS])
    assert fetch_in_page(page, server.url(ITEMS)).ok
    assert fetch_in_page(page, server.url("/api/stream/")).error == "TypeError"


class TestRedirects:
    def test_inside_the_api(self, page, server, allow):
        allow()
        answer = fetch_in_page(page, server.url(f"/api/moved/?to={ITEMS}"))
        assert answer.ok
        assert server.seen == ["GET 307", "GET 200"]

    def test_inside_the_api_for_a_refused_origin(self, page, server, allow):
        """The redirect itself is unreadable, so the browser does not follow it."""
        allow(ALLOW_ORIGINS=["https://someone.else.example"])
        answer = fetch_in_page(page, server.url(f"/api/moved/?to={ITEMS}"))
        assert answer.error == "TypeError"
        assert server.seen == ["GET 307"]

    def test_appended_slash(self, page, server, allow):
        allow(middleware=("django.middleware.common.CommonMiddleware",))
        answer = fetch_in_page(page, server.url(ITEMS.rstrip("/")))
        assert answer.ok
        assert server.seen == ["GET 301", "GET 200"]

    def test_preflighted_request_is_preflighted_again_where_it_is_sent_to(
        self, page, server, allow
    ):
        allow()
        answer = fetch_in_page(page, server.url(f"/api/moved/?to={ITEMS}"), method="PUT")
        assert answer.ok
        assert server.seen == ["OPTIONS 204", "PUT 307", "OPTIONS 204", "PUT 200"]

    @pytest.mark.parametrize(("extra", "error"), [([], "TypeError"), (["null"], None)])
    def test_to_a_third_origin_arrives_as_null(self, page, server, allow, extra, error):
        """Whoever redirects could have chosen any target, so the page's origin is taken away."""
        allow(ALLOW_ORIGINS=[server.origin(APP), *extra])
        elsewhere = server.url(ITEMS, host=CROSS_SITE_API)
        answer = fetch_in_page(page, server.url(f"/api/moved/?to={elsewhere}", host=API))
        assert answer.error == error
        assert [request.origin for request in server.log] == [server.origin(APP), "null"]


class TestHttpCache:
    """``Vary: Origin`` is what keeps a browser's own cache from blocking an allowed request."""

    PATH = "/api/cacheable/"

    def test_answer_kept_for_a_request_without_origin_is_not_reused(self, page, server, allow):
        allow()
        fetch_in_page(page, server.url(self.PATH), mode="no-cors")
        answer = fetch_in_page(page, server.url(self.PATH))
        assert answer.body == "kept for a minute"
        assert [request.origin for request in server.log] == [None, server.origin(APP)]

    def test_answer_kept_for_one_origin_is_not_reused_for_another(self, page, server, allow):
        other = "other.site.localhost"
        allow(ALLOW_ORIGINS=[server.origin(APP), server.origin(other)])
        assert fetch_in_page(page, server.url(self.PATH)).ok
        page.goto(server.url("/", host=other))
        assert fetch_in_page(page, server.url(self.PATH)).ok
        assert [request.origin for request in server.log] == [
            server.origin(APP),
            server.origin(other),
        ]

    def test_answer_for_any_origin_is_reused(self, page, server, allow):
        allow(ALLOW_ORIGINS=["*"])
        fetch_in_page(page, server.url(self.PATH), mode="no-cors")
        assert fetch_in_page(page, server.url(self.PATH)).body == "kept for a minute"
        assert server.seen == ["GET 200"]
