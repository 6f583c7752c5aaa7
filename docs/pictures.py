"""Take pictures of the admin's pages: wide and narrow, light and dark.

    python docs/pictures.py            # all pictures, to look at, in build/pictures
    python docs/pictures.py --docs     # those that the docs show, in docs/_static

It runs the example project on a database of its own, in the system's Chromium (playwright, from the
group ``browsers``). The times in the pictures depend on when they are taken, so no test compares
them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
MANAGE = ROOT / "example_project" / "manage.py"
STATIC = ROOT / "docs" / "_static"
ROWS = "/admin/cors_policy_allowlist/allowedorigin/"
REFUSED = "/admin/cors_policy_allowlist/refusedorigin/"
WIDE, NARROW = 1400, 420
CHROMIUM = shutil.which("chromium")

# What the database holds before the first picture.
SEED = """
import datetime
from django.contrib.auth.models import User
from django.contrib.admin.models import ADDITION, LogEntry
from django.utils import timezone
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin

now = timezone.now()
def in_(**delta): return now + datetime.timedelta(**delta)

admin = User.objects.create_superuser("ada", password="ada")
grace = User.objects.create_superuser("grace", password="grace")
rows = [
    ("default", "https://shop.example.com", {"note": "Shop front end, team Web"}),
    ("default", "https://preview-114.example.com", {"note": "Preview, asked for by QA",
     "expires_at": in_(days=3, minutes=5)}),
    ("default", "https://*.campaign.example.org", {"note": "Spring campaign",
     "expires_at": in_(days=60), "allow_credentials": False}),
    ("default", "https://old-shop.example.com", {"note": "Until the move",
     "expires_at": in_(days=-8)}),
    ("partner", "https://m\\u00fcnchen.example", {"note": "City partner"}),
    ("partner", "https://stock.acme.example", {"note": "ACME, contract ends in May",
     "is_enabled": False}),
    ("public", "https://reader.example.net", {}),
]
for policy, origin, values in rows:
    row = AllowedOrigin.objects.create(policy=policy, origin=origin, **values)
    LogEntry.objects.log_actions(grace.pk, [row], ADDITION, [{"added": {}}])
AllowedOrigin.objects.update(created_at=in_(days=-20), updated_at=in_(days=-20))
refused = [
    ("default", "https://preview-115.example.com", "/api/books/", "PUT", 212, {"minutes": -4}),
    ("default", "https://shop.example.org", "/api/books/17/", "PUT", 3, {"hours": -5}),
    ("partner", "https://stock.globex.example", "/api/books/17/stock/", "PUT", 41, {"days": -1}),
    ("default", "https://evil.github.io", "/api/session/", "POST", 1, {"days": -2}),
    ("default", "http://localhost:3000", "/api/books/", "GET", 9, {"days": -2}),
]
for policy, origin, path, method, count, last in refused:
    RefusedOrigin.objects.create(policy=policy, origin=origin, path=path, method=method,
        count=count, first_seen=in_(days=-6), last_seen=in_(**last),
        is_rehearsal=origin.startswith("http:"))
