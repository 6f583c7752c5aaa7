"""Policies of single views and methods, as browsers see them: on preflight above all."""

from __future__ import annotations

import pytest

from tests.browsers.harness import API, APP, fetch_in_page

pytestmark = pytest.mark.browser

STRANGER = "stranger.localhost"


@pytest.fixture
def decorated(settings, server, allow):
    allow()
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["https://nobody.example"]},
        "partner": {"ALLOW_ORIGINS": [server.origin(APP)], "ALLOW_CREDENTIALS": True},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }


def test_put_to_a_decorated_view_and_not_to_its_neighbour(page, server, decorated):
    result = fetch_in_page(page, server.url("/api/decorated/", API), method="PUT", body="new")
    assert result.status == 200
    assert "new" in result.body
    assert server.seen == ["OPTIONS 204", "PUT 200"]
    server.log.clear()
    result = fetch_in_page(page, server.url("/api/neighbour/", API), method="PUT", body="new")
    assert result.error
    assert server.seen == ["OPTIONS 403"]


def test_get_is_public_and_post_is_not(tab, server, decorated):
    tab.goto(server.url("/", STRANGER))
    url = server.url("/api/orders/", API)
    assert fetch_in_page(tab, url).status == 200
    # A GET with a header of its own is preflighted, and judged as a GET.
    assert fetch_in_page(tab, url, headers={"x-requested-with": "script"}).status == 200
    assert server.seen == ["GET 200", "OPTIONS 204", "GET 200"]
    server.log.clear()
    # What the browser was told about GET must not count for POST, though its cache knows only URLs.
    json = {"content-type": "application/json"}
    assert fetch_in_page(tab, url, headers=json).status == 200
    server.log.clear()
    assert fetch_in_page(tab, url, method="POST", headers=json, body="{}").error
    assert server.seen == ["OPTIONS 403"]


def test_credentials_for_the_method_that_has_them(page, server, decorated):
    url = server.url("/api/orders/", API)
    assert fetch_in_page(page, url, method="POST", credentials="include").status == 200
    # "*" never goes with credentials, and the browser holds the server to it.
    assert fetch_in_page(page, url, credentials="include").error
    assert fetch_in_page(page, url).status == 200
