"""What docs/stable.rst promises is what the code has: neither more nor less."""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command, load_command_class
from django.test import Client
from django.utils.module_loading import import_string

import django_cors_policy
from django_cors_policy.allowlist.conf import AllowlistSettings
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.policy import DEFAULTS, RISKS

PACKAGE = Path(django_cors_policy.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "stable.rst").read_text(encoding="utf-8")
PROMISED = {
    heading: re.findall(r"``([^`]+)``", text)
    for heading, text in re.findall(r"^(\S.*)\n((?:    .+\n)+)", PAGE, re.MULTILINE)
}
APP = "https://app.example.com"


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The long options of a command and its subcommands, but for Django's own."""
    of_django = {
        option
        for action in load_command_class("django.core", "check").create_parser("", "")._actions
        for option in action.option_strings
    } | {"--skip-checks"}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from options_of(subparser)
        elif action.option_strings and not of_django & {*action.option_strings}:
            yield action.option_strings[0]


def command(app: str, name: str) -> argparse.ArgumentParser:
    return load_command_class(app, name).create_parser("manage.py", name)


def fields_of(model: Any) -> list[str]:
    return sorted(field.name for field in model._meta.get_fields() if field.name != "id")


def ids(letter: str) -> list[str]:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    if letter == "E":
        return sorted({*re.findall(r'\bid=f?"(E\d{3})"', code)})
    return sorted(
        {*re.findall(r'\bwarning\(\s*"(W\d{3})"', code)}
        | {*re.findall(r'\bid="django_cors_policy\.(W\d{3})"', code)}
    )


@pytest.mark.parametrize(
    ("heading", "found"),
    [
        ("Keys of a policy in ``CORS_POLICIES``", sorted(DEFAULTS)),
        ("Names of risks in ``ACCEPT_RISKS``", sorted(RISKS)),
        (
            "Keys of ``CORS_ALLOWLIST``",
            sorted(field.name.upper() for field in fields(AllowlistSettings)),
        ),
        (
            "Fields of ``django_cors_policy.allowlist.models.AllowedOrigin``",
            fields_of(AllowedOrigin),
        ),
        (
            "Fields of ``django_cors_policy.allowlist.models.RefusedOrigin``",
            fields_of(RefusedOrigin),
        ),
        (
            "Options of ``cors_policies``",
            sorted(options_of(command("django_cors_policy", "cors_policies"))),
        ),
        (
            "Options of ``cors_explain``",
            sorted(options_of(command("django_cors_policy", "cors_explain"))),
        ),
        (
            "Options of ``cors_origins``",
            sorted({*options_of(command("django_cors_policy.allowlist", "cors_origins"))}),
        ),
        ("Ids of errors", ids("E")),
        ("Ids of warnings", ids("W")),
    ],
)
def test_a_list_is_complete(heading: str, found: list[str]) -> None:
    assert PROMISED[heading] == found


def test_subcommands() -> None:
    parser = command("django_cors_policy.allowlist", "cors_origins")
    [choices] = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    assert PROMISED["Subcommands of ``cors_origins``"] == sorted(choices)


def test_paths_and_labels() -> None:
    *installed, middleware = PROMISED["Paths in settings"]
    assert callable(import_string(middleware))
    configs = [apps.get_app_config(label) for label in PROMISED["Labels of the apps"]]
    assert [config.name for config in configs] == installed


def test_signatures() -> None:
    found = [
        f"{function.__name__}{inspect.signature(function)}"
        for function in (cors_policy, same_origin_only)
    ]
    plain = [re.sub(r": ?'?[\w\[\], .]+'?(?= =|,|\)|$)", "", text) for text in found]
    plain = [re.sub(r" = ", "=", text.partition(" ->")[0]) for text in plain]
    assert PROMISED["``django_cors_policy.decorators``"] == plain


def test_exceptions() -> None:
    assert PROMISED["``django_cors_policy.exceptions``"] == ["PolicyError", "PolicyErrors"]
    error = PolicyError("value", "reason", "hint", "E001", "key")
    public = {name for name in [*vars(error), "message"] if not name.startswith("_")}
    assert PROMISED["Attributes of ``PolicyError``"] == sorted(public)
    assert PROMISED["Attributes of ``PolicyErrors``"] == [*vars(PolicyErrors([error]))]


def test_what_cors_policies_says(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("cors_policies", "--format=json")
    row, *_ = json.loads(capsys.readouterr().out)
    assert PROMISED["Keys of each row in the JSON of ``cors_policies``"] == sorted(row)


def test_what_cors_explain_says(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}

    def explained(*arguments: str) -> tuple[int, Any]:
        status = 0
        try:
            call_command("cors_explain", *arguments, "--format=json")
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        return status, json.loads(capsys.readouterr().out)

    allowed, _ = explained(APP, "GET", "/hello/")
    blocked, told = explained("https://other.example", "PUT", "/hello/")
    assert PROMISED["Keys of the JSON of ``cors_explain``"] == sorted(told)
    [cause] = told["causes"]
    assert PROMISED["Keys of each cause and note"] == sorted(cause)
    assert PROMISED["Keys of each fix"] == sorted(cause["fixes"][0])
    with pytest.raises(Exception, match="is no") as misused:
        explained("no origin", "GET", "/hello/")
    statuses = [allowed, blocked, misused.value.returncode]  # type: ignore[attr-defined]
    assert PROMISED["Exit statuses of ``cors_explain``"] == list(map(str, statuses))


def test_the_log(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    [name] = PROMISED["Logger"]
    with caplog.at_level(logging.INFO, name):
        Client().get("/hello/", headers={"origin": "https://other.example"})
    [record] = [record for record in caplog.records if record.name == name]
    found = sorted(key for key in vars(record) if key.startswith("cors_"))
    assert PROMISED["Fields of the record of a refusal"] == found


def test_retired_ids_are_not_used() -> None:
    retired = PROMISED["Ids that were used once and are not used again"]
    assert not {*retired} & {*ids("E"), *ids("W")}
