"""W002 to W004: the middleware is missing, stands there twice, or behind one that answers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from django_cors_policy.checks import check_middleware

from .common import (
    AUTH,
    COMMON,
    CSRF,
    FETCH_FROM_CACHE,
    OURS,
    SECURITY,
    SESSION,
    UPDATE_CACHE,
    warning,
)


def test_w002_missing_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = [COMMON]
    assert check_middleware() == [
        warning(
            "W002",
            "MIDDLEWARE",
            f"{OURS!r} is missing, so the policies have no effect.",
            "Put it first in MIDDLEWARE.",
        )
    ]


def test_w003_twice(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, COMMON, OURS]
    assert check_middleware() == [
        warning(
            "W003",
            "MIDDLEWARE[2]",
            f"{OURS!r} is listed a second time.",
            "Remove it and keep MIDDLEWARE[0].",
        )
    ]


@pytest.mark.parametrize("middleware", [[0, 1], [1, 0]], ids=["before", "behind"])
def test_w003_beside_django_cors_headers(settings: Any, middleware: list[int]) -> None:
    both = [OURS, "corsheaders.middleware.CorsMiddleware"]
    settings.MIDDLEWARE = [both[index] for index in middleware]
    assert check_middleware() == [
        warning(
            "W003",
            f"MIDDLEWARE[{middleware.index(1)}]",
            "'corsheaders.middleware.CorsMiddleware' also answers CORS requests, "
            "with different rules.",
            "Remove one of the two.",
        )
    ]


def test_w004_behind_one_that_answers(settings: Any) -> None:
    settings.MIDDLEWARE = [COMMON, OURS]
    assert check_middleware() == [
        warning(
            "W004",
            "MIDDLEWARE[0]",
            f"{COMMON!r} (redirects with APPEND_SLASH) can respond before {OURS!r}. Browsers then "
            "see no CORS headers.",
            f"Move {OURS!r} to the top of MIDDLEWARE.",
        )
    ]


@pytest.mark.parametrize("path", [UPDATE_CACHE, "django.middleware.cache.CacheMiddleware"])
def test_w004_a_cache_outside_keeps_cors_headers(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, OURS, FETCH_FROM_CACHE]
    assert check_middleware() == [
        warning(
            "W004",
            "MIDDLEWARE[0]",
            f"{path!r} comes before {OURS!r} and stores responses with their CORS headers. An "
            "origin that you remove can still read them until they expire.",
            f"Move {OURS!r} to the top of MIDDLEWARE.",
        )
    ]


def test_w004_answers_from_the_cache(settings: Any) -> None:
    settings.MIDDLEWARE = [FETCH_FROM_CACHE, OURS]
    [message] = check_middleware()
    assert message.msg == (
        f"{FETCH_FROM_CACHE!r} comes before {OURS!r} and returns responses from the cache. "
        "Browsers then see the stored CORS headers, or none."
    )


def test_w004_one_message_lists_all(settings: Any) -> None:
    """What django-admin startproject writes, and ours at the end."""
    settings.MIDDLEWARE = [SECURITY, SESSION, COMMON, CSRF, AUTH, OURS]
    assert check_middleware() == [
        warning(
            "W004",
            "MIDDLEWARE",
            f"{SESSION!r} (status 400 for a deleted session), {COMMON!r} (redirects with "
            f"APPEND_SLASH), {CSRF!r} (status 403 for rejected requests) can respond before "
            f"{OURS!r}. Browsers then see no CORS headers.",
            f"Move {OURS!r} to the top of MIDDLEWARE.",
        )
    ]


def test_w004_one_message_for_caches_too(settings: Any) -> None:
    settings.MIDDLEWARE = [UPDATE_CACHE, COMMON, OURS, CSRF, FETCH_FROM_CACHE]
    [message] = check_middleware()
    assert (message.obj, message.msg) == (
        "MIDDLEWARE",
        f"{COMMON!r} (redirects with APPEND_SLASH) can respond before {OURS!r}. Browsers then see "
        f"no CORS headers. {UPDATE_CACHE!r} comes before {OURS!r} and stores responses with their "
        "CORS headers. An origin that you remove can still read them until they expire.",
    )


@pytest.mark.parametrize("before", ["gzip.GZipMiddleware", "common.CommonMiddleware"])
def test_a_project_without_users(before: str) -> None:
    """The checks must not import what the project has not installed."""
    script = f"""
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["django_cors_policy"],
            MIDDLEWARE=["django.middleware.{before}", "{OURS}"],
            ROOT_URLCONF="django.contrib.staticfiles.urls",
            CORS_POLICIES={{}},
            SECRET_KEY="x",
        )
        django.setup()
        from django_cors_policy.checks import check_middleware
        print([message.id for message in check_middleware()])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    expected = "['django_cors_policy.W004']\n" if "Common" in before else "[]\n"
    assert (run.stdout, run.stderr) == (expected, "")
