from __future__ import annotations

import copy
import re

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cors_policy.exceptions import PolicyError, PolicyErrors, did_you_mean

ERROR = PolicyError("https://a/", "has a path; an origin has none", "Write 'https://a'.", id="E005")


def test_without_a_place() -> None:
    assert str(ERROR) == "'https://a/' has a path; an origin has none. Write 'https://a'."


def test_at_a_place() -> None:
    """The same problem, and the first one stays as it was."""
    error = ERROR.at("CORS_POLICIES['default']['ALLOW_ORIGINS'][2]")
    assert str(error) == (
        "CORS_POLICIES['default']['ALLOW_ORIGINS'][2]: "
        "'https://a/' has a path; an origin has none. Write 'https://a'."
    )
    assert (error.value, error.reason, error.hint, error.id) == (
        ERROR.value,
        ERROR.reason,
        ERROR.hint,
        ERROR.id,
    )
    assert ERROR.key == ""


def test_parts_for_a_form() -> None:
    assert ERROR.message == "'https://a/' has a path; an origin has none."
    assert ERROR.hint == "Write 'https://a'."


@pytest.mark.parametrize(
    "value",
    ["x" * 5000, ["x" * 5000] * 50, {"x" * n: n for n in range(500)}, re.compile("x" * 5000)],
)
def test_long_values_are_cut(value: object) -> None:
    """A setting filled from a file by mistake must not bury its own message."""
    assert len(PolicyError(value, "is wrong", "Mend it.", id="E001").message) < 700


def test_one_error_reads_as_itself() -> None:
    assert str(PolicyErrors([ERROR.at("A")])) == str(ERROR.at("A"))


def test_several_errors_are_listed() -> None:
    assert str(PolicyErrors(ERROR.at(place) for place in "AB")) == (
        "2 problems:\n"
        "- A: 'https://a/' has a path; an origin has none. Write 'https://a'.\n"
        "- B: 'https://a/' has a path; an origin has none. Write 'https://a'."
    )


@pytest.mark.parametrize("error", [ERROR, PolicyErrors([ERROR])], ids=["one", "several"])
def test_django_knows_them(error: Exception) -> None:
    assert isinstance(error, ImproperlyConfigured)


def test_can_be_copied() -> None:
    """By the protocol that pickle shares: test runners send exceptions between processes."""
    again = copy.copy(ERROR.at("A"))
    assert (str(again), again.key, again.id) == (str(ERROR.at("A")), "A", "E005")


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("ALLOWED_ORIGINS", ["ALLOW_ORIGINS", "MAX_AGE"], "Did you mean 'ALLOW_ORIGINS'?"),
        ("allow_origins", ["ALLOW_ORIGINS", "MAX_AGE"], "Did you mean 'ALLOW_ORIGINS'?"),
        ("Max_Age", ["allow_origins", "max_age"], "Did you mean 'max_age'?"),
        ("insecure_http", ["insecure-http", "public-suffix"], "Did you mean 'insecure-http'?"),
        ("xyz", ["insecure-http", "public-suffix"], "Choose from insecure-http, public-suffix."),
        (5, ["a", "b"], "Choose from a, b."),
        ("default", [], "None is defined."),
    ],
)
def test_did_you_mean(word: object, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
