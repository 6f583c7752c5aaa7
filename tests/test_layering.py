"""The order of the rooms: each may import what stands above it, and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import django_cors_policy

PACKAGE = Path(django_cors_policy.__file__).parent

ORDER = [
    "fetch",
    "exceptions",
    "browser",
    "origins",
    "policy",
    "protocol",
    "hooks",
    "conf",
    "old_settings",
    "decorators",
    "inspection",
    "view_policies",
    "resolution",
    "why_refused",
    "refusal_log",
    "middleware",
    "middleware_list",
    "checks",
    "explain",
    "apps",
]
WITHOUT_DJANGO = ORDER[: ORDER.index("conf")]
# The one thing that they may know of Django: what it calls a wrong configuration.
EXCEPTION = "django.core.exceptions.ImproperlyConfigured"

# A room is a module, or a package with all that is in it. The optional app and the commands stand
# on top of all.
ROOMS = sorted(
    {
        path.relative_to(PACKAGE).with_suffix("").parts[0]
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in ("__init__.py", "allowlist", "management")
    }
)


def imports(node: ast.AST, package: str = "django_cors_policy") -> Iterator[str]:
    """Every name imported at run time, wherever in the module, as ``package.module.name``.

    ``package``: the one that the module is in, which relative imports begin from.
    """
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        origin = parts[: len(parts) - node.level + 1] if node.level else []
        module = ".".join(filter(None, [*origin, node.module]))
        yield from (f"{module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        children = node.orelse
    for child in children:
        yield from imports(child, package)


def imported_by(room: str) -> list[str]:
    module, package = PACKAGE / f"{room}.py", PACKAGE / room
    if module.exists():
        return list(imports(ast.parse(module.read_text())))
    return [
        name
        for path in package.rglob("*.py")
        for name in imports(ast.parse(path.read_text()), f"django_cors_policy.{room}")
    ]


def test_the_reader_of_imports() -> None:
    source = """
        import os, a.b
        from . import fetch
        from .policy import Policy as P
        if TYPE_CHECKING:
            from django.http import HttpRequest
        else:
            import c
        def late():
            try:
                from django.db import models
            except ImportError:
                import d
    """
    deeper = "from . import a\nfrom .b import c\nfrom ..policy import d"
    assert list(imports(ast.parse(deeper), "django_cors_policy.room")) == [
        "django_cors_policy.room.a",
        "django_cors_policy.room.b.c",
        "django_cors_policy.policy.d",
    ]
    assert list(imports(ast.parse(textwrap.dedent(source)))) == [
        "os",
        "a.b",
        "django_cors_policy.fetch",
        "django_cors_policy.policy.Policy",
        "c",
        "django.db.models",
        "d",
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room: str) -> None:
    below = ORDER[: ORDER.index(room)]
    for name in imported_by(room):
        package, _, rest = name.partition(".")
        if package == "django_cors_policy" and rest.split(".")[0] != room:
            assert rest.split(".")[0] in below, f"{room} imports {name}"


@pytest.mark.parametrize("room", WITHOUT_DJANGO)
def test_no_django(room: str) -> None:
    django = [name for name in imported_by(room) if name.split(".")[0] in ("django", "asgiref")]
    assert set(django) <= {EXCEPTION}


def test_no_django_at_run_time_either() -> None:
    """Nor by way of somebody else: the pure rooms load no settings, no models, no HTTP."""
    run(
        f"""
        import sys
        from django_cors_policy import {", ".join(WITHOUT_DJANGO)}
        loaded = [name for name in sys.modules if name.startswith("django.")]
        # These come with the exception.
        extra = [name for name in loaded if not name.startswith(("django.core", "django.utils"))]
        assert not extra, extra
        """
    )


def test_the_core_does_not_know_the_allowlist() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] != "allowlist":
            for name in imports(ast.parse(path.read_text())):
                assert not name.startswith("django_cors_policy.allowlist"), f"{path} imports {name}"


# The modules that have no test file of their own, and where they are tested.
TESTED_ELSEWHERE = {
    "allowlist/admin/log.py": "tests/allowlist/admin/test_history.py",
    "allowlist/admin/base.py": "by the tests of its subclasses in tests/allowlist/admin",
    "allowlist/apps.py": "by all tests of the allowlist; without the app, in test_uninstall.py",
    "allowlist/checks.py": "tests/allowlist/test_conf.py and tests/test_docs.py",
    "allowlist/management/arguments.py": "by the tests of cors_origins and tests/test_stable.py",
    "allowlist/signals.py": "defines signals; tests/allowlist/test_changes.py receives them",
    "apps.py": "registers the checks that tests/checks runs",
    "explain/findings.py": "defines data; tests/explain reads it",
    "hooks.py": "defines what an app has to offer; tests/checks/test_admin_sites.py uses it",
    "view_policies.py": "tests/test_decorators.py and tests/inspection/test_hidden.py",
}


def file_that_tests(module: str) -> Path:
    """``a/b.py`` is tested in ``tests/a/test_b.py``."""
    *packages, name = module.split("/")
    return PACKAGE.parent.joinpath("tests", *packages, f"test_{name}")


def test_each_module_has_its_test_file() -> None:
    modules = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    modules = {path for path in modules if not path.endswith("__init__.py")}
    modules = {path for path in modules if "/migrations/" not in path}
    assert len(modules) > 30
    without = {module for module in modules if not file_that_tests(module).exists()}
    # Neither list may have what the other has not: an entry that is no longer true has to go.
    assert without == set(TESTED_ELSEWHERE)


def module_name(path: Path) -> str:
    """As it is imported. A package and its ``__init__`` are one."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each module, those of ``modules`` that it imports, wherever it does so."""
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        names = imports(ast.parse(path.read_text()), package)
        # What is no module is a name in one.
        targets = (name if name in modules else name.rpartition(".")[0] for name in names)
        graph[module] = {target for target in targets if target in modules}
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other, and single ones that reach themselves."""

    def reached_from(start: str) -> set[str]:
        found: set[str] = set()
        waiting = set(graph[start])
        while waiting:
            node = waiting.pop()
            found.add(node)
            waiting |= graph[node] - found
        return found

    reached = {node: reached_from(node) for node in graph}
    groups = {
        frozenset(other for other in reached[node] if node in reached[other])
        for node in graph
        if node in reached[node]
    }
    return sorted(map(sorted, groups))


def test_the_finder_of_circles() -> None:
    graph = {
        "a": {"b"},
        "b": {"c", "e"},
        "c": {"a"},
        "d": {"a", "e"},
        "e": set(),
        "f": {"g"},
        "g": {"f"},
        "h": {"h"},
    }
    assert circles(graph) == [["a", "b", "c"], ["f", "g"], ["h"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_reader_of_the_import_graph(tmp_path: Path) -> None:
    sources = {
        "top": ("__init__.py", ""),
        "top.a": ("a.py", "from .room import b, NAME\nfrom . import VERSION"),
        "top.room": ("room/__init__.py", "from .b import Thing"),
        "top.room.b": ("room/b.py", "import os\ndef late():\n    from top.a import Other"),
    }
    modules = {}
    for module, (name, source) in sources.items():
        modules[module] = tmp_path / name
        modules[module].parent.mkdir(exist_ok=True)
        modules[module].write_text(source)
    graph = import_graph(modules)
    assert graph == {
        "top": set(),
        "top.a": {"top.room.b", "top.room", "top"},
        "top.room": {"top.room.b"},
        "top.room.b": {"top.a"},
    }
    assert circles(graph) == [["top.a", "top.room", "top.room.b"]]


def test_no_module_imports_itself_by_a_detour() -> None:
    """In the whole package, the allowlist and the commands included."""
    modules = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    assert len(modules) > 50
    assert circles(import_graph(modules)) == []


def test_no_request_reads_the_public_suffix_list() -> None:
    """It is long; only a wildcard with credentials, judged at start, is worth it."""
    run(
        """
        from django.conf import settings
        settings.configure(
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=["django_cors_policy"],
            MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
            ROOT_URLCONF="tests.urls",
            CORS_POLICIES={
                "default": {
                    "ALLOW_ORIGINS": ["https://app.example.com", "https://*.example.com"],
                    "ALLOW_ORIGIN_FUNC": "tests.wire.yes",
                }
            },
        )
        import django
        django.setup()
        from django.test import Client
        from django_cors_policy.origins.sites import _public_suffixes

        client = Client()
        for origin in ("https://app.example.com", "https://a.example.com", "https://other.example"):
            response = client.get("/hello/", headers={"Origin": origin})
            assert response["Access-Control-Allow-Origin"] == origin
            headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
            assert client.options("/hello/", headers=headers).status_code == 204
        assert _public_suffixes.cache_info().currsize == 0
        """
    )


def test_decorated_views_are_found_in_a_urlconf_that_was_put_in_later() -> None:
    """What is known of the project's URLconf is forgotten with the setting."""
    run(
        """
        from django.conf import settings
        settings.configure(
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=[
                "django.contrib.auth", "django.contrib.contenttypes", "django_cors_policy",
            ],
            MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
            ROOT_URLCONF="tests.urls",
            CORS_POLICIES={"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}},
        )
        import django
        django.setup()
        from django.test import Client, override_settings
        from django_cors_policy import decorators

        headers = {
            "Origin": "https://partner.example",
            "Access-Control-Request-Method": "PUT",
        }
        assert Client().options("/function/", headers=headers).status_code == 403
        assert not decorators.any_view_decorated
        with override_settings(ROOT_URLCONF="tests.urls_decorated"):
            assert Client().options("/function/", headers=headers).status_code == 204
        """
    )


def run(script: str) -> None:
    """A fresh interpreter, for only there is it known who loads what."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
