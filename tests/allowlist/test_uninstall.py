"""Taking the app out again leaves no table, and a project that works without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from django_cors_policy.allowlist.models import AllowedOrigin

PROJECT = """
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    CORS_POLICIES={"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}},
    INSTALLED_APPS=["django_cors_policy"],
    MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
    ROOT_URLCONF="tests.urls",
    SECRET_KEY="-",
)
import django

django.setup()

from django.apps import apps
from django.core.management import call_command
from django.test import Client

call_command("check", fail_level="WARNING")
assert not any(model.__module__.startswith("django_cors_policy") for model in apps.get_models())
for origin, allowed in ("https://app.example.com", True), ("https://row.example", False):
    response = Client().get("/hello/", headers={"origin": origin})
    assert response.has_header("Access-Control-Allow-Origin") == allowed
"""


def our_tables() -> list[str]:
    return [table for table in connection.introspection.table_names() if "cors_policy" in table]


@pytest.mark.django_db(transaction=True)
def test_no_table_is_left() -> None:
    AllowedOrigin.objects.create(origin="https://a.example")
    assert our_tables()
    try:
        call_command("migrate", "cors_policy_allowlist", "zero", verbosity=0)
        assert our_tables() == []
    finally:
        call_command("migrate", "cors_policy_allowlist", verbosity=0)
    assert our_tables()


def test_a_project_without_it_works() -> None:
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", PROJECT],
        cwd=root,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
