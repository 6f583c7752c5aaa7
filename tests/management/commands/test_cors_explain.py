"""``manage.py cors_explain``, as people and scripts call it."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.decorators import cors_policy
from django_cors_policy.hooks import hooks
from tests.test_example_project import MANAGE, environment, manage
from tests.urls import urlpatterns as views

APP, STRANGER = "https://app.example.com", "https://stranger.example"
ROW = "https://row.example"
PAGE = "http://localhost:8001"


@cors_policy(allow_origins=["*"])
def everyone(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [*views, path("everyone/", everyone)]


@pytest.fixture(autouse=True)
def project(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_METHODS": ["GET", "PUT"], "EXPOSE_HEADERS": []},
        "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/public/"]},
        "exposed": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/file/"], "EXPOSE_HEADERS": ["*"]},
    }
    monkeypatch.setenv("COLUMNS", "80")


def run(*arguments: str, status: int = 0, **options: Any) -> str:
    """What the command says. ``status`` is how it ends."""
    out = options.pop("stdout", None) or io.StringIO()
    options.setdefault("no_color", not options.get("force_color"))
    try:
        call_command("cors_explain", *arguments, stdout=out, **options)
        ended = 0
    except SystemExit as ending:
        ended = ending.code
    assert ended == status
    return out.getvalue()


def misuse(*arguments: str) -> str:
    out = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("cors_explain", *arguments, stdout=out)
    assert (refused.value.returncode, out.getvalue()) == (2, "")
    return str(refused.value)


# --- What is said ---------------------------------------------------------------------------------

ALLOWED = """\
Allowed: the request is sent, and the script can read the response.

Why
  call       PUT https://api.example.com/hello/?page=2 from
             https://app.example.com, without credentials
  view       tests.views.hello
  policy     'default', because of CORS_POLICIES['default']
  origin     allowed by CORS_POLICIES['default']['ALLOW_ORIGINS'][0]:
             'https://app.example.com'
  preflight  needed for the method PUT and the header content-type:
             application/json

Preflight
  > OPTIONS /hello/?page=2 HTTP/1.1
  > Host: api.example.com
  > Origin: https://app.example.com
  > Access-Control-Request-Method: PUT
  > Access-Control-Request-Headers: content-type
  < HTTP/1.1 204 No Content
  < Access-Control-Allow-Origin: https://app.example.com
  < Access-Control-Allow-Methods: GET, HEAD, POST, PUT
  < Access-Control-Allow-Headers: accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with
  < Access-Control-Max-Age: 3600
  < Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers
  The browser sends the request.

Request
  > PUT /hello/?page=2 HTTP/1.1
  > Host: api.example.com
  > Origin: https://app.example.com
  > Content-Type: application/json
  < HTTP/1.1 200 OK
  < Vary: Origin
  < Access-Control-Allow-Origin: https://app.example.com
  The script gets the response.

The script
  can read   status, body, and the headers Cache-Control, Content-Language,
             Content-Length, Content-Type, Expires, Last-Modified, Pragma
  cookies    No cookies: the script does not send credentials.
"""  # noqa: E501 -- what goes over the wire is not wrapped

REFUSED = """\
Blocked: the request is sent, but the script cannot read the response.

The origin 'http://app.example.com' is not allowed:
CORS_POLICIES['default']['ALLOW_ORIGINS'][0] is 'https://app.example.com', which
has https instead of http.

In settings, add "http://app.example.com" to "ALLOW_ORIGINS" of policy
"default".

Why
  call       GET http://api.example.com/hello/ from http://app.example.com,
             without credentials
  view       tests.views.hello
  policy     'default', because of CORS_POLICIES['default']
  preflight  not needed

Request
  > GET /hello/ HTTP/1.1
  > Host: api.example.com
  > Origin: http://app.example.com
  < HTTP/1.1 200 OK
  < Vary: Origin
  The script does not get the response: No Access-Control-Allow-Origin header
  names http://app.example.com.

The script
  can read   nothing
  cookies    No cookies: the script does not send credentials.
"""

METHOD = """\
Blocked: the browser does not send the request.

