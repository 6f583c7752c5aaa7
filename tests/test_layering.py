"""The order of the rooms: each may import what stands above it, and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
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
    "sources",
    "refusals",
    "conf",
    "decorators",
    "inspection",
    "resolution",
    "reasons",
    "notes",
    "middleware",
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


def test_no_request_reads_the_public_suffix_list() -> None:
    """It is long; only a wildcard with credentials, judged at start, is worth it."""
    run(
        """
        from django.conf import settings
        settings.configure(
            ALLOWED_HOSTS=["*"],
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
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
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
        assert not decorators.in_use
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
