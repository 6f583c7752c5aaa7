"""What is logged and recorded of refusals and of rehearsals, through requests of either kind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.views import View

from django_cors_policy import refusal_log
from django_cors_policy.conf import policy_book
from django_cors_policy.decorators import cors_policy
from django_cors_policy.hooks import Refusal, hooks
from django_cors_policy.refusal_log import LONGEST, MOST_LOGGED
from django_cors_policy.why_refused import why_refused

from . import wire
from .followed import Project, serving
from .followed import part as followed_part
from .ids import stable
from .test_hostile import HOSTILE_HEADERS, HOSTILE_METHODS, HOSTILE_ORIGINS, extra
from .test_why_refused import SHAPED
from .views import hello
from .wire import APP, MAX_AGE, ORIGIN, STRANGER, Case

LOGGER = "django_cors_policy"
LIST = "CORS_POLICIES['default']['ALLOW_ORIGINS']"
PATHS_OF_DEFAULT = "CORS_POLICIES['default']['PATHS'][0]"
REHEARSAL = "CORS_POLICIES['default']['REPORT_ONLY']"

Send = Callable[..., HttpResponse]


class Listener:
    """Counts nothing, keeps everything."""

    def __init__(self) -> None:
        self.heard: list[Refusal] = []

    def record(self, refusal: Refusal) -> None:
        self.heard.append(refusal)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    hooks.recorder = listener
    yield listener
    hooks.recorder = None


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest, settings: Any, caplog: pytest.LogCaptureFixture) -> Send:
    """One request, ``send(method, origin, path, **headers)``, where INFO is logged."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    client: Any = (Client if request.param == "sync" else AsyncClient)(
        raise_request_exception=False
    )

    def send(method: str, origin: str, path: str = "/hello/", **headers: str) -> HttpResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.generic(method, path, headers={"origin": origin, **names})
        return response if request.param == "sync" else asyncio.run(response)

    return send


def preflight(send: Send, origin: str, method: str = "PUT", *headers: str, **more: str) -> Any:
    asked = {"access_control_request_headers": ",".join(headers)} if headers else {}
    return send("OPTIONS", origin, access_control_request_method=method, **asked, **more)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    def logged() -> list[str]:
        """What our logger has said since it was asked last; never anything worse than INFO."""
        records = [record for record in caplog.records if record.name == LOGGER]
        caplog.clear()
        assert {record.levelno for record in records} <= {logging.INFO}
        return [record.getMessage() for record in records]

    return logged


Logged = Callable[[], list[str]]


# -- Refusals -------------------------------------------------------------------------------------


def test_an_actual_request(send: Send, logged: Logged) -> None:
    send("GET", f"{APP}:8443")
    assert logged() == [
        f"CORS: 'GET' '/hello/' from '{APP}:8443' is refused: {LIST}[0] is '{APP}', which has "
        "port 443 instead of 8443. The policy is 'default', because of CORS_POLICIES['default']."
    ]


def test_a_preflight(send: Send, logged: Logged) -> None:
    preflight(send, STRANGER, "PATCH")
    assert logged() == [
        f"CORS: 'PATCH' '/hello/' from '{STRANGER}' is refused: {LIST} has no similar entry. "
        "The policy is 'default', because of CORS_POLICIES['default']."
    ]