The method BREW is not in CORS_POLICIES['default']['ALLOW_METHODS'].

In settings, add "BREW" to "ALLOW_METHODS" of policy "default".

Why
  call       BREW https://api.example.com/hello/ from https://app.example.com,
             without credentials
  view       tests.views.hello
  policy     'default', because of CORS_POLICIES['default']
  origin     allowed by CORS_POLICIES['default']['ALLOW_ORIGINS'][0]:
             'https://app.example.com'
  preflight  needed for the method BREW

Preflight
  > OPTIONS /hello/ HTTP/1.1
  > Host: api.example.com
  > Origin: https://app.example.com
  > Access-Control-Request-Method: BREW
  < HTTP/1.1 204 No Content
  < Access-Control-Allow-Origin: https://app.example.com
  < Access-Control-Allow-Methods: GET, HEAD, POST, PUT
  < Access-Control-Allow-Headers: accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with
  < Access-Control-Max-Age: 3600
  < Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers
  The browser does not send the request: Access-Control-Allow-Methods does not
  list BREW.

The script
  can read   nothing
  cookies    No cookies: the script does not send credentials.
"""  # noqa: E501

FORBIDDEN = """\
Blocked: the browser does not send the request.

Scripts cannot use the method TRACE: fetch() throws a TypeError.

Why
  call       TRACE https://api.example.com/hello/ from https://app.example.com,
             without credentials
  view       tests.views.hello

The script
  can read   nothing
  cookies    No cookies: the script does not send credentials.