"""

PASTE = """# Partners of the spring campaign
https://shop.acme.example  ACME, asked by Sales
https://*.b\u00fccher.example  all branches
http://globex.example
https://checkout.example/cart/#pay
https://shop.example.com
"""


class Picture(NamedTuple):
    """A page, what to do there first, and the widths and schemes at which the docs show it."""

    name: str
    path: str
    prepare: Callable[[Page], Any] = lambda page: None
    in_docs: tuple[tuple[int, str], ...] = ()


def open_row(origin: str) -> Callable[[Page], None]:
    return lambda page: page.locator("#result_list").get_by_role("link", name=origin).click()


def edit(page: Page) -> None:
    open_row("https://shop.example.com")(page)
    note = page.get_by_label("Note")
    phone = "4711" if note.input_value().endswith("2") else "4712"  # another one each time
    note.fill(f"Shop front end, team Web, on call: {phone}")
    page.get_by_role("button", name="Save", exact=True).click()


def undo(page: Page) -> None:
    edit_again(page)
    page.get_by_role("link", name="undo this change").click()


def edit_again(page: Page) -> None:
    open_row("https://preview-114.example.com")(page)
    enabled = page.get_by_label("Enabled")
    enabled.set_checked(not enabled.is_checked())
    page.get_by_role("button", name="Save", exact=True).click()


def history(page: Page) -> None:
    edit_again(page)
    open_row("https://preview-114.example.com")(page)
    page.get_by_role("link", name="History").click()


def refuse_a_row(page: Page) -> None:
    page.locator("#id_origin").fill("https://*.github.io")
    page.get_by_role("button", name="Save", exact=True).click()


def add_many(page: Page) -> None:
    page.locator("#id_origins").fill(PASTE)
    page.get_by_role("button", name="Preview").click()


def allow(page: Page) -> None:
    for box in page.locator("input.action-select").all():
        box.check()
    page.locator("select[name=action]").first.select_option("allow")
    page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).first.click()


def call(query: str) -> str:
    return f"{ROWS}test/?{query}"


WIDE_LIGHT = ((WIDE, "light"),)
PICTURES = [
    Picture("changelist", ROWS, edit, in_docs=(*WIDE_LIGHT, (NARROW, "light"))),
    Picture("add", f"{ROWS}add/"),
    Picture("add-refused", f"{ROWS}add/", refuse_a_row),
    Picture("change", ROWS, open_row("https://preview-114.example.com")),
    Picture("undo", ROWS, undo, in_docs=WIDE_LIGHT),
    Picture("history", ROWS, history, in_docs=WIDE_LIGHT),
    Picture("add-many", f"{ROWS}add-many/", add_many, in_docs=WIDE_LIGHT),
    Picture("refused", REFUSED, in_docs=WIDE_LIGHT),
    Picture("refused-allow", REFUSED, allow, in_docs=WIDE_LIGHT),
    Picture("refused-entry", REFUSED, open_row("https://shop.example.org")),
    Picture(
        "delete",
        ROWS,
        lambda page: [
            open_row("https://m\u00fcnchen.example")(page),
            page.get_by_role("button", name="Delete").click(),
        ],
    ),
    Picture(
        "test-blocked",
        call(
            "origin=http://localhost:3000&method=PUT&url=/api/books/1/&content_type=application/json"
            "&credentials=on"
        ),
        in_docs=WIDE_LIGHT,
    ),
    Picture(
        "test-allowed",
        call("origin=http://localhost:8001&method=GET&url=/api/books/&credentials=on"),
        in_docs=WIDE_LIGHT,
    ),
    Picture(
        "test-csrf",
        call("origin=https://shop.example.com&method=POST&url=/api/session/&credentials=on"),
    ),
]


@contextlib.contextmanager
def site() -> Iterator[str]:
    """Run the example project; yield its address."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "DEBUG": "True",
            "ENV_FILE": f"{folder}/none",
            "SECRET_KEY": "pictures",
        }
        manage = [sys.executable, "-W", "ignore", str(MANAGE)]
        for command in (["migrate", "-v0"], ["shell", "-v0", "-c", SEED]):
            subprocess.run([*manage, *command], check=True, env=environment)
        server = subprocess.Popen(
            [*manage, "runserver", "--noreload", f"localhost:{port}"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _attempt in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("localhost", port)):
                    break
                time.sleep(0.1)
            yield f"http://localhost:{port}"
        finally:
            server.terminate()
            server.wait()


def take(
    browser: Browser, address: str, picture: Picture, width: int, scheme: str, to: Path
) -> None:
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        # The admin scrolls inside the window, so the window has to be as high as the page.
        viewport={"width": width, "height": 800},
        device_scale_factor=1,
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{address}/admin/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("ada")
    page.get_by_role("button", name="Log in").click()
    page.goto(address + picture.path)
    picture.prepare(page)
    page.wait_for_load_state("networkidle")
    height = page.locator("#main").evaluate("main => main.scrollHeight + main.offsetTop + 40")
    page.set_viewport_size({"width": width, "height": min(max(height, 600), 2600)})
    page.screenshot(path=to)
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--docs", action="store_true", help="only those that the docs show")
    parser.add_argument("names", nargs="*", help="only these pages")
    options = parser.parse_args()
    folder = STATIC if options.docs else ROOT / "build" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    every = tuple((width, scheme) for width in (WIDE, NARROW) for scheme in ("light", "dark"))
    with site() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for picture in PICTURES:
            if options.names and picture.name not in options.names:
                continue
            for width, scheme in picture.in_docs if options.docs else every:
                suffix = "" if (width, scheme) == (WIDE, "light") else f"-{width}-{scheme}"
                to = folder / f"admin-{picture.name}{suffix}.png"
                take(browser, address, picture, width, scheme, to)
                print(to.relative_to(ROOT))


if __name__ == "__main__":
    main()