def test_refused_preflights_cannot_fill_djangos_log(
    send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    """Django logs each 403 as a warning. Any stranger can send thousands of these."""
    caplog.set_level(logging.INFO)
    for _again in range(3):
        assert preflight(send, STRANGER).status_code == 403
    [record] = caplog.records
    assert record.name == LOGGER


def test_other_errors_stay_in_djangos_log(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    assert send("GET", STRANGER, "/nowhere/").status_code == 404
    assert preflight(send, APP, path="/nowhere/").status_code == 204
    assert send("OPTIONS", STRANGER, "/nowhere/").status_code == 404  # no preflight
    names = [record.name for record in caplog.records if record.levelno >= logging.WARNING]
    assert names == ["django.request"] * 2


def test_the_parts_are_fields(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    preflight(send, STRANGER, "PATCH", path="/hello/")
    [record] = [record for record in caplog.records if record.name == LOGGER]
    assert {key: value for key, value in vars(record).items() if key.startswith("cors_")} == {
        "cors_origin": STRANGER,
        "cors_method": "PATCH",
        "cors_path": "/hello/",
        "cors_policy": "default",
        "cors_rule": "CORS_POLICIES['default']",
        "cors_reason": f"{LIST} has no similar entry",
        "cors_is_rehearsal": False,
    }


DETAILS = "\n    python manage.py cors_explain"


def levels(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    records = [record for record in caplog.records if record.name == LOGGER]
    return [(record.levelname, record.getMessage()) for record in records]


def test_with_debug_each_new_refusal_is_a_warning(
    send: Send, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With the command that explains it below. Python shows warnings without configuration."""
    settings.DEBUG = True
    caplog.set_level(logging.WARNING, logger=LOGGER)
    for _ in range(2):
        send("GET", STRANGER, "/hello/")
        preflight(send, STRANGER, "PUT", path="/fail/")
    text = f"from '{STRANGER}' is refused: {LIST} has no similar entry. The policy is 'default', "
    text += "because of CORS_POLICIES['default']."
    assert levels(caplog) == [
        ("WARNING", f"CORS: 'GET' '/hello/' {text}{DETAILS} {STRANGER} GET /hello/"),
        ("WARNING", f"CORS: 'PUT' '/fail/' {text}{DETAILS} {STRANGER} PUT /fail/"),
    ]


def test_no_warning_without_debug(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    send("GET", STRANGER, "/hello/")
    [(level, text)] = levels(caplog)
    assert level == "INFO"
    assert "cors_explain" not in text
    caplog.clear()
    caplog.set_level(logging.WARNING, logger=LOGGER)
    send("GET", STRANGER, "/fail/")
    assert levels(caplog) == []


def test_with_debug_a_rehearsal_is_no_warning(
    send: Send, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = True
    policy = {"ALLOW_ORIGINS": ["*"], "REPORT_ONLY": {"ALLOW_ORIGINS": [APP]}}
    settings.CORS_POLICIES = {"default": policy}
    send("GET", STRANGER, "/hello/")
    [(level, text)] = levels(caplog)
    assert (level, "would be refused" in text, "cors_explain" in text) == ("INFO", True, False)


@pytest.mark.parametrize(
    ("origin", "url"), [("https://a b", "/hello/"), (STRANGER, f"/{'x' * 300}/")]
)
def test_with_debug_a_command_that_is_not_safe_is_left_out(
    send: Send, settings: Any, caplog: pytest.LogCaptureFixture, origin: str, url: str
) -> None:
    settings.DEBUG = True
    send("GET", origin, url)
    [(level, text)] = levels(caplog)
    assert (level, "\n" in text) == ("WARNING", False)


def test_the_console_of_runserver_shows_it(tmp_path: Path) -> None:
    """A new project, without configuration of logging."""
    project = Project.start(tmp_path)
    project.follow(followed_part("README.rst", "The settings in five lines"))
    console = tmp_path / "console.txt"
    with console.open("w") as file, serving(project, file) as port:
        for path_ in ("/api/items/", "/api/items/", "/api/other/"):
            url = f"http://127.0.0.1:{port}{path_}"
            with contextlib.suppress(HTTPError):  # 404
                urlopen(Request(url, headers={"Origin": "http://app.example.com"})).read()
    lines = console.read_text().splitlines()
    warned = [index for index, line in enumerate(lines) if line.startswith("CORS: ")]
    assert [lines[index] for index in warned] == [
        f"CORS: 'GET' {path_!r} from 'http://app.example.com' is refused: {LIST}[0] is {APP!r}, "
        f"which has https instead of http. The policy is 'default', because of {PATHS_OF_DEFAULT}."
        for path_ in ("/api/items/", "/api/other/")
    ]
    assert [lines[index + 1] for index in warned] == [
        f"    python manage.py cors_explain http://app.example.com GET {path_}"
        for path_ in ("/api/items/", "/api/other/")
    ]
    # The command can be run as it is.
    command = shlex.split(lines[warned[0] + 1])
    explained = project.run(*command[1:], check=False)
    assert explained.returncode == 1, explained.stderr
    assert "https instead of http" in explained.stdout


def test_once_for_each_origin_path_and_reason(
    send: Send, logged: Logged, listener: Listener, settings: Any
) -> None:
    for _ in range(3):
        preflight(send, STRANGER)
        send("GET", STRANGER)
        send("POST", STRANGER)
    assert len(logged()) == 1
    # whereas each is counted
    assert len(listener.heard) == 9
    send("GET", "https://another.test")
    send("GET", STRANGER, "/file/")
    assert len(logged()) == 2
    # The reason is another one, and the settings are: all is said anew.
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [f"{STRANGER}:1"]}}
    send("GET", STRANGER)
    [said] = logged()
    assert "port 1 instead of 443" in said


def test_each_refusal_is_recorded(send: Send, listener: Listener) -> None:
    preflight(send, STRANGER, "PATCH")
    send("GET", "null", "/file/")
    assert listener.heard == [
        Refusal(STRANGER, "default", "/hello/", "PATCH"),
        Refusal("null", "default", "/file/", "GET"),
    ]


def test_who_is_allowed_is_not_noted(
    send: Send, logged: Logged, listener: Listener, settings: Any
) -> None:
    preflight(send, APP)
    preflight(send, APP, "PURGE", "x-unknown")  # its origin is allowed; the browser says the rest
    send("GET", APP)
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*"]}}
    send("GET", STRANGER)
    settings.CORS_POLICIES = {}
    send("GET", STRANGER)
    assert (logged(), listener.heard) == ([], [])


def test_without_an_origin_nothing_is_refused(
    send: Send, logged: Logged, listener: Listener
) -> None:
    Client().get("/hello/")
    assert (logged(), listener.heard) == ([], [])


@pytest.mark.parametrize(
    ("origin", "headers", "is_noted"),
    [
        # a page's own POST
        ("http://testserver", {}, False),
        ("https://testserver", {}, True),
        ("http://testserver:8000", {}, True),
        ("http://front.test:8000", {"x_forwarded_host": "front.test:8000"}, False),
        (
            "https://front.test",
            {"x_forwarded_host": "front.test", "x_forwarded_proto": "https"},
            False,
        ),
        ("http://testserver", {"x_forwarded_host": "front.test"}, True),
        # where its host is none of ours
        ("http://evil.test", {"x_forwarded_host": "evil.test"}, True),
        # the browser says so, which knows what proxies hide
        (STRANGER, {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, False),
        ("null", {"sec_fetch_site": "same-origin", "sec_fetch_mode": "navigate"}, False),
        # another site's form, a beacon
        (STRANGER, {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False),
        (STRANGER, {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, False),
        (STRANGER, {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"}, True),
        (STRANGER, {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"}, True),
        (STRANGER, {}, True),
    ],
)
def test_what_is_no_call_from_another_origin_is_no_refusal(
    send: Send,
    logged: Logged,
    listener: Listener,
    settings: Any,
    origin: str,
    headers: dict[str, str],
    is_noted: bool,
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["testserver", "front.test"]
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "REPORT_ONLY": {}}}
    response = send("POST", origin, **headers)
    assert (response.status_code, response.has_header(ORIGIN)) == (200, False)
    assert (len(logged()), len(listener.heard)) == (is_noted, is_noted)


# -- Who listens ----------------------------------------------------------------------------------


def test_nobody_listens(
    settings: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is found out either, and no rehearsal is asked."""
    caplog.set_level(logging.WARNING, logger=LOGGER)
    asked = []

    def ask(origin: str, request: HttpRequest) -> bool:
        asked.append(origin)
        return True

    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "REPORT_ONLY": {"ALLOW_ORIGIN_FUNC": ask}}
    }
    Client().get("/hello/", headers={"origin": STRANGER})
    assert (caplog.records, asked) == ([], [])
    caplog.set_level(logging.INFO, logger=LOGGER)
    Client().get("/hello/", headers={"origin": STRANGER})
    assert len(caplog.records) == 1
    assert asked == [STRANGER]


def test_whoever_counts_needs_no_log(
    settings: Any, caplog: pytest.LogCaptureFixture, listener: Listener
) -> None:
    caplog.set_level(logging.WARNING, logger=LOGGER)
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "REPORT_ONLY": {"ALLOW_ORIGINS": [f"{APP}:1"]}}
    }
    for origin in (STRANGER, APP):
        Client().get("/hello/", headers={"origin": origin})
    assert [refusal.is_rehearsal for refusal in listener.heard] == [False, True]
    assert caplog.records == []


# -- Floods and hostile text ----------------------------------------------------------------------


def test_a_flood_of_origins(
    send: Send, logged: Logged, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_LOGGED == 1000
    monkeypatch.setattr(refusal_log, "MOST_LOGGED", 100)
    for _ in range(150):
        send("GET", f"https://{random.getrandbits(96):x}.test")
    said = logged()
    assert len(said) == 101
    assert said[-1] == "CORS: too many refusals. Logging of refusals pauses for up to an hour."
    assert len(listener.heard) == 150
    # Nobody can have the server compare for nothing.
    assert len(policy_book().why_refused) == 100
    send("GET", f"{APP}:1")
    assert logged() == []
    # It begins again, with what has been said.
    monkeypatch.setattr(refusal_log, "LOGGED_ANEW_SECONDS", 0)
    send("GET", f"{APP}:1")
    send("GET", f"{APP}:1")
    assert len(logged()) == 2


def test_what_is_kept_of_long_requests_is_short(
    settings: Any, send: Send, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger chooses the length of path, origin and method."""
    told: list[int] = []

    def why(policy: Any, origin: str) -> str:
        told.append(len(origin))
        return why_refused(policy, origin)

    monkeypatch.setattr(refusal_log, "why_refused", why)
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "REPORT_ONLY": {"ALLOW_METHODS": ["GET"]}}
    }
    for number in range(20):
        long = f"{number}{'x' * 50_000}"
        send("GET", f"https://{long}.test", f"/hello/{long}")
        preflight(send, APP, long, path=f"/{long}")
    assert len(logged()) == len(policy_book().logged) == 40
    assert max(told) == LONGEST
    assert sum(sys.getsizeof(part) for key in policy_book().logged for part in key) < 40 * 3 * 1_000


def test_the_same_stranger_again_and_again(send: Send, logged: Logged) -> None:
    """What is not logged again is not found out again: it costs more than to serve the request."""
    for _ in range(50):
        send("GET", STRANGER)
    for number in range(50):
        send("GET", "x" * 500 + str(number))
    assert len(logged()) == 2
    assert len(policy_book().why_refused) == 2


@pytest.mark.parametrize("is_debug", [False, True])
@pytest.mark.parametrize("kind", [Client, AsyncClient], ids=["sync", "async"])
async def test_hostile_text(
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    listener: Listener,
    kind: Any,
    is_debug: bool,
) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    settings.DEBUG = is_debug
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP, "https://*.example.org"]},
        "open": {
            "ALLOW_ORIGINS": ["*"],
            "REPORT_ONLY": {"ALLOW_ORIGINS": [APP]},
            "PATHS": ["/public/"],
        },
    }
    client = kind()

    async def ask(method: str, path: str, **headers: str) -> Any:
        response = client.generic(method, path, **extra(client, headers))
        return response if kind is Client else await response

    bidi = ["https://\u202eelpmaxe.ppa", "https://app.example.com\u200b", "'\"<script>%s{}"]
    origins = [*HOSTILE_ORIGINS, *SHAPED, *bidi]
    methods = itertools.cycle(HOSTILE_METHODS)
    for path_ in ("/hello/", "/public/hello/", "/public/%0A%E2%80%AE%00/"):
        for origin in origins:
            assert (await ask("GET", path_, ORIGIN=origin)).status_code in (200, 404)
            for method in ("PUT", next(methods), next(methods)):
                asked = {"ORIGIN": origin, "ACCESS_CONTROL_REQUEST_METHOD": method}
                response = await ask("OPTIONS", path_, **asked)
                assert response.status_code == (403 if path_ == "/hello/" else 204)
    for names in HOSTILE_HEADERS:
        asked = {"ORIGIN": APP, "ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
        await ask("OPTIONS", "/public/hello/", **asked, ACCESS_CONTROL_REQUEST_HEADERS=names)
    records = [record for record in caplog.records if record.name == LOGGER]
    assert len(records) > len(origins)
    for record in records:
        is_warning = is_debug and record.__dict__.get("cors_is_rehearsal") is False
        assert record.levelno == (logging.WARNING if is_warning else logging.INFO)
        for text in (record.getMessage(), *map(str, vars(record).values())):
            assert text.replace(DETAILS * is_warning, "", 1).isprintable()
        fields = [value for key, value in vars(record).items() if key.startswith("cors_")]
        assert all(len(str(field)) < 10 * LONGEST for field in fields)
    assert {record.__dict__.get("cors_is_rehearsal") for record in records} == {False, True}


def test_the_command_in_the_body_can_be_pasted(send: Send, settings: Any) -> None:
    """Nothing in it breaks a line or hides."""
    settings.DEBUG = True
    client = Client()
    headers = {"origin": STRANGER, "access-control-request-method": "PUT"}
    body = client.options("/a b/$(x)/", headers=headers).content.decode()
    assert f"cors_explain {STRANGER} PUT '/a%20b/$(x)/'\n" in body
    for path_ in ("/%0Arm/", "/%E2%80%AE/", "/x%2520y%3F"):
        body = client.options(path_, headers=headers).content.decode()
        assert f"cors_explain {STRANGER} PUT {path_}\n" in body
        assert all(line.isprintable() for line in body.splitlines())
    for hostile in ("/" + "x" * 300, "//elsewhere.example/"):
        body = client.options("/", headers=headers, PATH_INFO=hostile).content.decode()
        assert "Preflight refused" in body
        assert "cors_explain" not in body
    for method in ("", "--help", "P\u202eT"):
        asked = {**headers, "access-control-request-method": method}
        assert "cors_explain" not in client.options("/", headers=asked).content.decode()


def test_what_a_view_lets_through_itself_is_not_refused(
    send: Send, logged: Logged, listener: Listener
) -> None:
    assert send("GET", STRANGER, "/own-headers/").has_header(ORIGIN)
    assert logged() == []
    assert listener.heard == []


# -- Rehearsals -----------------------------------------------------------------------------------


def no(origin: str, request: HttpRequest) -> bool:
    return False


async def yes_async(origin: str, request: HttpRequest) -> bool:
    return True


def fails(origin: str, request: HttpRequest) -> bool:
    raise RuntimeError("the partners' register is down")


WITH = {"ALLOW_CREDENTIALS": True}
ONE = {"ALLOW_ORIGINS": [APP]}
ANY = {"ALLOW_ORIGINS": ["*"]}


@pytest.fixture(params=["preflight", "actual"])
def ask(request: pytest.FixtureRequest, send: Send) -> Callable[[str, str], HttpResponse]:
    """One request of either kind, ``ask(method, origin)``."""
    if request.param == "actual":
        return send
    return lambda method, origin: preflight(send, origin, method)


@pytest.mark.parametrize(
    ("policy", "rehearsal", "origin", "why"),
    [
        # a list for "*"
        (ANY, ONE, APP, None),
        (ANY, {**ONE, **WITH}, APP, None),
        (
            ANY,
            ONE,
            f"{APP}:1",
            f"{REHEARSAL}['ALLOW_ORIGINS'][0] is '{APP}', which has port 443 instead of 1",
        ),
        (ANY, ONE, STRANGER, f"{REHEARSAL}['ALLOW_ORIGINS'] has no similar entry"),
        (ANY, {}, STRANGER, "the policy allows no other origin"),
        (ANY, ONE, f"{APP}/", "no browser sends such an origin"),
        # a function for a list, and a list for a function
        (ONE, {"ALLOW_ORIGIN_FUNC": wire.yes}, APP, None),
        (ONE, {"ALLOW_ORIGIN_FUNC": yes_async}, APP, None),
        (
            ONE,
            {"ALLOW_ORIGIN_FUNC": no},
            APP,
            f"{REHEARSAL}['ALLOW_ORIGINS'] has no similar entry",
        ),
        ({"ALLOW_ORIGIN_FUNC": wire.yes}, ONE, APP, None),
        (
            {"ALLOW_ORIGIN_FUNC": wire.yes},
            ONE,
            STRANGER,
            f"{REHEARSAL}['ALLOW_ORIGINS'] has no similar entry",
        ),
    ],
    ids=stable,
)
def test_origins_in_rehearsal(
    ask: Callable[[str, str], HttpResponse],
    logged: Logged,
    listener: Listener,
    settings: Any,
    policy: Mapping[str, Any],
    rehearsal: Mapping[str, Any],
    origin: str,
    why: str | None,
) -> None:
    settings.CORS_POLICIES = {"default": {**policy, "REPORT_ONLY": rehearsal}}
    assert ask("PUT", origin).has_header(ORIGIN)
    if why is None:
        assert (logged(), listener.heard) == ([], [])
        return
    assert logged() == [
        f"CORS: 'PUT' '/hello/' from '{origin}' would be refused: {why}. "
        "The policy is 'default', because of CORS_POLICIES['default']."
    ]
    assert listener.heard == [Refusal(origin, "default", "/hello/", "PUT", is_rehearsal=True)]


def test_its_fields(send: Send, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CORS_POLICIES = {"default": {**ANY, "REPORT_ONLY": ONE}}
    send("GET", STRANGER)
    [record] = [record for record in caplog.records if record.name == LOGGER]
    assert record.cors_is_rehearsal is True  # type: ignore[attr-defined]
    assert record.cors_reason.startswith(REHEARSAL)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rehearsal", "origin", "would"),
    [
        ({"ALLOW_ORIGINS": [APP, STRANGER]}, STRANGER, f"; {REHEARSAL} would allow it"),
        (ANY, STRANGER, f"; {REHEARSAL} would allow it"),
        ({"ALLOW_ORIGIN_FUNC": wire.yes}, STRANGER, f"; {REHEARSAL} would allow it"),
        ({"ALLOW_ORIGIN_FUNC": yes_async}, STRANGER, f"; {REHEARSAL} would allow it"),
        ({}, STRANGER, ""),
        (None, STRANGER, ""),
    ],
)
def test_the_other_way_round(
    ask: Callable[[str, str], HttpResponse],
    logged: Logged,
    listener: Listener,
    settings: Any,
    rehearsal: Any,
    origin: str,
    would: str,
) -> None:
    settings.CORS_POLICIES = {"default": {**ONE, "REPORT_ONLY": rehearsal}}
    assert not ask("PUT", origin).has_header(ORIGIN)
    assert logged() == [
        f"CORS: 'PUT' '/hello/' from '{origin}' is refused: {LIST} has no similar entry{would}. "
        "The policy is 'default', because of CORS_POLICIES['default']."
    ]
    # Refused it is, and a rehearsal it is not.
    assert listener.heard == [Refusal(origin, "default", "/hello/", "PUT")]


@pytest.mark.parametrize(
    ("policy", "rehearsal", "method", "headers", "why"),
    [
        (ONE, {"ALLOW_METHODS": ["GET"]}, "PUT", [], "'PUT' is not in {}['ALLOW_METHODS']"),
        (ONE, {"ALLOW_METHODS": ["GET"]}, "POST", [], None),  # safelisted
        (ONE, {"ALLOW_METHODS": ["PUT"]}, "PUT", [], None),
        (ONE, {"ALLOW_METHODS": ["*"]}, "PUT", [], None),
        # refused by both: nothing changes
        (ONE, {"ALLOW_METHODS": ["GET"]}, "PURGE", [], None),
        ({**ONE, "ALLOW_METHODS": ["*"]}, {}, "PURGE", [], "'PURGE' is not in {}['ALLOW_METHODS']"),
        (
            {**ONE, **WITH, "ALLOW_METHODS": ["*"]},
            WITH,
            "PURGE",
            [],
            "'PURGE' is not in {}['ALLOW_METHODS']",
        ),
        (
            {**ONE, **WITH, "ALLOW_METHODS": ["*"]},
            {**WITH, "ALLOW_METHODS": ["*"]},
            "PURGE",
            [],
            None,
        ),
        (
            ONE,
            {"ALLOW_HEADERS": ["content-type"]},
            "PUT",
            ["authorization", "content-type"],
            "'authorization' is not in {}['ALLOW_HEADERS']",
        ),
        (ONE, {"ALLOW_HEADERS": ["Content-Type"]}, "PUT", ["content-type"], None),
        (ONE, {"ALLOW_HEADERS": []}, "PUT", [], None),
        (ONE, {"ALLOW_HEADERS": []}, "PUT", ["x-unknown"], None),
        (
            {**ONE, "ALLOW_HEADERS": ["*"]},
            {},
            "PUT",
            ["x-unknown"],
            "'x-unknown' is not in {}['ALLOW_HEADERS']",
        ),
        # A browser asks about a safelisted header if its value is unusual.
        (ONE, {"ALLOW_HEADERS": []}, "PUT", ["accept"], "'accept' is not in {}['ALLOW_HEADERS']"),
        # Beside credentials it echoes what is asked.
        (
            {**ONE, **WITH, "ALLOW_HEADERS": ["*"]},
            {**WITH, "ALLOW_HEADERS": ["*"]},
            "PUT",
            ["x-a", "x-b"],
            None,
        ),
        ({**ONE, **WITH}, {}, "PUT", ["content-type"], None),
    ],
    ids=stable,
)
def test_methods_and_headers_in_rehearsal(
    send: Send,
    logged: Logged,
    listener: Listener,
    settings: Any,
    policy: Mapping[str, Any],
    rehearsal: Mapping[str, Any],
    method: str,
    headers: list[str],
    why: str | None,
) -> None:
    settings.CORS_POLICIES = {"default": {**policy, "REPORT_ONLY": {**ONE, **rehearsal}}}
    assert preflight(send, APP, method, *headers).status_code == 204
    if why is None:
        assert (logged(), listener.heard) == ([], [])
        return
    [said] = logged()
    assert f"from '{APP}' would be refused: {why.format(REHEARSAL)}. The policy is" in said
    assert listener.heard == [Refusal(APP, "default", "/hello/", method, is_rehearsal=True)]


@pytest.mark.parametrize(
    ("policy", "rehearsal", "sent", "is_noted"),
    [
        ({**ONE, **WITH}, ONE, {"cookie": "sessionid=1"}, True),
        ({**ONE, **WITH}, ONE, {"authorization": "Basic YTpi"}, True),
        ({**ONE, **WITH}, ONE, {"authorization": "NEGOTIATE YTpi"}, True),
        # a token that the script sets by itself
        ({**ONE, **WITH}, ONE, {"authorization": "Bearer abc"}, False),
        ({**ONE, **WITH}, ONE, {}, False),
        ({**ONE, **WITH}, {**ONE, **WITH}, {"cookie": "sessionid=1"}, False),
        # no script could read the answer as it is
        (ONE, ONE, {"cookie": "sessionid=1"}, False),
        (ONE, {**ONE, **WITH}, {"cookie": "sessionid=1"}, False),
    ],
)
def test_credentials_in_rehearsal(
    send: Send,
    logged: Logged,
    listener: Listener,
    settings: Any,
    policy: Mapping[str, Any],
    rehearsal: Mapping[str, Any],
    sent: dict[str, str],
    is_noted: bool,
) -> None:
    settings.CORS_POLICIES = {"default": {**policy, "REPORT_ONLY": rehearsal}}
    send("GET", APP, **sent)
    assert (
        logged()
        == [
            f"CORS: 'GET' '/hello/' from '{APP}' would be refused: {REHEARSAL} does not allow "
            "credentials for it. The policy is 'default', because of CORS_POLICIES['default']."
        ]
        * is_noted
    )
    assert listener.heard == [Refusal(APP, "default", "/hello/", "GET", True)] * is_noted


def test_a_function_that_fails_in_rehearsal(
    ask: Callable[[str, str], HttpResponse], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CORS_POLICIES = {"default": {**ONE, "REPORT_ONLY": {"ALLOW_ORIGIN_FUNC": fails}}}
    assert ask("PUT", APP).has_header(ORIGIN)
    error, refusal = [record for record in caplog.records if record.name == LOGGER]
    assert error.getMessage() == (
        "ALLOW_ORIGIN_FUNC of the CORS policy 'default' raised an exception; the origin would be "
        "refused by its REPORT_ONLY."
    )
    assert "has no similar entry" in refusal.getMessage()


# -- Decorators -----------------------------------------------------------------------------------


@cors_policy(allow_origins=[STRANGER])
def partner(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(allow_origins=["*"])
def anyone(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(report_only={"ALLOW_ORIGIN_FUNC": "no.such.func"})
def no_such_func(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(max_age=60)
def cached(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(report_only={"ALLOW_ORIGINS": [STRANGER]})
def rehearsed(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class OnePart(View):
    """Its methods have one policy; what is rehearsed on one of them makes them no two."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @cors_policy(report_only={"ALLOW_METHODS": ["GET"]})
    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class TwoParts(View):
    """Settings' own list, written out in a decorator, is another one: rows do not add to it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @cors_policy(allow_origins=[APP])
    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


urlpatterns = [
    path("hello/", hello),
    path("partner/", partner),
    path("any/", anyone),
    path("no-such-func/", no_such_func),
    path("cached/", cached),
    path("rehearsed/", rehearsed),
    path("one/", OnePart.as_view()),
    path("two/", TwoParts.as_view()),
]


@pytest.fixture
def decorated(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("decorated")
@pytest.mark.parametrize(
    ("path", "origin", "why"),
    [
        ("/partner/", STRANGER, None),  # what the decorator says stays as it is after the switch
        (
            "/partner/",
            APP,
            "is refused: @cors_policy(allow_origins=['https://stranger.example']) on "
            "tests.test_refusal_log.partner: allow_origins has no similar entry. ",
        ),
        ("/cached/", APP, None),
        (
            "/cached/",
            f"{APP}:1",
            f"would be refused: {REHEARSAL}['ALLOW_ORIGINS'][0] is '{APP}', which has port 443 "
            "instead of 1",
        ),
        ("/rehearsed/", STRANGER, None),
        (
            "/rehearsed/",
            APP,
            "would be refused: @cors_policy(report_only={'ALLOW_ORIGINS': "
            "['https://stranger.example']}) on tests.test_refusal_log.rehearsed: "
            "report_only['ALLOW_ORIGINS'] has no similar entry. ",
        ),
    ],
)
def test_decorated_views_in_rehearsal(
    send: Send, logged: Logged, settings: Any, path: str, origin: str, why: str | None
) -> None:
    settings.CORS_POLICIES = {"default": {**ANY, "REPORT_ONLY": ONE}}
    send("GET", origin, path)
    preflight(send, origin, "GET", path=path)
    said = logged()
    assert len(said) == (why is not None)
    assert all(str(why) in line for line in said)


@pytest.mark.usefixtures("decorated")
def test_a_rehearsal_splits_no_view(send: Send, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": ONE}
    assert preflight(send, APP, path="/one/")[MAX_AGE] == "3600"
    assert preflight(send, APP, "GET", path="/one/")[MAX_AGE] == "3600"
    # Two policies of one URL that grant this origin the same.
    assert preflight(send, APP, path="/two/")[MAX_AGE] == "3600"
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP, STRANGER]}}
    assert preflight(send, APP, path="/two/")[MAX_AGE] == "3600"
    assert preflight(send, STRANGER, "GET", path="/two/")[MAX_AGE] == "0"


@pytest.mark.usefixtures("decorated")
def test_a_decorators_own_rehearsal_that_is_wrong_changes_no_answer(
    send: Send, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CORS_POLICIES = {"default": ONE}
    assert preflight(send, APP, path="/no-such-func/")[ORIGIN] == APP
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert ": its REPORT_ONLY is ignored: " in record.getMessage()


@pytest.mark.usefixtures("decorated")
def test_a_rehearsal_that_a_decorator_makes_wrong_changes_no_answer(
    send: Send, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # Any origin may read /any/, and never with credentials, which settings rehearse.
    rehearsal = {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}
    settings.CORS_POLICIES = {"default": {**ONE, "REPORT_ONLY": rehearsal}}
    assert preflight(send, STRANGER, path="/any/")[ORIGIN] == "*"
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert ": its REPORT_ONLY is ignored: " in record.getMessage()
    assert "credentials are allowed: any site could act as your users" in record.getMessage()


# -- The promise ----------------------------------------------------------------------------------


REHEARSALS: dict[str, dict[str, Any]] = {
    "nobody": {},
    "anybody": {
        "ALLOW_ORIGINS": ["*"],
        "MAX_AGE": 1,
        "EXPOSE_HEADERS": ["*"],
        "ALLOW_METHODS": ["*"],
    },
    "credentials": {
        "ALLOW_ORIGINS": ["https://*.example.com", "https://stranger.example"],
        "ALLOW_CREDENTIALS": True,
        "ALLOW_HEADERS": ["*"],
        "ALLOW_METHODS": [],
        "ALLOW_PRIVATE_NETWORK": True,
        "VARY": ["x-rehearsed"],
    },
    "failing": {"ALLOW_ORIGIN_FUNC": fails},
}


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
@pytest.mark.parametrize("case", wire.CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_a_rehearsal_changes_no_answer(
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    listener: Listener,
    case: Case,
    is_async: bool,
) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    settings.MIDDLEWARE = wire.MIDDLEWARE

    async def answer() -> Any:
        seen = await wire.send_async(case) if is_async else wire.send_sync(case)
        return seen.status, seen.headers, seen.body

    settings.CORS_POLICIES = case.policies
    without = await answer()
    for name, rehearsal in REHEARSALS.items():
        settings.CORS_POLICIES = {
            alias: {**policy, "REPORT_ONLY": rehearsal} for alias, policy in case.policies.items()
        }
        assert await answer() == without, name