"""


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([APP, "put", "/hello/?page=2", "--content-type=application/json"], 0, ALLOWED),
        (["http://app.example.com", "GET", "/hello/"], 1, REFUSED),
        ([APP, "BREW", "/hello/"], 1, METHOD),
        ([APP, "TRACE", "/hello/"], 1, FORBIDDEN),
    ],
    ids=["allowed", "refused", "method", "forbidden"],
)
def test_text(arguments: list[str], status: int, said: str) -> None:
    assert run(*arguments, status=status) == said


def test_what_else_would_do_is_told_as_such() -> None:
    said = run(APP, "GET", "/public/hello/", "--credentials", status=1)
    assert (
        "\nIn the page's script, write:\n"
        '    credentials: "omit"\n'
        "\n"
        'Or in settings, replace "*" in "ALLOW_ORIGINS" of policy "public" with\n'
        '"https://app.example.com", and add this line to it:\n'
        '    "ALLOW_CREDENTIALS": True,\n'
        "\n"
        "Why\n"
    ) in said


def test_what_is_needed_as_well_is_told_as_such(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    said = run(APP, "GET", "/everyone/", "--credentials", status=1)
    assert (
        "\nOr replace @cors_policy(allow_origins=['*']) on\n"
        "tests.management.commands.test_cors_explain.everyone with:\n"
        '    @cors_policy(allow_origins=["https://app.example.com"])\n'
        "\n"
        'And in settings, add this line to policy "default":\n'
        '    "ALLOW_CREDENTIALS": True,\n'
    ) in said


def test_what_no_policy_may_say_is_told_in_sentences(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    said = run("null", "GET", "/hello/", status=1)
    assert (
        "\nThe policy cannot allow this call as it is:\n"
        "    'null' allows sandboxed frames of any site, and credentials are allowed:"
    ) in said


@pytest.mark.parametrize(
    ("arguments", "exposed"),
    [
        ([APP, "GET", "/file/"], "status, body, and every header except Set-Cookie"),
        ([STRANGER, "GET", "/hello/"], "nothing"),
    ],
)
def test_what_may_be_read(arguments: list[str], exposed: str) -> None:
    said = run(*arguments, status=int(exposed == "nothing"))
    assert f"\n  can read   {exposed}\n" in said


def test_notes_come_last() -> None:
    said = run(f"{APP}/shop", "GET", "/nowhere/", "--header=Cookie")
    assert "\n  view       none at this path\n" in said
    assert said.startswith(
        "No view is at /nowhere/: CORS allows the call, but it gets a 404.\n"
        "\n"
        "No URL pattern matches /nowhere/, so the script gets a 404.\n"
        "\n"
        "Why\n"
    )
    assert said.endswith(
        "\n"
        "Notes\n"
        "  'https://app.example.com/shop' is not an origin, so 'https://app.example.com'\n"
        "  is used instead.\n"
        "\n"
        "  Scripts cannot set the header 'cookie'. Browsers ignore it without an error.\n"
    )


def test_a_redirect_is_followed(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.common.CommonMiddleware"]
    said = run(APP, "GET", "/hello")
    assert "  < Location: /hello/\n" in said
    assert "  The browser follows the redirect.\n" in said


@pytest.mark.django_db
class TestRow:
    @pytest.fixture(autouse=True)
    def row(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AllowedOrigin:
        settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
        monkeypatch.setattr(hooks, "origin_source", allowlist)
        allowlist.reset()
        return AllowedOrigin.objects.create(origin=ROW)

    def test_is_named(self, row: AllowedOrigin) -> None:
        said = run(ROW, "GET", "/hello/")
        assert f"  origin     allowed by row {row.pk} of the allowlist: '{ROW}'\n" in said

    def test_has_a_link_where_the_admin_has_the_allowlist(
        self, row: AllowedOrigin, settings: Any
    ) -> None:
        settings.ROOT_URLCONF = "tests.allowlist.urls"
        said = run(ROW, "GET", "/hello/")
        assert f"/admin/cors_policy_allowlist/allowedorigin/{row.pk}/change/\n" in said

    def test_can_be_added_as_told(self) -> None:
        said = run(STRANGER, "GET", "/hello/", status=1)
        assert "\n\nIn a shell, run this command:\n" in said
        assert "\n\nOr in settings, add " in said
        [line] = re.findall(r"^    python manage\.py (.+)\n", said, re.MULTILINE)
        call_command(*line.split(), stdout=io.StringIO())
        assert "Allowed:" in run(STRANGER, "GET", "/hello/")


# --- Three colours --------------------------------------------------------------------------------

CSRF = "django.middleware.csrf.CsrfViewMiddleware"
TRUSTED = {"CSRF_TRUSTED_ORIGINS": [APP]}
WITH_TOKEN = ["--credentials", "--header=x-csrftoken"]


@pytest.fixture
def protected(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, CSRF]
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}


@pytest.mark.parametrize(
    ("options", "project", "outcome", "verdict"),
    [
        (WITH_TOKEN, TRUSTED, "allowed", "Allowed: the request is sent, and the script can read"),
        (WITH_TOKEN, {}, "csrf", "Allowed by CORS, but Django answers 403 (CSRF)."),
        ([], TRUSTED, "csrf", "Allowed by CORS, but Django answers 403 (CSRF)."),
        (
            ["--credentials"],
            TRUSTED,
            "csrf",
            "Allowed by CORS, but Django answers 403 (CSRF) unless the request has a CSRF token.",
        ),
        (["--credentials", "--header=x-other"], TRUSTED, "blocked", "Blocked: "),
    ],
)
def test_csrf_is_in_the_verdict_and_can_fail_a_script(
    protected: None,
    settings: Any,
    options: list[str],
    project: dict[str, Any],
    outcome: str,
    verdict: str,
) -> None:
    for name, value in project.items():
        setattr(settings, name, value)
    call = [APP, "POST", "/hello/", *options]
    status = int(outcome == "blocked")
    said = run(*call, status=status)
    assert " ".join(said.split()).startswith(verdict)
    told = json.loads(run(*call, "--format=json", status=status))
    assert (told["outcome"], told["is_allowed"]) == (outcome, outcome != "blocked")
    assert run(*call, "--fail-on-csrf", status=int(outcome != "allowed")) == said


def test_csrf_is_told_on_top_in_amber(protected: None) -> None:
    call = [APP, "POST", "/hello/", *WITH_TOKEN]
    said = run(*call)
    assert said.startswith(
        "Allowed by CORS, but Django answers 403 (CSRF).\n"
        "\n"
        "Django's CSRF protection answers this POST with status 403:\n"
        "https://app.example.com is not in CSRF_TRUSTED_ORIGINS.\n"
        "\n"
        "In settings, add:\n"
        '    CSRF_TRUSTED_ORIGINS = ["https://app.example.com"]\n'
        "\n"
        "Why\n"
    )
    assert said.count("CSRF protection") == 1
    assert run(*call, force_color=True).startswith("\x1b[33;1mAllowed by CORS, but ")


@pytest.mark.parametrize(
    ("origin", "method", "path", "status", "outcome", "verdict"),
    [
        (APP, "GET", "/no/", 0, "not-found", "No view is at /no/: CORS allows the call, but "),
        (APP, "POST", "/no/", 0, "not-found", "No view is at /no/: CORS allows the call, but "),
        (APP, "GET", "/files/a.css", 0, "not-found", "No view is at /files/a.css, and policies "),
        (
            STRANGER,
            "PUT",
            "/no/",
            1,
            "blocked",
            "Blocked: the browser does not send the request. No view is at /no/.\n",
        ),
        ("https://api.example.com", "GET", "https://api.example.com/no/", 0, "not-found", "No v"),
        (STRANGER, "GET", "/hello", 1, "blocked", "Blocked: the request is sent, but the script "),
    ],
)
def test_a_path_without_a_view_is_told_on_top(
    protected: None,
    settings: Any,
    origin: str,
    method: str,
    path: str,
    status: int,
    outcome: str,
    verdict: str,
) -> None:
    settings.STATIC_URL = "/files/"
    call = [origin, method, path]
    assert run(*call, status=status).startswith(verdict)
    told = json.loads(run(*call, "--format=json", "--fail-on-csrf", status=status))
    assert told["outcome"] == outcome
    if path == "/hello":  # its cause says where the view is
        assert "No view is at" not in told["verdict"]


# --- How it is written ---------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 40, 65, 80, 100, 500])
def test_prose_is_wrapped_and_nothing_else(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    width = min(max(columns, 40), 100)
    lines = run("http://app.example.com", "PUT", "/hello/", status=1).splitlines()
    # A word that is longer than the line stays in one piece, to be copied.
    too_long = [line for line in lines if len(line) > width and " " in line.strip()]
    assert all(line.startswith(("    CORS_POLICIES[", "  > ", "  < ")) for line in too_long)
    assert (
        "  < Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers" in lines
    )
    assert max(map(len, lines[:5])) <= width


def test_colours() -> None:
    plain = run(STRANGER, "PUT", "/hello/", status=1)
    coloured = run(STRANGER, "PUT", "/hello/", status=1, force_color=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert coloured.startswith("\x1b[31;1mBlocked: ")
    assert run(APP, "GET", "/hello/", force_color=True).startswith("\x1b[32;1mAllowed: ")
    assert "\x1b[32;1m  The script gets the response.\x1b[0m\n" in run(
        APP, "GET", "/hello/", force_color=True
    )


HOSTILE = "\x1b[31m\x07\u202e\u2028\N{NO-BREAK SPACE}\x9b"


@pytest.mark.parametrize(
    "arguments",
    [
        [STRANGER, "GET", f"/{HOSTILE}"],
        [STRANGER, "GET", f"/hello/?{HOSTILE}"],
        [STRANGER, "GET", f"http://127.0.0.1/{HOSTILE}/?{HOSTILE}"],
        [STRANGER, "GET", "/%1b%0a%e2%80%ae%00%ff"],
        [STRANGER, "GET", "/hello/", f"--reads={HOSTILE}"],
        [APP, "GET", f"http://api.example.com/{HOSTILE}"],
    ],
)
def test_arguments_do_not_reach_the_terminal_raw(arguments: list[str]) -> None:
    said = run(*arguments, status=1)
    assert [char for char in said if char != "\n" and not char.isprintable()] == []
    assert json.loads(run(*arguments, "--format=json", status=1))["is_allowed"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        [f"https://{HOSTILE}.example", "GET", "/"],
        [APP, HOSTILE, "/"],
        [APP, "GET", f"ftp://{HOSTILE}"],
        [APP, "GET", "/", f"--header={HOSTILE}"],
        [APP, "POST", "/", f"--content-type={HOSTILE}\r\nX: y"],
    ],
)
def test_arguments_are_refused_in_one_printable_line(arguments: list[str]) -> None:
    assert misuse(*arguments).isprintable()


def test_an_argument_that_is_no_text_is_refused() -> None:
    with pytest.raises(CommandError, match=r"'/\\udcff' is not UTF-8\."):
        run(APP, "GET", "/\udcff")


class Ascii(io.StringIO):
    """What else would be shown, it cannot show."""

    def write(self, text: str) -> int:
        return super().write(text.encode("ascii").decode())


def test_a_terminal_of_few_characters_gets_escapes() -> None:
    said = run(APP, "GET", "/hello/", "--header=X-Debug", stdout=Ascii(), status=1)
    assert said.isascii()
    said = run(APP, "GET", "/caf\u00e9/", stdout=Ascii())
    assert "matches /caf\\xe9/" in said


# --- JSON -----------------------------------------------------------------------------------------


def test_json() -> None:
    said = run(APP, "GET", "/hello/", "--header=accept", "--format=json")
    assert json.loads(said) == {
        "call": {
            "origin": APP,
            "method": "GET",
            "headers": ["accept"],
            "content_type": "",
            "credentials": False,
        },
        "url": "https://api.example.com/hello/",
        "path": "/hello/",
        "view": "tests.views.hello",
        "policy": "default",
        "because_of": "CORS_POLICIES['default']",
        "preflight_needed_for": [],
        "allowed_by": f"CORS_POLICIES['default']['ALLOW_ORIGINS'][0]: '{APP}'",
        "row": None,
        "exchanges": [
            {
                "kind": "request",
                "request": {
                    "line": "GET /hello/ HTTP/1.1",
                    "headers": [
                        ["Host", "api.example.com"],
                        ["Origin", APP],
                        ["Accept", "\N{HORIZONTAL ELLIPSIS}"],
                    ],
                },
                "response": {
                    "line": "HTTP/1.1 200 OK",
                    "headers": [["Vary", "Origin"], ["Access-Control-Allow-Origin", APP]],
                },
                "failure": "",
            }
        ],
        "may_send": True,
        "may_read": True,
        "readable_headers": [
            "Cache-Control",
            "Content-Language",
            "Content-Length",
            "Content-Type",
            "Expires",
            "Last-Modified",
            "Pragma",
        ],
        "cookies": "No cookies: the script does not send credentials.",
        "causes": [],
        "notes": [],
        "is_allowed": True,
        "outcome": "allowed",
        "verdict": "Allowed: the request is sent, and the script can read the response.",
    }


def test_json_has_the_fixes_that_the_text_has() -> None:
    [cause] = json.loads(run(STRANGER, "GET", "/hello/", "--format=json", status=1))["causes"]
    assert cause["code"] == "origin"
    [fix] = cause["fixes"]
    assert fix == {
        "where": "settings",
        "lines": [f'CORS_POLICIES["default"]["ALLOW_ORIGINS"] = ["{APP}", "{STRANGER}"]'],
        "text": f'In settings, add "{STRANGER}" to "ALLOW_ORIGINS" of policy "default".',
        "code": [],
        "is_guess": False,
    }
    said = run(STRANGER, "GET", "/hello/", status=1)
    assert fix["text"] in " ".join(said.split())


# --- Exit statuses, as a shell sees them ----------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "wrong.py").write_text(
        "from example.settings import *\n"
        "CORS_POLICIES['public']['ALLOW_ORIGINS'] = 'https://a.example'\n"
        "CORS_POLICIES['partner']['MAX_AGES'] = 1\n"
    )
    # Other checks find an error and a warning, and none is this command's business.
    (folder / "unchecked.py").write_text(
        "from example.settings import *\nMIDDLEWARE = MIDDLEWARE[:1]\nCORS_ALLOW_ALL_ORIGINS = 1\n"
    )
    return folder


def explain_in(folder: Path, *arguments: str, **variables: str) -> Any:
    variables.setdefault("DATABASE_URL", "sqlite://:memory:")
    return manage(folder, "cors_explain", *arguments, **variables)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([PAGE, "GET", "/api/books/"], 0, "Allowed: "),
        ([PAGE, "PATCH", "/api/books/"], 1, "Blocked: "),
        ([PAGE, "GET", "/api/nowhere/"], 0, "No view is at /api/nowhere/: "),
        ([STRANGER, "GET", "/nowhere/"], 1, "Blocked: "),
        ([PAGE, "PATCH", "/api/books/", "--format=json"], 1, "{\n"),
    ],
)
def test_exit_status(folder: Path, arguments: list[str], status: int, said: str) -> None:
    result = explain_in(folder, *arguments)
    assert result.returncode == status, result.stderr
    assert result.stdout.startswith(said)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: ORIGIN, METHOD, PATH_OR_URL"),
        (["my page", "GET", "/"], "CommandError: 'my page' is not an origin."),
        ([PAGE, "GET", "books"], "CommandError: 'books' is not an absolute path or"),
        ([PAGE, "GET", "/", "--format=yaml"], "invalid choice: 'yaml'"),
        ([PAGE, "GET", "/\udcff"], r"'/\udcff' is not UTF-8."),
    ],
)
def test_misuse(folder: Path, arguments: list[str], said: str) -> None:
    result = explain_in(folder, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_policies_are_misuse_and_all_are_listed(folder: Path) -> None:
    result = explain_in(folder, PAGE, "GET", "/api/books/", DJANGO_SETTINGS_MODULE="wrong")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("CommandError: 2 problems:\n- CORS_POLICIES['public']")
    assert "\n- CORS_POLICIES['partner']: 'MAX_AGES'" in result.stderr


def test_other_checks_are_not_asked(folder: Path) -> None:
    result = explain_in(folder, PAGE, "GET", "/api/books/", DJANGO_SETTINGS_MODULE="unchecked")
    assert (result.returncode, result.stderr) == (0, "")


def test_explains_while_the_database_is_down(folder: Path) -> None:
    down = f"sqlite:///{folder}/nowhere/db"
    result = explain_in(folder, STRANGER, "PUT", "/api/books/1/stock/", DATABASE_URL=down)
    assert result.returncode == 1
    assert f"The origin '{STRANGER}' is not allowed" in result.stdout
    assert "The CORS allowlist cannot be read" in result.stderr
    assert "Traceback" not in result.stderr
    result = explain_in(folder, PAGE, "PUT", "/api/books/1/", DATABASE_URL=down)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize(("origin", "status"), [(APP, 0), (STRANGER, 1)])
def test_a_reader_that_stops_early(origin: str, status: int, format: str) -> None:
    """The exit status still says whether the call is allowed."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as pipe:
        command = ("cors_explain", origin, "GET", "/hello/", f"--format={format}")
        try:
            call_command(*command, stdout=pipe)
            ended = 0
        except SystemExit as ending:
            ended = ending.code
    assert ended == status


