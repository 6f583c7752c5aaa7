"""README and docs say what the code does: ids, messages, defaults, examples, commands."""

from __future__ import annotations

import ast
import datetime
import json
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command, load_command_class
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from docutils import nodes
from docutils.core import publish_doctree

from django_cors_policy.allowlist.checks import check_allowlist
from django_cors_policy.checks import check_headers, check_origins, check_policies
from django_cors_policy.conf import compile_book
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.explain import explain
from django_cors_policy.policy import DEFAULTS

from .test_example_project import manage

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "django_cors_policy"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst")))
}
README = PAGES["README.rst"]

COMMANDS = {
    "demo": (
        "python3 -m venv .venv && .venv/bin/pip install -q -U pip"
        " && .venv/bin/pip install -q -e . --group demo"
        " && .venv/bin/python example_project/manage.py demo"
    ),
    "test": (
        "python3 -m venv .venv && .venv/bin/pip install -q -U pip"
        " && .venv/bin/pip install -q -e . --group test"
        " && .venv/bin/python -m pytest -n auto"
    ),
}

# Docutils alone knows none of Sphinx's roles and directives, so docs/ is read as text.
CODE_BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\w+)\n"
    r"(?P<options>(?:(?P=indent) +:.*\n)*)"
    r"\n"
    r"(?P<code>(?:(?P=indent) +\S.*\n|\n)+)",
    re.MULTILINE,
)
SECTION = re.compile(r"^\.\. _([EW]\d{3}):\n\n\1: .+\n-+\n", re.MULTILINE)
SETTING = re.compile(
    r"^\.\. confval:: (?P<key>\w+)\n +:type: .+\n +:default: ``(?P<default>.+)``\n", re.MULTILINE
)
REFUSED, WARNED_ABOUT, MESSAGE = ":caption: Refused", ":caption: Warned about", ":class: message"


def blocks(text: str, language: str, option: str = "", *, without: str = "\0") -> list[str]:
    """The code blocks in a language, with and without an option."""
    return [
        textwrap.dedent(block["code"])
        for block in CODE_BLOCK.finditer(text)
        if block["language"] == language
        and option in block["options"]
        and without not in block["options"]
    ]


def run(code: str) -> dict[str, Any]:
    """Run a code block as if it stood in a project; what it defines."""
    for optional in ("rest_framework", "ninja"):
        if optional in code:
            pytest.importorskip(optional)
    names: dict[str, Any] = {
        "__name__": "shop.views",
        "DEBUG": True,
        "re": re,
        "timedelta": datetime.timedelta,
        "path": path,
        "include": include,
        "INSTALLED_APPS": [],
        "MIDDLEWARE": [],
        "orders": lambda request: HttpResponse(),
    }
    given = dict(names)
    exec(compile(code, "shop/views.py", "exec"), names)  # noqa: S102 -- our own docs
    return {
        name: value for name, value in names.items() if name not in given or value != given[name]
    }


def sections() -> dict[str, str]:
    """The id of each documented check, and what its section says."""
    _, *parts = SECTION.split(PAGES["docs/checks.rst"])
    assert len(set(parts[::2])) == len(parts[::2])
    return dict(zip(parts[::2], parts[1::2], strict=True))


def flat(text: str) -> str:
    """The words of a text, however its lines are broken."""
    return " ".join(text.split())


def as_printed(message: CheckMessage) -> str:
    """A message as ``manage.py check`` prints it."""
    return flat(f"{message.obj}: ({message.id}) {message.msg} HINT: {message.hint}")


# --- Checks -------------------------------------------------------------------------------------


def test_each_check_has_a_section_and_each_section_a_check() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    ids = {*re.findall(r'\bid=f?"(?:django_cors_policy\.)?([EW]\d{3})"', code)}
    ids |= {*re.findall(r'\bwarning\(\s*"(W\d{3})"', code)}
    assert {"E001", "W001"} <= ids
    assert sorted(ids) == sorted(sections())


