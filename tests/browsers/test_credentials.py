"""Cookies: which the browser sends, and whether a script may read the answer that they earned.

The policy decides the second alone. The first is between the browser, the cookie's attributes and
the two sites.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.browsers.harness import API, CROSS_SITE_API, CROSS_SITE_APP, fetch_in_page

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(browser):
    """Not shared here: cookies know no ports, so one test's would reach the next."""
    with browser.new_context() as context:
        yield context.new_page()


def login_url(server, cookie, host=API):
    return server.url(f"/api/login/?cookie={quote(cookie)}", host)


def log_in(page, server, cookie, host=API):
    """By a request of the page's script, as a single-page app would."""
    answer = fetch_in_page(page, login_url(server, cookie, host), credentials="include")
    assert answer.body == "welcome"


def cookie_names(request):
    return {pair.partition("=")[0] for pair in (request.cookie or "").split("; ") if pair}


@pytest.mark.parametrize(
    ("credentials", "cookie"),
    [("include", "session=1"), ("same-origin", None), ("omit", None)],
)
def test_same_site(page, server, allow, credentials, cookie):
    """Between hosts of one site even a ``Lax`` cookie flows, if the script asks for it."""
    allow(ALLOW_CREDENTIALS=True)
    log_in(page, server, "session=1; SameSite=Lax")
    answer = fetch_in_page(page, server.url(), credentials=credentials)
    assert answer.ok
    assert server.log[-1].cookie == cookie


def test_preflight_carries_no_cookie(page, server, allow):
    allow(ALLOW_CREDENTIALS=True)
    log_in(page, server, "session=1")
    assert fetch_in_page(page, server.url(), method="PUT", credentials="include").ok
    preflight, put = server.log[-2:]
    assert (preflight.method, preflight.cookie) == ("OPTIONS", None)
    assert (put.method, put.cookie) == ("PUT", "session=1")


class TestNotGranted:
    @pytest.mark.parametrize("origins", [None, ["*"]], ids=["listed", "any"])
    def test_simple_request_is_unreadable(self, page, server, allow, origins):
        allow(ALLOW_ORIGINS=origins or [server.origin()])
        assert fetch_in_page(page, server.url(), credentials="include").error == "TypeError"
        assert fetch_in_page(page, server.url(), credentials="omit").ok
        assert server.seen == ["GET 200", "GET 200"]

    @pytest.mark.parametrize("origins", [None, ["*"]], ids=["listed", "any"])
    def test_preflighted_request_is_not_sent(self, page, server, allow, origins):
        allow(ALLOW_ORIGINS=origins or [server.origin()])
        put = {"method": "PUT", "credentials": "include"}
        assert fetch_in_page(page, server.url(), **put).error == "TypeError"
        assert server.seen == ["OPTIONS 204"]

    def test_cookie_arrives_all_the_same(self, page, server, allow):
        """Again no access control: the view acts on the cookie, the script learns nothing."""
        allow(ALLOW_CREDENTIALS=True)
        log_in(page, server, "session=1")
        allow(ALLOW_CREDENTIALS=False)
        answer = fetch_in_page(page, server.url(), credentials="include")
        assert answer.error == "TypeError"
        assert server.log[-1].cookie == "session=1"


class TestCrossSite:
    """What the policy grants, the browser's own rules about third-party cookies may take away."""

    COOKIES = (
        "strict=1; SameSite=Strict",
        "lax=1; SameSite=Lax",
        "none=1; SameSite=None",
        "secure=1; SameSite=None; Secure",
        "partitioned=1; SameSite=None; Secure; Partitioned",
    )

    @pytest.mark.parametrize(
        ("set_by", "arrive"),
        [
            (
                "script",
                {"chromium": {"partitioned"}, "firefox": {"partitioned", "secure"}},
            ),
            ("visit", {"chromium": set(), "firefox": set()}),
        ],
    )
    def test_cookies_that_arrive(self, page, server, allow, kind, set_by, arrive):
        """Set by a script's request on the app's page, or by a visit to the API's own site.

        What does arrive, arrives from a jar that belongs to this pair of sites alone: no browser
        hands on the cookie of a login that happened on the API's site.
        """
        allow(ALLOW_ORIGINS=[server.origin(CROSS_SITE_APP)], ALLOW_CREDENTIALS=True)
        if set_by == "visit":
            for cookie in self.COOKIES:
                page.goto(login_url(server, cookie, CROSS_SITE_API))
        page.goto(server.url("/", CROSS_SITE_APP))
        if set_by == "script":
            for cookie in self.COOKIES:
                log_in(page, server, cookie, CROSS_SITE_API)

        answer = fetch_in_page(page, server.url(host=CROSS_SITE_API), credentials="include")

        assert answer.ok, "readable whichever cookies came along"
        assert cookie_names(server.log[-1]) == arrive[kind]
