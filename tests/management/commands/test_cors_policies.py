"""``manage.py cors_policies``: what it lists, folds and hides, on terminals and in pipes."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from django_cors_policy.decorators import cors_policy
from django_cors_policy.hooks import hooks
from django_cors_policy.policy import DEFAULTS
from tests.test_decorators import POLICIES, STRANGER
from tests.test_example_project import MANAGE, environment
from tests.urls_decorated import APP, PARTNER

CLOSED = "Closed to other origins"


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("public")
def first(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("public")
def second(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("public")
def third(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


# The URLconf of the tests of folding.
api = [
    path("books/", view),
    path("books/<int:key>/", view),
    path("books/<int:key>/stock/", view),
    path("public/", include([path("a/", first), path("b/", second), path("c/", third)])),
    path("two/", include([path("a/", view), path("b/", view)])),
    path("twice/", view),
    path("twice/", view),
]
urlpatterns = [path("", view), path("api/", include(api)), path("admin/", admin.site.urls)]


@pytest.fixture(autouse=True)
def project(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ROOT_URLCONF = "tests.urls_decorated"
    settings.CORS_POLICIES = POLICIES
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(hooks, "origin_source", None)


@pytest.fixture
def shop(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True, "PATHS": ["/api/"]},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }


def listing(*arguments: str) -> str:
    out = io.StringIO()
    call_command("cors_policies", *arguments, stdout=out)
    return out.getvalue()


def groups(*arguments: str) -> dict[str, list[list[str]]]:
    """Each heading with the cells of the lines below it."""
    _columns, *blocks, _summary = listing(*arguments).strip("\n").split("\n\n")
    found = {}
    for block in blocks:
        heading, *lines = block.split("\n")
        found[heading] = [re.split(r" {2,}", line.strip()) for line in lines]
    assert len(found) == len(blocks)
    return found


def rows(path: str) -> list[list[str]]:
    """Methods, heading and reason of each line of a path, all unfolded."""
    return [
        [methods, heading, reason]
        for heading, lines in groups("--unfold").items()
        for listed, methods, reason in lines
        if listed == path
    ]


class TestWhatIsOpenToWhom:
    def test_methods_that_differ_have_a_line_each(self) -> None:
        assert sorted(rows("/public-get/")) == [
            [
                "GET",
                "Open to any origin",
                "@cors_policy('public') on tests.urls_decorated.PublicGet.get",
            ],
            [
                "POST",
                f"Open WITH CREDENTIALS to {PARTNER}",
                (
                    f"@cors_policy(allow_origins=['{PARTNER}'], allow_credentials=True) on "
                    "tests.urls_decorated.PublicGet.post"
                ),
            ],
            ["PUT", f"Open to {APP}", "CORS_POLICIES['default']"],
        ]

    def test_methods_that_do_not_differ_share_one(self) -> None:
        [[methods, open_to, _]] = rows("/class/")
        assert (methods, open_to) == ("GET, POST, PUT", f"Open to {PARTNER}")
        assert rows("/plain/") == [["any", f"Open to {APP}", "CORS_POLICIES['default']"]]
        assert rows("/closed/")[0][1] == CLOSED
        assert rows("/<language>/translated/")[0][1] == f"Open to {PARTNER}"
        assert rows("/by-path/plain/") == [
            ["any", f"Open to {STRANGER}", "CORS_POLICIES['by-path']['PATHS'][0]"]
        ]

    def test_what_is_most_dangerous_comes_first(self) -> None:
        with_credentials, *others, last = groups()
        assert with_credentials.startswith("Open WITH CREDENTIALS to ")
        assert all(other.startswith("Open to ") for other in others)
        assert last == CLOSED

    def test_summary(self) -> None:
        listed = json.loads(listing("--format=json"))
        with_credentials = [row for row in listed if row["credentials"]]
        is_open = [row for row in listed if row["origins"]]
        assert (
            f"\n{len(with_credentials)} open with credentials, "
            f"{len(is_open) - len(with_credentials)} open without, "
            f"{len(listed) - len(is_open)} closed.\n"
        ) in listing()

    def test_credentials_stand_out(self) -> None:
        _columns, *blocks, _summary = listing("--force-color").strip("\n").split("\n\n")
        coloured = [block for block in blocks if block.startswith("\x1b[")]
        assert coloured
        assert coloured == [block for block in blocks if " WITH CREDENTIALS " in block]
        assert all(block.endswith("\x1b[0m") for block in coloured)

    def test_json(self) -> None:
        [row] = [
            row
            for row in json.loads(listing("--format", "json"))
            if row["path"] == "/public-get/" and row["credentials"]
        ]
        assert row == {
            "path": "/public-get/",
            "name": None,
            "view": "tests.urls_decorated.PublicGet",
            "methods": ["POST"],
            "policy": "default",
            "origins": [PARTNER],
            "takes_rows": False,
            "asks_function": False,
            "credentials": True,
            "allow_methods": ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "PUT"],
            "allow_headers": list(DEFAULTS["ALLOW_HEADERS"]),
            "because_of": f"@cors_policy(allow_origins=['{PARTNER}'], allow_credentials=True) on "
            "tests.urls_decorated.PublicGet.post",
            "is_sure": True,
        }

    def test_what_is_shown_can_be_narrowed(self) -> None:
        assert CLOSED in groups()
        assert CLOSED not in groups("--only", "open")
        assert "Open to any origin" in groups("--only", "open")
        assert all(" WITH CREDENTIALS " in heading for heading in groups("--only=credentials"))
        assert re.search(
            r"^\d+ open with credentials, 0 open without, 0 closed\.$",
            listing("--only=credentials"),
            re.MULTILINE,
        )

    def test_view_sets(self, settings: Any) -> None:
        pytest.importorskip("rest_framework")
        settings.ROOT_URLCONF = "tests.urls_drf"
        assert sorted(row[:2] for row in rows("/orders/(?P<pk>[^/.]+)/")) == [
            ["DELETE", f"Open to {APP}"],
            ["PUT", f"Open to {PARTNER}"],
        ]

    def test_many_origins_and_functions_are_told_in_short(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.urls"
        many = [f"https://{number}.example" for number in range(5)]

        class Unhashable:
            __hash__ = None  # type: ignore[assignment]

            def __call__(self, origin: str, request: HttpRequest) -> bool:
                raise AssertionError

        settings.CORS_POLICIES = {
            "default": {
                "ALLOW_ORIGINS": [APP, re.compile(r"https://a\.example"), *many],
                "ALLOW_ORIGIN_FUNC": Unhashable(),
            }
        }
        [heading] = groups()
        assert heading == (
            rf"Open to {APP}, /https://a\.example/, {', '.join(many[:3])}, 2 more, "
            "ALLOW_ORIGIN_FUNC"
        )

    def test_rows_are_told_where_they_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hooks, "origin_source", object())
        assert rows("/plain/")[0][1] == f"Open to {APP}, allowlist rows"
        assert rows("/function/")[0][1] == f"Open to {PARTNER}"
        assert rows("/public/")[0][1] == "Open to any origin"
        assert rows("/closed/")[0][1] == CLOSED

    def test_paths_that_may_be_ruled_otherwise_are_marked(self, settings: Any) -> None:
        settings.CORS_POLICIES = {
            "seven": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/regex/7", re.compile("/by-path/.*x")]}
        }
        settings.ROOT_URLCONF = "tests.urls_routes"
        assert rows("/regex/<int:key>/ *") == [["any", CLOSED, "no policy for the path"]]
        assert rows("/by-path/<int:key>/ *")
        assert rows("/literal/") == [["any", CLOSED, "no policy for the path"]]
        note = "* Some paths of this pattern may match other PATHS."
        assert note in listing()
        assert note not in listing("--path=/literal/")
        # One such pattern is enough to mark the line of all.
        assert groups() == {CLOSED: [["/… (5 URLs) *", "any", "no policy for the path"]]}

    def test_wrong_settings(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"MAX_AGE": "x"}}
        with pytest.raises(CommandError, match="MAX_AGE"):
            listing()

    def test_a_view_that_is_closed_because_its_decorator_is_hidden(self, settings: Any) -> None:
        pytest.importorskip("rest_framework")
        settings.ROOT_URLCONF = "tests.urls_drf_hidden"
        [[methods, open_to, because]] = rows("/below/")
        assert (methods, open_to) == ("GET, PUT", CLOSED)
        assert because.endswith("below_api_view, hidden by another decorator")


@pytest.mark.usefixtures("shop")
class TestFolding:
    def test_what_lies_below_one_prefix_and_has_one_policy_is_one_line(self) -> None:
        path_reason = "CORS_POLICIES['default']['PATHS'][0]"
        below_admin = len(
            {row["path"] for row in json.loads(listing("--path=/admin/", "--format=json"))}
        )
        assert below_admin > 10
        assert groups() == {
            f"Open WITH CREDENTIALS to {APP}": [
                ["/api/books/… (3 URLs)", "any", path_reason],
                ["/api/two/a/", "any", path_reason],
                ["/api/two/b/", "any", path_reason],
                ["/api/twice/", "any", path_reason],
            ],
            "Open to any origin": [
                [
                    "/api/public/… (3 URLs)",
                    "any",
                    f"@cors_policy('public') on {__name__}.first and 2 more",
                ]
            ],
            CLOSED: [
                ["/", "any", "no policy for the path"],
                [f"/admin/… ({below_admin} URLs)", "any", "no policy for the path"],
            ],
        }

    def test_unfolded(self) -> None:
        paths = [row["path"] for row in json.loads(listing("--format=json"))]
        listed = [line[0] for lines in groups("--unfold").values() for line in lines]
        assert sorted(listed) == sorted(paths)
        assert "…" not in listing("--unfold")

    def test_filters_do_not_fold_more(self) -> None:
        """A line for a prefix says that nothing below it has another policy."""
        assert [line[0] for line in groups("--only=open")["Open to any origin"]] == [
            "/api/public/… (3 URLs)"
        ]
        assert len(groups("--only=credentials")[f"Open WITH CREDENTIALS to {APP}"]) == 4

    def test_a_prefix_that_you_ask_for_is_not_folded(self) -> None:
        for given in ("/api/books/", "api/books/", "/api/books", "/api/books/<"):
            [lines] = groups("--path", given).values()
            assert [line[0] for line in lines][-2:] == [
                "/api/books/<int:key>/",
                "/api/books/<int:key>/stock/",
            ]
        assert "/admin/auth/… (" in listing("--path=/admin/")
        assert listing("--path=/") == listing()

    def test_the_note_below_works_literally(self) -> None:
        note = re.search(
            r"^… All patterns .+ add --unfold or (--path .+)$", listing(), re.MULTILINE
        )
        assert note is not None
        option, prefix = shlex.split(note[1])
        assert prefix == "/api/books/"
        assert [line[0] for [line, *_] in groups(option, prefix).values()] == ["/api/books/"]
        assert "--unfold" not in listing("--path=/api/two/")

    @pytest.mark.parametrize("format", ["table", "json"])
    def test_a_prefix_of_nothing_is_refused(self, format: str) -> None:
        """An empty list would tell a script that nothing is open there."""
        with pytest.raises(CommandError) as refused:
            listing("--path=/apy/", "--format", format)
        assert str(refused.value) == (
            "No URL pattern starts with '/apy/'. To list all patterns, leave out --path."
        )
        assert json.loads(listing("--path=/admin/", "--only=open", "--format=json")) == []

    def test_a_path_of_a_pattern_is_told_its_pattern(self, settings: Any) -> None:
        with pytest.raises(CommandError) as refused:
            listing("--path=/api/books/7/stock/")
        message, _, arguments = str(refused.value).partition(": ")
        assert message == (
            "No URL pattern starts with '/api/books/7/stock/'. The path belongs to this pattern"
        )
        [lines] = groups(*shlex.split(arguments)).values()
        assert [line[0] for line in lines] == ["/api/books/<int:key>/stock/"]
        # A regular expression is not listed as Django writes it.
        settings.ROOT_URLCONF = "tests.urls_routes"
        with pytest.raises(CommandError, match="leave out --path"):
            listing("--path=/by-regex/7/")


@pytest.mark.usefixtures("shop")
class TestWidth:
    @pytest.mark.parametrize("columns", [40, 50, 60, 80, 100, 200])
    def test_everything_fits_and_nothing_is_lost(
        self, columns: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = Counter("".join(listing("--unfold").split()))
        monkeypatch.setenv("COLUMNS", str(columns))
        for arguments in ([], ["--unfold"], ["--path=/admin/"]):
            lines = listing(*arguments).splitlines()
            assert max(map(len, lines)) <= columns
        assert Counter("".join(listing("--unfold").split())) == whole

    def test_eighty_columns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        assert listing("--only=open") == (
            "  PATH                    METHODS  BECAUSE OF\n"
            "\n"
            f"Open WITH CREDENTIALS to {APP}\n"
            "  /api/books/… (3 URLs)   any      CORS_POLICIES['default']['PATHS'][0]\n"
            "  /api/two/a/             any      CORS_POLICIES['default']['PATHS'][0]\n"
            "  /api/two/b/             any      CORS_POLICIES['default']['PATHS'][0]\n"
            "  /api/twice/             any      CORS_POLICIES['default']['PATHS'][0]\n"
            "\n"
            "Open to any origin\n"
            "  /api/public/… (3 URLs)  any      @cors_policy('public') on\n"
            "                                     tests.management.commands.\n"
            "                                     test_cors_policies.first and 2 more\n"
            "\n"
            "6 open with credentials, 3 open without, 0 closed.\n"
            "… All patterns with this prefix have the same policy. To list them, add --unfold\n"
            "  or --path /api/books/\n"
        )

    def test_a_pipe_gets_whole_lines(self) -> None:
        lines = listing("--unfold").splitlines()
        assert max(map(len, lines)) > 80
        assert not [line for line in lines if line.startswith("    ")]


# --- In a process of its own ---------------------------------------------------------------------

COMMAND = [sys.executable, str(MANAGE), "cors_policies"]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ("--unfold", 0),
        pytest.param("--format=json", 0, marks=pytest.mark.slow),
        pytest.param("--unfold", 1, marks=pytest.mark.slow),
    ],
)
def test_a_reader_that_stops_early(tmp_path: Path, options: str, lines: int) -> None:
    variables = environment(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/db")
    piped = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'{{ {shlex.join([*COMMAND, options])}; echo "$?" >&2; }} | head -n {lines}',
        ],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(piped.stdout.splitlines()) == lines
    assert piped.stderr == "0\n"


@pytest.mark.parametrize("columns", [60, 90])
@pytest.mark.slow
def test_a_terminal(tmp_path: Path, columns: int) -> None:
    """Without COLUMNS, the terminal itself is asked."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = environment(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/db", TERM="dumb")
    variables.pop("COLUMNS", None)
    process = subprocess.Popen([*COMMAND, "--no-color"], env=variables, stdout=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux reports that the other end is closed
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 0
    widths = [len(line) for line in shown.decode().splitlines()]
    assert columns - 20 < max(widths) <= columns