@pytest.mark.parametrize(("options", "is_coloured"), [([], True), (["--no-color"], False)])
@pytest.mark.slow
def test_colours_in_a_terminal_and_none_in_a_pipe(
    folder: Path, options: list[str], is_coloured: bool
) -> None:
    arguments = ["cors_explain", PAGE, "PATCH", "/api/books/", *options]
    variables = {"DATABASE_URL": "sqlite://:memory:", "DJANGO_COLORS": "dark", "TERM": "xterm"}
    assert "\x1b" not in manage(folder, *arguments, **variables).stdout

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), *arguments],
        env=environment(folder, **variables),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 1
    assert shown.startswith(b"\x1b[31;1mBlocked: " if is_coloured else b"Blocked: ")
    assert (b"\x1b" in shown) == is_coloured


def test_help_says_what_a_person_asks_first(folder: Path) -> None:
    result = explain_in(folder, "--help", COLUMNS="80")
    assert result.returncode == 0
    said = " ".join(result.stdout.split())
    assert "ORIGIN METHOD PATH_OR_URL" in said
    assert "The exit status is 0 if CORS allows the call, 1 if it is blocked" in said
    for option in ("--header NAME", "--content-type TYPE", "--credentials", "--format"):
        assert option in said
    assert max(map(len, result.stdout.splitlines())) <= 80
