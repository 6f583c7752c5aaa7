"""Real browsers, those the system has installed; Playwright downloads none of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from django.core.handlers.wsgi import WSGIHandler

from tests.browsers.harness import APP, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

    Allow = Callable[..., None]

EXECUTABLES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "firefox": ("firefox-esr", "firefox"),
}

INSTALL_BROWSERS = "apt-get install -y --no-install-recommends chromium firefox-esr"
INSTALL_DRIVER = "pip install playwright==1.64.1"

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # Chromium's sandbox does not start as root, which containers run as
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing but these tests: no updates, no telemetry, no name looked up outside this machine.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost",
]
FIREFOX_PREFERENCES = {"network.dns.disabled": True}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives a real browser")


def unavailable(what: str, install: str) -> NoReturn:
    """A skip on a developer's machine; a failure in CI, where nobody would notice a skip."""
    message = f"{what} is missing; the browser tests need it. Install it with: {install}"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


# Package scope, not session: while Playwright's sync API is up, an event loop counts as running on
# this thread, and the async tests of other packages could not start their own.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("Playwright", INSTALL_DRIVER)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        # The same loop would have Django's ORM refuse to work in a test.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield driver


@pytest.fixture(scope="package", params=EXECUTABLES)
def browser(request: pytest.FixtureRequest, playwright: Playwright) -> Iterator[Browser]:
    found = filter(None, map(shutil.which, EXECUTABLES[request.param]))
    executable = next(found, None)
    if executable is None:
        unavailable(request.param.title(), INSTALL_BROWSERS)
    if request.param == "chromium":
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
    else:
        browser = playwright.firefox.launch(
            channel="moz-firefox",  # an unmodified Firefox, not the build that Playwright patches
            executable_path=executable,
            firefox_user_prefs=FIREFOX_PREFERENCES,
        )
    yield browser
    browser.close()


@pytest.fixture
def kind(browser: Browser) -> str:
    """Where the browsers differ, a test says for each what it does."""
    return browser.browser_type.name


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Iterator[Page]:
    """The tests share it: opening one takes longer than most of them."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="package")
def used_ports() -> set[int]:
    return set()


@pytest.fixture
def server(settings: Any, used_ports: set[int]) -> Iterator[Server]:
    """A server of its own for every test, on a port that no other has had.

    With the port all origins are new, so that nothing a browser has cached for one test, least of
    all the answer to a preflight, is of use in another.
    """
    settings.ROOT_URLCONF = "tests.browsers.urls"
    settings.ALLOWED_HOSTS = ["*"]
    with Server(avoid=used_ports) as server:
        used_ports.add(server.port)
        yield server


@pytest.fixture
def allow(settings: Any, server: Server) -> Allow:
    """Set the policy under test; unless it says otherwise, it allows the page's origin."""

    def allow(*, middleware: tuple[str, ...] = (), **policy: Any) -> None:
        settings.MIDDLEWARE = [
            "django_cors_policy.middleware.CorsPolicyMiddleware",
            *middleware,
        ]
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [server.origin(APP)]} | policy}
        server.django = WSGIHandler()

    return allow


@pytest.fixture
def page(tab: Page, server: Server) -> Page:
    """A page on ``APP``."""
    tab.goto(server.url("/", APP))
    return tab
