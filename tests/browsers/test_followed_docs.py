"""A project that was set up by following the README, called by a page in real browsers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browsers.harness import Server, fetch_in_page
from tests.followed import Project, part, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_the_page_reads_the_api_and_not_the_admin(
    tab: Page, server: Server, tmp_path: Path
) -> None:
    project = Project.start(tmp_path)
    project.follow(part("README.rst", "The settings in five lines"))
    # "Install" has an example with http://localhost:*, which is where this page comes from.
    project.follow(re.split(r"\nA decorator ", part("README.rst", "Install"))[0])
    project.run("manage.py", "migrate")
    with serving(project) as port:
        tab.goto(server.url("/", "localhost"))
        api = f"http://localhost:{port}"
        answer = fetch_in_page(tab, f"{api}/api/items/", credentials="include")
        assert (answer.status, answer.body) == (200, '{"items": 3}')
        unsafe = {"method": "PUT", "headers": {"Content-Type": "application/json"}, "body": "{}"}
        # Django's check for CSRF answers, and the page may read that as well.
        assert fetch_in_page(tab, f"{api}/api/items/", **unsafe).status == 403
        for credentials in ("include", "omit"):
            admin = fetch_in_page(tab, f"{api}/admin/login/", credentials=credentials)
            assert admin.error == "TypeError"
