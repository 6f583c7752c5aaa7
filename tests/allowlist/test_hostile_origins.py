"""What no parser can read ends in an answer, wherever an origin is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from django_cors_policy.allowlist.models import AllowedOrigin

from .admin.pages import ADD, ADD_MANY, LIST, form_data, many, plan_of, project, text_of
from .admin.test_refused import LIST as REFUSED_LIST

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db

BRACKETS = [f"https://{'(' * count}" for count in (300, 500, 1500, 5000, 100_000)]


@pytest.fixture(params=BRACKETS, ids=len)
def brackets(request: Any) -> str:
    return str(request.param)


def test_in_the_search(admin_client: Client, brackets: str) -> None:
    for url in (LIST, REFUSED_LIST):
        assert text_of(admin_client.get(url, {"q": brackets}))


def test_in_the_tester(admin_client: Client, brackets: str) -> None:
    response = admin_client.get(f"{LIST}test/", {"origin": brackets, "url": "/hello/"})
    assert "origin" in response.context["adminform"].form.errors


def test_in_the_form(admin_client: Client, brackets: str) -> None:
    response = admin_client.post(ADD, form_data(origin=brackets))
    assert "origin" in response.context["adminform"].form.errors


def test_in_a_paste(admin_client: Client, brackets: str) -> None:
    response = admin_client.post(ADD_MANY, many(brackets))
    assert plan_of(response)["added"] == []
    assert len(response.context["plan"].refused) == 1


@pytest.mark.parametrize("format", ["json", "csv"])
def test_in_an_import(brackets: str, format: str, tmp_path: Path) -> None:
    file = tmp_path / f"rows.{format}"
    file.write_text(f'[{{"origin": "{brackets}"}}]' if format == "json" else f"origin\n{brackets}")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("cors_origins", "import", str(file))
    assert not AllowedOrigin.objects.exists()


@pytest.mark.parametrize("command", ["add", "remove"])
def test_in_the_terminal(brackets: str, command: str) -> None:
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("cors_origins", command, brackets)
