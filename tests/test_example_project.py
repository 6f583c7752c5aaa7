"""The example project, run as a newcomer runs it: by its ``manage.py``, in a process of its own."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MANAGE = ROOT / "example_project" / "manage.py"
ALL_CALLS = 25
LIVE_CALLS = {"row-added", "row-removed"}


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The environment as it is, but for what the project reads: a developer may have set that."""
    names = (ROOT / "example_project" / ".env.example").read_text()
    ours = {*re.findall(r"^(?:# )?([A-Z_]+)=", names, re.MULTILINE), "DJANGO_SETTINGS_MODULE"}
    assert {"DATABASE_URL", "CORS_ALLOW_ORIGINS", "PAGE_PORT", "SECRET_KEY", "DEBUG"} < ours
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "ENV_FILE": os.devnull,
        "TMPDIR": str(folder),
        **variables,
    }


def manage(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        check=False,
        env=environment(folder, **variables),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def failed_calls(result: subprocess.CompletedProcess[str]) -> set[str]:
    """As the message names them; they must be the very rows that the table marks."""
    found = re.search(r"(\d+) of (\d+) calls did not go as expected: (.+)\.", result.stderr)
    assert found, result.stdout + result.stderr
    calls = set(found[3].split(", "))
    assert (len(calls), ALL_CALLS) == (int(found[1]), int(found[2]))
    assert calls == set(re.findall(r"^FAIL +(\S+)", result.stdout, re.MULTILINE))
    assert len(re.findall(r"^ok +\S+", result.stdout, re.MULTILINE)) == ALL_CALLS - len(calls)
    return calls


# --- demo --check --------------------------------------------------------------------------------


def contents(folder: Path) -> dict[Path, int]:
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


NARROW = """
default["ALLOW_CREDENTIALS"] = False
default["ALLOW_HEADERS"].remove("x-client-version")
default["EXPOSE_HEADERS"].clear()
partner["ALLOW_METHODS"] = ["POST"]
"""
WIDE = """
default["ALLOW_ORIGINS"].append("http://localhost:*")
default["ALLOW_METHODS"].append("PATCH")
default["ALLOW_HEADERS"].append("x-debug")
default["EXPOSE_HEADERS"].append("ETag")
"""


def check_in(folder: Path, change: str = "") -> subprocess.CompletedProcess[str]:
    """``demo --check``, with other policies if ``change`` says so."""
    if not change:
        return manage(folder, "demo", "--check")
    (folder / "changed.py").write_text(
        "from example.settings import *\n"
        "default, partner = CORS_POLICIES['default'], CORS_POLICIES['partner']\n"
        f"{change}"
    )
    return manage(folder, "demo", "--check", DJANGO_SETTINGS_MODULE="changed")


@pytest.mark.slow
def test_check_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = contents(MANAGE.parent)
    result = check_in(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    passed = re.findall(r"^ok +(\S+)", result.stdout, re.MULTILINE)
    assert len(passed) == ALL_CALLS + len(LIVE_CALLS)
    assert set(passed[ALL_CALLS:]) == LIVE_CALLS
    assert "FAIL" not in result.stdout
    assert f"All {len(passed)} calls went as expected." in result.stdout
    assert contents(MANAGE.parent) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_check_names_the_calls_that_a_policy_refuses(tmp_path: Path) -> None:
    result = check_in(tmp_path, NARROW)
    assert result.returncode == 1
    assert failed_calls(result) == {
        *("header-allowed", "exposed"),
        *("token", "sign-in", "who-am-i", "create", "change", "delete", "sign-out"),
        *("method-public", "partner-view", "same-origin-only"),  # no book, and nobody signed in
    }
    row = r"^FAIL +token +page +none / 200 / reads 200 +none / 200 / blocked$"
    assert re.search(row, result.stdout, re.MULTILINE)
    assert "(Access-Control-Allow-Credentials is not true)" in result.stdout


@pytest.mark.slow
def test_check_names_the_calls_that_a_policy_should_refuse(tmp_path: Path) -> None:
    result = check_in(tmp_path, WIDE)
    assert result.returncode == 1
    assert failed_calls(result) == {
        *("not-exposed", "header-refused", "method-refused"),
        *("stranger-reads", "stranger-session", "stranger-forges"),
        *("method-not-public", "partner-neighbour"),
    }


def test_a_policy_that_is_refused_does_not_start(tmp_path: Path) -> None:
    result = manage(tmp_path, "demo", "--check", CORS_ALLOW_ORIGINS="*")
    assert result.returncode == 1
    assert "CORS_POLICIES['default']" in result.stderr
    assert "Traceback" not in result.stderr


# --- The project ---------------------------------------------------------------------------------


def test_the_system_checks_find_nothing(tmp_path: Path) -> None:
    result = manage(tmp_path, "check", "--fail-level", "DEBUG", PYTHONWARNINGS="error")
    assert (result.returncode, result.stderr) == (0, "")
    assert "System check identified no issues (0 silenced)." in result.stdout


def test_the_listing_shows_a_view_for_each_kind_of_decorator(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/db"
    result = manage(tmp_path, "cors_policies", "--format=json", DATABASE_URL=database)
    assert result.returncode == 0, result.stderr
    listed = {(row["path"], *(row["methods"] or ["any"])): row for row in json.loads(result.stdout)}
    book, stock = "/api/books/<int:pk>/", "/api/books/<int:pk>/stock/"
    assert (
        listed[book, "GET"]["because_of"] == "@cors_policy('public') on shop.views.BookDetail.get"
    )
    assert listed[book, "GET"]["origins"] == ["*"]
    assert listed[book, "DELETE", "PUT"]["policy"] == "default"
    assert listed[stock, "PUT"]["because_of"] == (
        "@cors_policy('partner', max_age=7200) on shop.views.Stock"
    )
    assert listed["/api/report/", "GET"]["because_of"] == "@same_origin_only on shop.views.Report"
    assert listed["/api/report/", "GET"]["origins"] == []


def test_the_migrations_fit_the_models(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/db"
    result = manage(tmp_path, "makemigrations", "--check", "--dry-run", DATABASE_URL=database)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_env_example_says_what_the_settings_do_without_it(tmp_path: Path) -> None:
    """Each commented line holds the very default, so that uncommenting it changes nothing."""
    lines = (MANAGE.parent / ".env.example").read_text().splitlines()
    commented = [line[2:] for line in lines if re.match(r"# [A-Z_]+=.", line)]
    assert len(commented) >= 7
    (tmp_path / "env").write_text("\n".join(commented))
    ask = (
        "from django.conf import settings as s; database = s.DATABASES['default'];"
        "print(s.ALLOWED_HOSTS, database['ENGINE'], database['NAME'], s.PAGE_PORT, "
        "s.CORS_POLICIES, s.CSRF_TRUSTED_ORIGINS, s.SESSION_COOKIE_SECURE, "
        "s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SAMESITE)"
    )
    without = manage(tmp_path, "shell", "-v0", "-c", ask)
    uncommented = manage(tmp_path, "shell", "-v0", "-c", ask, ENV_FILE=str(tmp_path / "env"))
    assert without.returncode == 0, without.stderr
    here = str(MANAGE.parent / "db.sqlite3")
    assert here in without.stdout
    assert uncommented.stdout == without.stdout.replace(here, "db.sqlite3")


# --- demo ----------------------------------------------------------------------------------------


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def free_ports() -> list[int]:
    """Four ports that no other pytest-xdist worker picks before the demo listens on them."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(20_000 + worker % 64, 32_000, 64))
    random.shuffle(ports)
    return [*islice(filter(is_free, ports), 4)]


def options(api: int, page: int, stranger: int, partner: int) -> list[str]:
    return [
        f"--api-port={api}",
        f"--page-port={page}",
        f"--stranger-port={stranger}",
        f"--partner-port={partner}",
    ]


@dataclass
class Demo:
    process: subprocess.Popen[bytes]
    api: int
    page: int
    stranger: int
    partner: int
    log: Path

    def output(self) -> str:
        return self.log.read_text()


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    ports = free_ports()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(MANAGE), "demo", *options(*ports)],
            env=environment(folder, DATABASE_URL=f"sqlite:///{(folder / 'db').as_posix()}"),
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 60
        while "Ctrl-C" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Demo(process, *ports, log)
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def request(
    port: int, method: str, path: str, body: Any = None, **headers: str
) -> tuple[HTTPResponse, Any]:
    connection = HTTPConnection("localhost", port, timeout=10)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    is_json = response.headers.get_content_type() == "application/json"
    return response, json.loads(content) if is_json else content


def test_demo_ends_cleanly(tmp_path: Path) -> None:
    """By Ctrl-C here; ``running_demo`` holds every other demo to it, by SIGTERM."""
    with running_demo(tmp_path) as demo:
        # As a browser would: a connection that is kept open, and a view that failed.
        browser = HTTPConnection("localhost", demo.api, timeout=10)
        browser.request("GET", "/api/broken/")
        assert browser.getresponse().read() == b'{"error": "Internal server error."}'
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(10) == 0
        browser.close()
        assert demo.output().endswith("Stopped.\n")
        for port in (demo.api, demo.page, demo.stranger, demo.partner):
            socket.create_server(("127.0.0.1", port)).close()


def test_demo_says_where_to_look(demo: Demo) -> None:
    assert f"Open   http://localhost:{demo.page}\n" in demo.output()
    assert f"http://localhost:{demo.api}/admin/" in demo.output()
    for port in (demo.page, demo.stranger, demo.partner):
        response, page = request(port, "GET", "/")
        assert response.status == 200
        for name in re.findall(rb'(?:src|href)="([\w.]+)"', page):
            assert request(port, "GET", f"/{name.decode()}")[0].status == 200
    assert request(demo.page, "GET", "/../manage.py")[0].status == 404


def test_demo_allows_the_page_at_the_port_that_was_chosen(demo: Demo) -> None:
    for port, allowed in [(demo.page, True), (demo.stranger, False), (8001, False)]:
        origin = f"http://localhost:{port}"
        response, _ = request(demo.api, "GET", "/api/books/", Origin=origin)
        assert response.status == 200
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)


def test_the_admin_is_there_and_no_other_origins_business(demo: Demo) -> None:
    response, _ = request(demo.api, "GET", "/admin/login/", Origin=f"http://localhost:{demo.page}")
    assert response.status == 200
    assert not [name for name in response.headers if name.startswith("Access-Control-")]
    assert request(demo.api, "GET", "/static/admin/css/base.css")[0].status == 200


@pytest.mark.parametrize(
    ("origin", "allowed", "credentials"),
    [
        ("https://pr-17.preview.bookshop.example", True, True),
        ("https://pr-18.preview.bookshop.example", False, False),
        ("https://app.staging.bookshop.example", True, False),
        ("https://old.bookshop.example", False, False),
        ("https://portal.former-partner.example", False, False),
    ],
)
def test_the_rows_of_the_allowlist_are_one_of_each_kind(
    demo: Demo, origin: str, allowed: bool, credentials: bool
) -> None:
    response, _ = request(demo.api, "GET", "/api/books/", Origin=origin)
    assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert ("Access-Control-Allow-Credentials" in response.headers) is credentials


@pytest.mark.slow
def test_demo_says_which_port_is_taken(tmp_path: Path) -> None:
    ports = free_ports()
    with socket.create_server(("127.0.0.1", ports[3])):  # the last: the others are given back
        result = manage(tmp_path, "demo", *options(*ports), DATABASE_URL=f"sqlite:///{tmp_path}/db")
    assert result.returncode == 1
    assert f"Port {ports[3]} (the same page" in result.stderr
    assert "Choose another port with --partner-port." in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "db").exists()


@pytest.mark.slow
def test_a_server_on_the_other_loopback_address_counts(tmp_path: Path) -> None:
    """Browsers try ::1 first, and would talk to that one."""
    ports = free_ports()
    try:
        other = socket.create_server(("::1", ports[1]), family=socket.AF_INET6)
    except OSError:
        pytest.skip("There is no IPv6 on this machine.")
    with other:
        result = manage(tmp_path, "demo", *options(*ports), DATABASE_URL=f"sqlite:///{tmp_path}/db")
    assert result.returncode == 1
    assert f"Port {ports[1]}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--page-port=8000"], "Each server needs its own port"),
        (["--api-port=65536"], "'65536' is not a port"),
    ],
)
def test_ports_that_cannot_be(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = manage(tmp_path, "demo", *arguments)
    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr


# --- The API -------------------------------------------------------------------------------------


@dataclass
class Visitor:
    """A script on the allowed page, with its cookie and token."""

    demo: Demo
    cookie: str = ""
    token: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        response, answer = request(
            self.demo.api,
            method,
            path,
            body,
            **{
                "Origin": f"http://localhost:{self.demo.page}",
                "Cookie": self.cookie,
                "X_CSRFToken": self.token,
                "Content_Type": "application/json",
                **headers,
            },
        )
        cookies = dict(pair.split("=", 1) for pair in self.cookie.split("; ") if pair)
        for line in response.headers.get_all("Set-Cookie", []):
            name, value = line.partition(";")[0].split("=", 1)
            cookies[name] = value
        self.cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if isinstance(answer, dict):
            self.token = answer.get("csrf_token", self.token)
        return response.status, answer


@pytest.fixture
def visitor(demo: Demo) -> Visitor:
    visitor = Visitor(demo)
    assert visitor.call("GET", "/api/session/")[0] == 200
    return visitor


@pytest.fixture(scope="module")
def bookseller(demo: Demo) -> Visitor:
    visitor = Visitor(demo)
    visitor.call("GET", "/api/session/")
    found = re.search(r"user (\w+), password (\S+)\)", demo.output())
    assert found
    status, answer = visitor.call(
        "POST", "/api/session/", {"username": found[1], "password": found[2]}
    )
    assert (status, answer["user"]) == (200, found[1])
    return visitor


BOOK = {"title": "Emma", "author": "Jane Austen", "price": "7.00", "in_stock": 3}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", None, 200),
        ("GET", "/api/books/", None, 200),
        ("GET", "/api/books/?page=2", None, 200),
        ("GET", "/api/books/?page=0", None, 400),
        ("GET", "/api/books/?page=%C2%B2", None, 400),
        ("GET", "/api/books/1/", None, 200),
        ("GET", "/api/books/99999999999999999999/", None, 404),
        ("GET", "/api/nothing/", None, 404),
        ("GET", "/api/public/catalogue/", None, 200),
        ("GET", "/api/report/", None, 401),
        ("PUT", "/api/books/1/stock/", {"in_stock": 1}, 401),
        ("POST", "/api/books/", BOOK, 401),
        ("PUT", "/api/books/1/", BOOK, 401),
        ("DELETE", "/api/books/1/", None, 401),
        ("POST", "/api/session/", {"username": "bookseller", "password": "wrong"}, 400),
        ("POST", "/api/session/", {"username": ["bookseller"]}, 400),
        ("POST", "/api/session/", ["bookseller"], 400),
        ("POST", "/api/session/", "{", 400),
    ],
)
def test_the_api_for_anybody(
    visitor: Visitor, method: str, path: str, body: Any, status: int
) -> None:
    answered, answer = visitor.call(method, path, body)
    assert answered == status
    assert ("error" in answer) == (status >= 400)


def test_the_api_for_the_bookseller(bookseller: Visitor) -> None:
    status, book = bookseller.call("POST", "/api/books/", BOOK)
    assert status == 201
    where = f"/api/books/{book['id']}/"
    assert bookseller.call("GET", where) == (200, {"id": book["id"], **BOOK})
    assert bookseller.call("PUT", where, {**BOOK, "price": "6.50"})[1]["price"] == "6.50"
    assert bookseller.call("PUT", where, BOOK, Content_Type="text/plain")[0] == 415
    status, answer = bookseller.call("PUT", where, {**BOOK, "price": "-1"})
    assert (status, list(answer["fields"])) == (400, ["price"])
    assert bookseller.call("GET", where)[1]["price"] == "6.50"
    assert bookseller.call("DELETE", where)[0] == 204
    assert bookseller.call("GET", where)[0] == 404


def test_the_report_for_the_bookseller(bookseller: Visitor) -> None:
    stock = [book["in_stock"] for book in bookseller.call("GET", "/api/books/")[1]["books"]]
    report = {"titles": len(stock), "copies": sum(stock), "sold_out": stock.count(0)}
    assert bookseller.call("GET", "/api/report/") == (200, report)


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Bearer gr\xfcn"])
def test_the_stock_is_for_whoever_has_the_token(visitor: Visitor, token: str) -> None:
    assert visitor.call("PUT", "/api/books/1/stock/", {}, Authorization=token)[0] == 401


def test_a_partner_changes_the_stock_and_nothing_else(visitor: Visitor) -> None:
    token = request(visitor.demo.page, "GET", "/demo.json")[1]["memory"]["partner_token"]
    partner = {"Authorization": f"Bearer {token}", "Cookie": "", "X_CSRFToken": ""}
    where = "/api/books/1/"
    before = visitor.call("GET", where)[1]
    sent = {"in_stock": before["in_stock"] + 1, "price": "0.01"}
    answer = visitor.call("PUT", f"{where}stock/", sent, **partner)
    assert answer == (200, {**before, "in_stock": sent["in_stock"]})
    assert visitor.call("GET", where)[1] == answer[1]
    assert visitor.call("PUT", f"{where}stock/", {"in_stock": -1}, **partner)[0] == 400
    assert visitor.call("PUT", f"{where}stock/", before, **partner) == (200, before)


@pytest.mark.parametrize(
    "headers", [{"X_CSRFToken": "wrong"}, {"Origin": "https://stranger.example"}]
)
def test_the_csrf_check_stands(bookseller: Visitor, headers: dict[str, str]) -> None:
    status, answer = bookseller.call("POST", "/api/books/", BOOK, **headers)
    assert (status, answer["error"]) == (403, "CSRF check failed.")
