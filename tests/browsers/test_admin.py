"""The admin in real browsers: narrow, dark, by keyboard, without scripts, under a strict CSP."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.testcases import LiveServerTestCase, LiveServerThread
from django.utils import timezone

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.hooks import hooks
from tests.allowlist.admin.pages import (
    ADD,
    ADD_MANY,
    LIST,
    MIDDLEWARE,
    PASTE,
    POLICIES,
    add,
    add_raw,
)
from tests.allowlist.admin.test_refused import LIST as REFUSED_LIST
from tests.allowlist.admin.test_refused import refuse
from tests.allowlist.admin.test_test_page import PAGE as TEST
from tests.allowlist.urls import __name__ as urlconf

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NARROW = 390


def strict_csp(get_response: Any) -> Any:
    """Middleware: nothing inline, nothing from elsewhere."""

    def respond(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    return respond


@pytest.fixture
def site(browser: Browser, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    monkeypatch.setattr(hooks, "origin_source", allowlist)
    settings.MIDDLEWARE = [f"{__name__}.{strict_csp.__name__}", *MIDDLEWARE]
    settings.ROOT_URLCONF = urlconf
    settings.CORS_POLICIES = POLICIES
    add("https://b\u00fccher.example", note="Someone's front end, and a note that takes its room")
    add_raw(origin="http://intranet.example")
    # A database in memory has one connection, which both threads use.
    shared = LiveServerTestCase._make_connections_override()
    for connection in shared.values():
        connection.inc_thread_sharing()
    thread = LiveServerThread("localhost", StaticFilesHandler, connections_override=shared)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    assert thread.error is None
    yield f"http://localhost:{thread.port}"
    thread.terminate()
    for connection in shared.values():
        connection.dec_thread_sharing()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says of the pages, the breach of a CSP above all."""
    return []


def open_context(browser: Browser, site: str, complaints: list[str], **options: Any) -> Page:
    context: BrowserContext = browser.new_context(**options)
    context.set_default_timeout(20_000)
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}]
    )
    page = context.new_page()

    def hear(message: Any) -> None:
        if message.type in ("error", "warning") and "favicon" not in str(message.location):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_column_is_cut_on_a_wide_screen(
    browser: Browser, site: str, complaints: list[str], settings: Any, language: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    name = "maximiliane.musterfrau@customer.example"
    user = User.objects.create_user(name)
    row = AllowedOrigin.objects.get(origin="https://xn--bcher-kva.example")
    row.expires_at = timezone.now() + datetime.timedelta(days=3)
    row.save()
    LogEntry.objects.log_actions(user.pk, [row], ADDITION)
    page = open_context(
        browser, site, complaints, locale=language, viewport={"width": 1400, "height": 900}
    )
    page.goto(site + LIST)
    assert name in page.inner_text("#result_list")
    width, wanted = page.evaluate(
        "(({clientWidth, scrollWidth}) => [clientWidth, scrollWidth])("
        "document.querySelector('.results'))"
    )
    assert wanted <= width
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_narrow_screen_and_a_strict_csp(
    browser: Browser, site: str, complaints: list[str], scheme: str
) -> None:
    page = open_context(
        browser,
        site,
        complaints,
        color_scheme=scheme,
        viewport={"width": NARROW, "height": 800},
    )

    def check() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert page.title()

    page.goto(site + LIST)
    check()
    page.goto(site + ADD)
    check()
    page.fill("#id_origin", "https://app.example.com/" + "path/" * 30)
    page.click("input[name=_save]")
    assert "has a path" in page.inner_text(".errorlist")
    page.wait_for_load_state()
    check()
    page.goto(site + ADD_MANY)
    check()
    page.fill("#id_origins", PASTE.strip("\ufeff") + "https://app.example.com/" + "path" * 30)
    page.click("input[name=_preview]")
    page.wait_for_selector("input[name=_confirm]")
    page.wait_for_load_state()
    check()
    assert complaints == []
    page.context.close()


def test_adding_many_by_keyboard_without_scripts(
    browser: Browser, site: str, complaints: list[str]
) -> None:
    page = open_context(browser, site, complaints, java_script_enabled=False)
    page.goto(site + LIST)
    page.focus(f"a[href='{ADD_MANY}']")
    page.keyboard.press("Enter")
    page.wait_for_url(site + ADD_MANY)
    page.focus("#id_origins")
    page.keyboard.type("https://one.example\nhttps://two.example a note\nhttps://three.example/x")
    page.keyboard.press("Tab")
    page.keyboard.press("p")  # of the policies, the first that begins so
    page.focus("input[name=_preview]")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=_confirm]")
    assert "2 origins would be added" in page.inner_text("#content")

    page.focus("input[name=_edit]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#id_origins")
    lines = page.input_value("#id_origins").splitlines()
    assert lines == [
        "https://one.example",
        "https://two.example a note",
        "https://three.example/x",
    ]
    assert page.input_value("#id_policy") == "public"
    page.focus("input[name=_preview]")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=_confirm]")
    page.focus("input[name=_confirm]")
    page.keyboard.press("Enter")
    page.wait_for_url(site + LIST)
    assert "2 origins added." in page.inner_text(".messagelist")
    added = AllowedOrigin.objects.filter(policy="public").values_list("origin", "note")
    assert set(added) == {("https://one.example", ""), ("https://two.example", "a note")}
    page.context.close()


