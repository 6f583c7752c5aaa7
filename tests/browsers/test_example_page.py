"""The example project's page, opened in real browsers from each of its origins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.test_example_project import ALL_CALLS, Demo, running_demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

DONE = "() => document.documentElement.dataset.demo !== 'running'"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.mark.parametrize("origin", ["page", "partner", "stranger"])
def test_every_call_goes_as_the_page_expects(browser: Browser, demo: Demo, origin: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{getattr(demo, origin)}/")
    page.wait_for_function(DONE, timeout=60_000)
    verdicts = page.eval_on_selector_all(
        ".call", "calls => calls.map(call => [call.id, call.dataset.verdict])"
    )
    state = page.evaluate("document.documentElement.dataset.demo")
    context.close()
    assert [name for name, verdict in verdicts if verdict != "passed"] == []
    assert (len(verdicts), state) == (ALL_CALLS, "passed")


def test_the_stranger_is_allowed_in_the_admin_and_disallowed_again(
    browser: Browser, demo: Demo
) -> None:
    """As the page tells its visitor to do it, on a page that is not loaded again meanwhile."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{demo.page}/")
    page.wait_for_function(DONE, timeout=60_000)
    page.wait_for_selector("#live[data-live=blocked]")
    with context.expect_page() as opened:
        page.click("#add-row")
    admin = opened.value
    # The demo's calls have signed out; the admin asks, and leads on to the row.
    admin.fill("[name=username]", page.inner_text("#username"))
    admin.fill("[name=password]", page.inner_text("#password"))
    admin.press("[name=password]", "Enter")
    admin.click("[name=_continue]")
    admin.wait_for_url("**/change/**")
    page.wait_for_selector("#live[data-live=read]", timeout=10_000)
    admin.click("a.deletelink")
    admin.wait_for_url("**/delete/**")
    admin.click("#content form [type=submit]")
    admin.wait_for_url("**/allowedorigin/")
    page.wait_for_selector("#live[data-live=blocked]", timeout=10_000)
    context.close()
