"""Only what works is offered: each fix is applied to a copy, and the call is played again."""

from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.urls import path

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.conf import policy_book
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.explain import Finding, explain

from .site import APP, hello
from .test_fixes import OURS

pytestmark = pytest.mark.usefixtures("small_site")

HTTP_API = "http://api.example.com/plain/"
LONG_AGO = datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone.utc)
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def places(finding: Finding) -> list[str]:
    return [fix.where for fix in finding.fixes]


def commands(finding: Finding) -> list[str]:
    return [line for fix in finding.fixes if fix.where == "shell" for line in fix.lines]


def test_row_that_its_policy_would_refuse_is_not_offered(rows: None, settings: Any) -> None:
    """``cors_origins add http://... --credentials --update`` is refused by the command itself."""
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    AllowedOrigin.objects.filter(origin="http://row.example").update(allow_credentials=False)
    (cause,) = explain("http://row.example", "GET", HTTP_API, credentials=True).causes
    assert cause.code == "row-credentials"
    assert places(cause) == ["script", "server"]
    assert "uses http" in cause.fixes[1].lines[0]
    with pytest.raises(CommandError, match="uses http"):
        call_command("cors_origins", "add", "http://row.example", "--credentials", "--update")


@pytest.mark.parametrize(
    ("credentials", "where"), [(False, ["shell", "server"]), (True, ["server"])]
)
def test_new_row_has_no_credentials_unless_they_are_needed(
    rows: None, settings: Any, credentials: bool, where: list[str]
) -> None:
    """Without credentials even http is fine, which settings cannot say of one origin."""
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    origin = "http://intra.example"
    (cause,) = explain(origin, "GET", HTTP_API, credentials=credentials).causes
    assert places(cause) == where
    if not credentials:
        [command] = commands(cause)
        assert command.endswith(f"add {origin} --no-credentials --expires 30d")
        call_command(*command.split()[2:], verbosity=0)
        assert explain(origin, "GET", HTTP_API).is_allowed