CALLS = {
    "the form": {},
    "wrong input": {"origin": "https://*.example.com/" + "path" * 30, "url": "orders"},
    "allowed": {
        "origin": "https://app.example.com",
        "url": "https://api.example.com/hello/" + "path" * 30,
        "method": "PUT",
        "headers": "x-csrftoken",
        "content_type": "application/json",
        "credentials": "on",
        "reads": "x-total-count",
    },
    "blocked": {
        "origin": f"https://{'a' * 60}.stranger.example:8443",
        "url": "/hello/",
        "method": "DELETE",
    },
}
# No view has the long path.
HEADINGS = {"allowed": "No view is at", "blocked": "Blocked"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_testing_a_request_fits_a_narrow_screen_and_a_strict_csp(
    browser: Browser, site: str, complaints: list[str], scheme: str
) -> None:
    page = open_context(
        browser,
        site,
        complaints,
        color_scheme=scheme,
        viewport={"width": NARROW, "height": 800},
    )
    for name, call in CALLS.items():
        page.goto(f"{site}{TEST}?{urlencode(call)}")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, name
        if name in HEADINGS:
            assert HEADINGS[name] in page.inner_text("#verdict-heading")
            # Its own style sheet is there: page and server stand side by side.
            style = "getComputedStyle(document.querySelector('.cors-parties')).display"
            assert page.evaluate(style) == "flex"
    assert complaints == []
    page.context.close()


def test_testing_a_request_by_keyboard_without_scripts(
    browser: Browser, site: str, complaints: list[str]
) -> None:
    page = open_context(browser, site, complaints, java_script_enabled=False)
    page.goto(site + LIST)
    page.focus(f"a[href='{TEST}']")
    page.keyboard.press("Enter")
    page.wait_for_url(site + TEST)
    page.focus("#id_origin")
    page.keyboard.type("https://stranger.example")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("/hello/")
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict-heading")
    assert "Blocked" in page.inner_text("#verdict-heading")
    steps = page.inner_text(".cors-conversation ol").split("\n")
    order = [
        "The script calls",
        "GET /hello/ HTTP/1.1",
        "HTTP/1.1 200 OK",
        "The browser stops here",
    ]
    assert [step for step in steps if step in order] == order

    # The address of the result is one to pass on.
    page.goto(page.url)
    assert "Blocked" in page.inner_text("#verdict-heading")
    page.focus("details > summary")
    page.keyboard.press("Enter")
    page.focus("#id_origin")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("https://app.example.com")
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict-heading img[src*='icon-yes']")
    assert "Allowed" in page.inner_text("#verdict-heading")

    page.goto(f"{site}{TEST}?origin=https://stranger.example&url=/hello/")
    page.focus("a.button")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=_save]")
    assert page.input_value("#id_origin") == "https://stranger.example"
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_refused_origins_fit_a_narrow_screen_and_a_strict_csp(
    browser: Browser, site: str, complaints: list[str], scheme: str
) -> None:
    row = refuse(f"https://{'a' * 60}.stranger.example:8443", path="/hello/" + "path" * 30)
    refuse("https://xn--bcher-kva.example", policy="partners", is_rehearsal=True)
    page = open_context(
        browser,
        site,
        complaints,
        color_scheme=scheme,
        viewport={"width": NARROW, "height": 800},
    )

    def check() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert page.title()

    page.goto(site + REFUSED_LIST)
    check()
    page.check("#action-toggle")
    page.select_option("select[name=action]", "allow")
    page.click("button[name=index]")
    page.wait_for_selector("input[name=_preview]")
    page.wait_for_load_state()
    check()
    page.fill("#id_expires_at_0", "never")
    page.click("input[name=_preview]")
    assert "valid date" in page.inner_text(".errorlist")
    page.wait_for_load_state()
    check()
    page.goto(f"{site}{REFUSED_LIST}{row.pk}/change/")
    check()
    page.click(f"a[href='{REFUSED_LIST}{row.pk}/allow/']")
    page.wait_for_selector("input[name=_confirm]")
    page.wait_for_load_state()
    check()
    page.go_back()
    page.click(f"a[href^='{TEST}']")
    page.wait_for_selector("#verdict-heading")
    page.wait_for_load_state()
    check()
    assert complaints == []
    page.context.close()
