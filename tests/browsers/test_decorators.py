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


@pytest.fixture
def open_to_page(settings, server, allow):
    """The default policy allows the page with credentials."""
    allow()
    page = {"ALLOW_ORIGINS": [server.origin(APP)], "ALLOW_CREDENTIALS": True}
    settings.CORS_POLICIES = {"default": page, "partner": page | {"ALLOW_ORIGIN_FUNC": never}}


def never(origin, request):
    return False


@pytest.mark.parametrize("credentials", ["omit", "include"])
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "OPTIONS"])
def test_a_closed_method_is_not_sent_after_another(page, server, open_to_page, method, credentials):
    """The browser keeps what it is told for the URL, and must learn nothing that opens PUT."""
    url = server.url("/api/transfer/", API)
    init = {"credentials": credentials, "headers": {"x-requested-with": "script"}}
    assert fetch_in_page(page, url, method="PUT", **init).error
    assert server.seen == ["OPTIONS 403"]
    fetch_in_page(page, url, method=method, **init)
    server.log.clear()
    assert fetch_in_page(page, url, method="PUT", **init).error
    assert server.seen == ["OPTIONS 403"]


@pytest.mark.parametrize("closed", ["DELETE", "OPTIONS"])
def test_closed_delete_and_options_are_not_sent_after_put(page, server, open_to_page, closed):
    url = server.url("/api/closed-delete/", API)
    assert fetch_in_page(page, url, method="PUT", credentials="include").status == 200
    server.log.clear()
    assert fetch_in_page(page, url, method=closed, credentials="include").error
    assert server.seen == ["OPTIONS 403"]


def test_what_all_methods_grant_alike_is_remembered(page, server, open_to_page):
    url = server.url("/api/shared/", API)
    headers = {"x-requested-with": "script"}
    assert fetch_in_page(page, url, method="PUT", headers=headers).status == 200
    assert fetch_in_page(page, url, headers=headers).status == 200
    assert fetch_in_page(page, url, method="PUT", headers=headers).status == 200
    assert server.seen == ["OPTIONS 204", "PUT 200", "GET 200", "PUT 200"]


def test_a_hidden_decorator_closes_the_view(page, server, open_to_page):
    url = server.url("/api/hidden/", API)
    assert fetch_in_page(page, url, method="PUT", credentials="include").error
    assert server.seen == ["OPTIONS 403"]
    # Sent without a preflight, as to every server, and not readable.
    assert fetch_in_page(page, url, credentials="include").error
    assert server.seen == ["OPTIONS 403", "GET 200"]