def test_needed_credentials_are_in_the_new_row(rows: None, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    origin = "https://intra.example"
    (cause,) = explain(origin, "GET", "/plain/", credentials=True).causes
    [command] = commands(cause)
    assert command.endswith(f"add {origin} --expires 30d")
    call_command(*command.split()[2:], verbosity=0)
    assert explain(origin, "GET", "/plain/", credentials=True).is_allowed


def test_expired_row_gets_an_end(rows: None, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    # Which covers the origin too.
    AllowedOrigin.objects.filter(origin="https://*.row.example").delete()
    (cause,) = explain("https://expired.row.example", "GET", "/plain/").causes
    assert commands(cause)[0].endswith("add https://expired.row.example --expires 30d --update")


@pytest.mark.parametrize(
    ("origin", "fields", "command"),
    [
        ("https://disabled.example", {}, "enable https://disabled.example"),
        ("https://disabled.example", {"expires_at": LONG_AGO}, "enable {} --expires 30d"),
        ("http://disabled.example", {}, "enable {} --no-credentials"),
        (
            "http://disabled.example",
            {"expires_at": LONG_AGO},
            "enable {} --no-credentials --expires 30d",
        ),
        (
            "http://disabled.example",
            {"is_enabled": True, "expires_at": LONG_AGO},
            "add {} --no-credentials --expires 30d --update",
        ),
    ],
    ids=["disabled", "also-expired", "also-refused", "all", "expired-and-refused"],
)
def test_row_changes_only_where_something_keeps_it_out_of_force(
    origin: str, fields: dict[str, Any], command: str, rows: None, settings: Any
) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    row = AllowedOrigin.objects.get(origin="https://disabled.example")
    values = {"origin": origin, "note": "Ann's", **fields}
    AllowedOrigin.objects.filter(pk=row.pk).update(**values)
    url = HTTP_API if origin.startswith("http:") else "/plain/"
    (cause,) = explain(origin, "GET", url).causes
    [line] = commands(cause)
    assert line == f"python manage.py cors_origins {command.format(origin)}"
    call_command(*line.split()[2:], verbosity=0)
    assert explain(origin, "GET", url).is_allowed
    row.refresh_from_db()
    assert row.note == "Ann's"


def test_row_that_cannot_get_the_credentials_that_the_call_needs(rows: None, settings: Any) -> None:
    """The fix is a step: the explanation after it says that the row has no credentials."""
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    AllowedOrigin.objects.filter(origin="http://row.example").update(is_enabled=False)
    (cause,) = explain("http://row.example", "GET", HTTP_API, credentials=True).causes
    [line] = commands(cause)
    call_command(*line.split()[2:], verbosity=0)
    (cause,) = explain("http://row.example", "GET", HTTP_API, credentials=True).causes
    assert cause.code == "row-credentials"


def test_settings_that_another_policy_would_refuse_are_not_offered(settings: Any) -> None:
    """Credentials of the view's decorator come from "default", which allows any origin."""
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*"]}}
    settings.ROOT_URLCONF = (path("here/", cors_policy(allow_origins=[APP])(hello)),)
    (cause,) = explain(APP, "PUT", "/here/", credentials=True).causes
    assert cause.code == "credentials"
    assert places(cause) == ["script", "server"]
    assert "CORS_POLICIES['default']['ALLOW_ORIGINS'][0]" in cause.fixes[1].lines[0]


def test_row_under_a_decorator(rows: None, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    settings.ROOT_URLCONF = (path("here/", cors_policy(max_age=60)(hello)),)
    (cause,) = explain("https://intra.example", "GET", "/here/").causes
    call_command(*commands(cause)[0].split()[2:], verbosity=0)
    assert explain("https://intra.example", "GET", "/here/").is_allowed


def test_script_that_would_be_blocked_is_not_offered(settings: Any) -> None:
    """The token's cookie needs credentials, and the policy has none."""
    settings.MIDDLEWARE = [OURS, CSRF]
    settings.CSRF_TRUSTED_ORIGINS = [APP]
    for allow_credentials, where in ((False, []), (True, ["script"])):
        settings.CORS_POLICIES = {
            "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": allow_credentials}
        }
        [note] = explain(APP, "POST", "/plain/").notes
        assert note.code == "csrf-token"
        assert places(note) == where


def test_what_cannot_be_tried_is_a_guess(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    settings.ROOT_URLCONF = (path("here/", same_origin_only(hello)),)
    (cause,) = explain(APP, "GET", "/here/").causes
    [(lead, fix)] = cause.advice()
    assert fix.is_guess
    assert lead.startswith("Not tried: replace @same_origin_only on ")


def test_rows_that_cannot_be_read_are_a_guess(rows: None, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    with connection.execute_wrapper(_refuse_queries):
        (cause,) = explain("https://intra.example", "GET", "/plain/").causes
    assert [(fix.where, fix.is_guess) for fix in cause.fixes] == [
        ("shell", True),
        ("settings", False),
    ]
    assert [lead[:11] for lead, _ in cause.advice()] == ["Not tried: ", "Or in setti"]


def _refuse_queries(*args: Any) -> Any:
    raise OperationalError("gone")


def test_the_policies_in_force_stay(rows: None, settings: Any) -> None:
    """Another thread reads the policies all the time, while fixes of all kinds are tried."""
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    book = policy_book()
    others: set[int] = set()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            others.add(id(policy_book()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for _ in range(3):
            explain("https://intra.example", "PURGE", "/plain/", headers=["x-a"])
            explain(APP, "PURGE", "/plain/")
    finally:
        is_over.set()
        thread.join()
    assert others == {id(book)}
    assert list(book.policies["default"].config["ALLOW_ORIGINS"]) == [APP]
    assert not AllowedOrigin.objects.filter(origin="https://intra.example").exists()


def test_two_fixes_do_not_shadow_each_other(settings: Any) -> None:
    """Each adds one item to the list that is there."""
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://a.example"]}}
    texts = []
    for number in range(2):
        origin = f"https://{number}.example.net"
        (cause,) = explain(origin, "GET", "/plain/").causes
        texts.append(cause.fixes[0].text)
        assert texts[-1] == f'In settings, add "{origin}" to "ALLOW_ORIGINS" of policy "default".'


def test_hosts_of_debug_stay_allowed(settings: Any) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = True, []
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP]}}
    note = explain(APP, "GET", "https://api.example.com/plain/").notes[0]
    assert note.code == "allowed-hosts"
    [line] = note.fixes[0].lines
    for host in (".localhost", "127.0.0.1", "[::1]", "api.example.com"):
        assert f'"{host}"' in line