# Some have no settings to show: W001 is about one that is missing, E018 is raised at import, and
# W021 is about a database that the tests do not have. W023 needs other INSTALLED_APPS:
# tests/test_followed_docs.py
@pytest.mark.parametrize("check", sorted(sections().keys() - {"W001", "E018", "W021", "W023"}))
def test_messages_read_as_documented(
    check: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = blocks(
        sections()[check], "python", REFUSED if check.startswith("E") else WARNED_ABOUT
    )
    names = run(example)
    for name in filter(str.isupper, names):
        setattr(settings, name, names[name])
    if "urlpatterns" in names:
        urlconf = ModuleType(f"urls_of_{check}")
        urlconf.urlpatterns = names["urlpatterns"]  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
        settings.ROOT_URLCONF = urlconf.__name__

    found = reported(check)

    [documented] = blocks(sections()[check], "text", MESSAGE)
    documented = flat(documented)
    if sys.version_info < (3, 11):  # there, the line of a decorated function is that of its name
        found, documented = (re.sub(r"(\.py):\d+:", r"\1:", text) for text in (found, documented))
    assert found == documented


def test_missing_setting_reads_as_documented(settings: Any) -> None:
    del settings.CORS_POLICIES
    [documented] = blocks(sections()["W001"], "text", MESSAGE)
    assert reported("W001") == flat(documented)


def test_translated_settings_read_as_documented(settings: Any) -> None:
    del settings.CORS_POLICIES
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    settings.CORS_ALLOW_CREDENTIALS = True
    documented = blocks(sections()["W001"], "text", without=MESSAGE)
    assert [flat(text) for text in documented] == [reported("W001")]


def test_what_is_no_view_reads_as_documented() -> None:
    [example] = blocks(sections()["E018"], "python", REFUSED)
    [documented] = blocks(sections()["E018"], "text", MESSAGE)
    with pytest.raises(PolicyErrors) as refused:
        run(example)
    assert [error.id for error in refused.value.errors] == ["E018"]
    # The functions' addresses differ from run to run.
    assert flat(re.sub(r"\(\[.*\)", "(...)", str(refused.value))) == flat(documented)


def test_debug_body_reads_as_documented(settings: Any, client: Client) -> None:
    settings.DEBUG = True
    response = client.options(
        "/hello/",
        headers={"origin": "https://other.example", "access-control-request-method": "PUT"},
    )
    assert response.status_code == 403
    documented = map(flat, blocks(PAGES["docs/troubleshooting.rst"], "text"))
    assert flat(response.text) in documented


@pytest.mark.parametrize("is_debug", [False, True], ids=["production", "debug"])
def test_the_log_reads_as_documented(settings: Any, is_debug: bool) -> None:
    """In a process of its own, for logging is configured for good. DEBUG needs no LOGGING."""
    page = PAGES["docs/troubleshooting.rst"]
    [snippet] = [code for code in blocks(page, "python") if code.startswith("LOGGING = ")]
    code = f"""
import django
from django.conf import settings
{snippet}
settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django_cors_policy"],
    CORS_POLICIES={settings.CORS_POLICIES!r},
    DEBUG={is_debug},
    LOGGING={{}} if {is_debug} else LOGGING,
    MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
    ROOT_URLCONF="tests.urls",
)
django.setup()
from django.test import Client
Client().get("/hello/", headers={{"origin": "http://app.example.com"}})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert flat(done.stderr) in map(flat, blocks(page, "text"))


def test_schemas_of_tenants_are_warned_about_as_documented(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = blocks(sections()["W021"], "python", WARNED_ABOUT)
    names = run(example)
    settings.CORS_ALLOWLIST = names["CORS_ALLOWLIST"]
    for alias, database in names["DATABASES"].items():
        monkeypatch.setitem(settings.DATABASES, alias, database)
    [warning] = check_allowlist()
    [documented] = blocks(sections()["W021"], "text", MESSAGE)
    assert as_printed(warning) == flat(documented)


def reported(check: str) -> str:
    """What ``manage.py check --deploy`` says under an id."""
    messages = run_checks(include_deployment_checks=True)
    return " ".join(
        as_printed(message) for message in messages if message.id == f"django_cors_policy.{check}"
    )


# --- Settings -----------------------------------------------------------------------------------


def test_each_key_is_documented_with_its_default() -> None:
    documented = {
        setting["key"]: ast.literal_eval(setting["default"])
        for setting in SETTING.finditer(PAGES["docs/settings.rst"])
    }
    defaults = {
        key: list(value) if isinstance(value, tuple) else value for key, value in DEFAULTS.items()
    }
    assert documented == defaults


EXAMPLES = [
    pytest.param(code, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, code in enumerate(blocks(text, "python", without=REFUSED), 1)
    if re.search(r"^CORS_POLICIES = |^@(cors_policy|same_origin_only)", code, re.MULTILINE)
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_examples_compile(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = ModuleType("shop"), ModuleType("shop.cors")
    module.is_partner = lambda origin, request: False  # type: ignore[attr-defined]
    package.cors = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", package)
    monkeypatch.setitem(sys.modules, "shop.cors", module)

    names = run(code)  # a wrong argument of a decorator raises here

    if "CORS_POLICIES" in names:
        assert compile_book(names["CORS_POLICIES"]).policies


# --- cors_explain -------------------------------------------------------------------------------

EXPLAIN = PAGES["docs/explain.rst"]


def part(page: str, heading: str) -> str:
    """The text of a section."""
    _, _, after = page.partition(f"\n{heading}\n{'=' * len(heading)}\n")
    return re.split(r"^.+\n=+$", after, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("page", ["docs/explain.rst", "docs/cors_policies.rst"])
def test_example_session_is_what_the_example_project_says(page: str, tmp_path: Path) -> None:
    session = re.compile(r"\$ python manage\.py (.+)\n((?:.*\n)+)")
    console = blocks(PAGES[page], "console")
    found = [session.fullmatch(code.replace("\\\n", "")) for code in console]
    sessions = [(said[1], said[2].strip()) for said in found if said is not None]
    with_output = [(command, output) for command, output in sessions if output]
    assert with_output
    # Neither the terminal nor the database of the developer who runs the tests.
    variables = {"COLUMNS": "80", "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    manage(tmp_path, "migrate", **variables).check_returncode()
    for command, output in with_output:
        result = manage(tmp_path, *shlex.split(command), **variables)
        assert result.stdout.strip() == output, result.stderr


def test_each_finding_is_documented() -> None:
    codes, causes = set(), set()
    for file in (PACKAGE / "explain").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                codes |= strings_in(node.args[0])
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
                codes |= strings_in(node.value)
            elif isinstance(node, ast.Return) and ast.unparse(node).startswith("return Finding("):
                causes |= strings_in(node.value.args[0])
    row = re.compile(r"^   \* - ``([a-z-]+)``\n     - (cause|note|cause or note)\n", re.MULTILINE)
    documented = dict(row.findall(part(EXPLAIN, "Findings")))
    assert documented.keys() == codes
    assert {"header", "method"} <= causes
    assert [code for code in sorted(causes) if documented[code] == "note"] == []


def strings_in(node: ast.AST) -> set[str]:
    """The strings in an expression."""
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def test_each_key_of_the_json_is_documented() -> None:
    terms = re.findall(r"^(``.+``)$", part(EXPLAIN, "JSON"), re.MULTILINE)
    documented = [key for term in terms for key in re.findall(r"``(\w+)``", term)]
    given = explain("https://app.example.com", "GET", "/hello/").as_dict()
    assert sorted(documented) == sorted(given)


def test_each_option_and_key_of_cors_policies_is_documented(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = PAGES["docs/cors_policies.rst"]
    terms = re.findall(r"^(``.+``)$", part(page, "JSON"), re.MULTILINE)
    call_command("cors_policies", "--format=json")
    row, *_ = json.loads(capsys.readouterr().out)
    assert sorted(re.findall(r"``(\w+)``", " ".join(terms))) == sorted(row)
    parser = load_command_class("django_cors_policy", "cors_policies").create_parser("", "")
    of_django = load_command_class("django.core", "check").create_parser("", "")
    options = {*parser._option_string_actions} - {*of_django._option_string_actions}
    terms = re.findall(r"^(``--.+``)$", part(page, "Options"), re.MULTILINE)
    assert {*re.findall(r"``(--\w+)", " ".join(terms))} == options - {"--skip-checks"}


# --- README -------------------------------------------------------------------------------------


def readme() -> nodes.document:
    """README.rst as docutils reads it; whatever it would complain of is an error."""
    return publish_doctree(README, settings_overrides={"halt_level": 2, "report_level": 2})


def refusals() -> list[Any]:
    """The rows of the table of what is refused."""
    [table] = [
        table
        for table in readme().findall(nodes.table)
        if table.next_node(nodes.entry).astext() == "Written"
    ]
    body = table.next_node(nodes.tbody)
    return [
        pytest.param(*row.children, id=row.children[0].astext()) for row in body.findall(nodes.row)
    ]


@pytest.mark.parametrize(("written", "why", "instead", "check"), refusals())
def test_what_the_readme_says_is_refused(
    settings: Any,
    written: nodes.entry,
    why: nodes.entry,
    instead: nodes.entry,
    check: nodes.entry,
) -> None:
    code = written.next_node(nodes.literal).astext()
    if not re.match(r'"[A-Z_]+": ', code):
        code = f'"ALLOW_ORIGINS": [{code}]'
    policy = eval(f"{{{code}}}", {"re": re})  # noqa: S307 -- our own README
    if "with credentials" in written.astext():
        policy["ALLOW_CREDENTIALS"] = True

    settings.CORS_POLICIES = {"default": policy}

    [message] = [*check_policies(), *check_headers(), *check_origins()]
    assert message.id == f"django_cors_policy.{check.astext()}"
    assert instead.astext() in str(message.hint)
    assert why.astext()
    assert message.is_serious() == ("A warning." not in why.astext())


def test_readme_has_the_commands_that_ci_runs() -> None:
    literals = [block.astext() for block in readme().findall(nodes.literal_block)]
    for group, command in COMMANDS.items():
        assert command in literals
        extracted = subprocess.run(
            [sys.executable, ".ci/readme_command.py", group],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
        assert extracted.stdout == f"{command}\n"


def test_readme_links_to_pages_that_exist() -> None:
    targets = {
        reference["refuri"]
        for reference in readme().findall(nodes.reference)
        if "://" not in reference["refuri"]
    }
    assert "docs/checks.rst" in targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.rst"])
def test_words(page: str) -> None:
    """Words that mislead: an origin is no domain, and a list of the allowed is an allowlist."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("CORS_ORIGIN_WHITELIST", "")
    text = text.replace("CORS_ORIGIN_REGEX_WHITELIST", "")
    assert re.findall(r"white-?list|\bdomain", text, re.IGNORECASE) == []
