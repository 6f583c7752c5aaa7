"""A paste of many rows: previewed, and then added."""

from __future__ import annotations

import html
import itertools
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_cors_policy.allowlist import coverage
from django_cors_policy.allowlist.admin import allowed as our_admin
from django_cors_policy.allowlist.admin.forms import LONGEST_PASTE, MOST_ORIGINS
from django_cors_policy.allowlist.admin.many import plan_additions
from django_cors_policy.allowlist.batches import Plan
from django_cors_policy.allowlist.models import AllowedOrigin

from .pages import (
    ADD_MANY,
    LIST,
    PASTE,
    add,
    add_raw,
    expiry,
    hidden_fields,
    in_,
    log,
    many,
    plan_of,
    project,
    text_of,
    token,
    told,
    user_who_may,
)

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db


def test_a_paste_is_previewed_and_then_added(admin: Client) -> None:
    there = add("https://there.example")
    add("https://off.example", is_enabled=False)
    LogEntry.objects.all().delete()
    data = many(PASTE, note="Spring", **expiry(in_(days=30)))
    response = admin.post(ADD_MANY, {**data, "_preview": "Preview"})
    assert plan_of(response) == {
        "added": [
            (3, "https://shop.example"),
            (4, "https://*.xn--bcher-kva.example"),
            (5, "https://app.example.com"),
            (13, "https://a.xn--bcher-kva.example"),
        ],
        "unchanged": [(6, "https://there.example"), (10, "https://off.example")],
        "duplicates": [(9, "https://shop.example")],
        "refused": [
            (7, "https://checkout.example/cart/#pay"),
            (8, "http://globex.example"),
            (11, "https://one.example https://two.example"),
        ],
    }
    page = text_of(response)
    for said in (
        "4 origins would be added",
        "https://*.b\u00fccher.example line 4 "
        "Browsers send it as https://*.xn--bcher-kva.example. Spring",
        "ACME, asked by Sales",
        "Changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][0] already allows it.",
        "Changes nothing: the row \u201chttps://*.b\u00fccher.example\u201d already allows it.",
        "2 origins already exist and do not change",
        "https://off.example line 10 disabled",
        "Same as line 3.",
        "3 origins cannot be added",
        "'https://checkout.example/cart/#pay' has a path; an origin has none. "
        "Write 'https://checkout.example'.",
        "'http://globex.example' uses http: an attacker on the network can act as this origin",
        "contains several origins; a list needs a separate string for each. "
        "Write 'https://one.example', 'https://two.example'.",
    ):
        assert said in page
    assert f'href="{LIST}{there.pk}/change/"' in response.content.decode()
    assert AllowedOrigin.objects.count() == 2
    assert log() == []

    # What the preview carries along is all that it needs.
    sent = hidden_fields(response)
    before = token()
    response = admin.post(ADD_MANY, {**sent, "_confirm": "Add"})
    assert response.status_code == 302
    assert response.url == LIST
    assert told(response) == ["4 origins added."]
    assert token() != before
    rows = {row.origin: row for row in AllowedOrigin.objects.all()}
    assert len(rows) == 6
    assert rows["https://shop.example"].note == "ACME, asked by Sales"
    assert rows["https://*.xn--bcher-kva.example"].note == "Spring"
    assert rows["https://app.example.com"].allow_credentials
    expires_at = timezone.localtime(rows["https://app.example.com"].expires_at)
    assert f"{expires_at:%Y-%m-%d %H:%M:%S}" == f"{data['expires_at_0']} 12:00:00"
    assert rows["https://there.example"].note == ""
    assert {entry[:2] for entry in log()} == {
        (str(rows[origin]), ADDITION) for _, origin in plan_of_additions()
    }
    assert all(message == "Added." for *_, message in log())
    ids = {str(row.pk) for row in rows.values()}
    assert {entry.object_id for entry in LogEntry.objects.all()} <= ids


def plan_of_additions() -> list[tuple[int, str]]:
    return [
        (3, "https://shop.example"),
        (4, "https://*.xn--bcher-kva.example"),
        (5, "https://app.example.com"),
        (13, "https://a.xn--bcher-kva.example"),
    ]


def test_going_back_loses_nothing(admin: Client) -> None:
    data = many(PASTE, policy="partners", note="kept", allow_credentials=None)
    sent = hidden_fields(admin.post(ADD_MANY, data))
    response = admin.post(ADD_MANY, {**sent, "_edit": "Edit"})
    form = response.context["adminform"].form
    assert form["origins"].value().replace("\r\n", "\n") == PASTE
    assert form["policy"].value() == "partners"
    assert form["note"].value() == "kept"
    assert not form["allow_credentials"].value() or form["allow_credentials"].value() == "False"
    assert not form.errors


@pytest.mark.parametrize(
    ("fields", "name", "error"),
    [
        ({"origins": ""}, "origins", "This field is required."),
        (
            {"origins": "# only\n  \n # this"},
            "origins",
            "The text contains no origins. Write one origin per line.",
        ),
        (
            {"origins": "https://a.example\n" * (MOST_ORIGINS + 1)},
            "origins",
            f"There are {MOST_ORIGINS + 1} origins; the limit is {MOST_ORIGINS}. "
            "Add them in smaller groups.",
        ),
        (
            {"origins": "#" * (LONGEST_PASTE + 1)},
            "origins",
            f"The text has {LONGEST_PASTE + 1} characters; the limit is {LONGEST_PASTE}. "
            "Add the origins in smaller groups.",
        ),
        ({"origins": "https://a\0.example"}, "origins", "Null characters are not allowed."),
        (
            {"policy": "partner"},
            "policy",
            "'partner' is not a policy in CORS_POLICIES. Did you mean 'partners'?",
        ),
        ({"expires_at_0": "tomorrow"}, "expires_at", "Enter a valid date."),
    ],
)
@pytest.mark.parametrize("button", ["_preview", "_confirm", "_edit"])
def test_a_paste_with_errors_is_shown_again(
    admin: Client, fields: dict[str, str], name: str, error: str, button: str
) -> None:
    data = many("https://kept.example", note="kept") | fields
    response = admin.post(ADD_MANY, {**data, button: "x"})
    form = response.context["adminform"].form
    assert error in form.errors[name]
    assert form["origins"].value() == data["origins"]
    assert 'value="kept"' in response.content.decode()
    assert not AllowedOrigin.objects.exists()


@pytest.mark.slow
def test_a_paste_of_the_most_origins(admin: Client) -> None:
    origins = "\n".join(f"https://a{number}.example" for number in range(MOST_ORIGINS))
    with CaptureQueriesContext(connection) as queries:
        response = admin.post(ADD_MANY, {**many(origins), "_preview": "Preview"})
    assert len(plan_of(response)["added"]) == MOST_ORIGINS
    assert len(queries) < 15
    with CaptureQueriesContext(connection) as queries:
        response = admin.post(ADD_MANY, {**many(origins), "_confirm": "Add"})
    assert told(response) == [f"{MOST_ORIGINS} origins added."]
    assert LogEntry.objects.count() == MOST_ORIGINS
    # The token, the row and its entry in the log, as if each were added by itself.
    assert len(queries) < 3 * MOST_ORIGINS + 15


@pytest.mark.slow
def test_what_is_compared_is_bounded(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    entries_that_allow = coverage.entries_that_allow

    def count(origin: str) -> list[str]:
        entries = entries_that_allow(origin)
        counts.append(len(entries))
        return entries

    monkeypatch.setattr(coverage, "entries_that_allow", count)
    add("https://*.h7.example:*")
    below = ".".join("abcdefghijklmnopqrstuvwxyz")
    lines = [f"https://*.{below}.h{n}.example:*" for n in range(MOST_ORIGINS)]
    with CaptureQueriesContext(connection) as queries:
        response = admin.post(ADD_MANY, many("\n".join(lines)))
    additions = response.context["plan"].added
    assert len(additions) == MOST_ORIGINS
    assert {line.row.origin: line.remarks for line in additions if line.remarks} == {
        lines[7]: ["Changes nothing: the row \u201chttps://*.h7.example:*\u201d already allows it."]
    }
    assert sum(counts) <= coverage.MOST_LOOKED_UP + max(counts)
    assert len(queries) < 15


def test_a_note_that_is_too_long_is_refused_with_its_line(admin: Client) -> None:
    response = admin.post(ADD_MANY, many(f"https://a.example {'n' * 201}"))
    assert plan_of(response)["refused"] == [(1, "https://a.example")]
    assert "at most 200 characters" in text_of(response)
    assert "Nothing would be added." in text_of(response)
    assert "_confirm" not in response.content.decode()


def test_a_paste_is_escaped(admin: Client) -> None:
    attack = "<script>alert(1)</script>"
    origins = f"{attack}\nhttps://a.example {attack}\n\"'>{attack}"
    for button in ("_preview", "_edit"):
        body = admin.post(ADD_MANY, {**many(origins), button: "x"}).content.decode()
        assert attack not in body
        assert html.escape(attack) in body


def test_what_somebody_else_adds_meanwhile_undoes_nothing_by_halves(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()

    def plan_and_be_overtaken(lines: Any, using: str) -> Plan:
        planned = plan_additions(lines, using)
        if next(calls) == 0:
            add("https://b.example")
        return planned

    monkeypatch.setattr(our_admin, "plan_additions", plan_and_be_overtaken)
    data = many("https://a.example\nhttps://b.example")
    response = admin.post(ADD_MANY, {**data, "_confirm": "Add"})
    assert "Nothing was added: another user has just added one of these origins." in text_of(
        response
    )
    assert hidden_fields(response)["origins"] == data["origins"]
    assert not AllowedOrigin.objects.filter(origin="https://a.example").exists()
    assert log() == []


def test_confirming_what_exists_by_now_adds_nothing(admin: Client) -> None:
    add("https://a.example")
    response = admin.post(ADD_MANY, {**many("https://a.example"), "_confirm": "Add"})
    assert "Nothing would be added." in text_of(response)
    assert AllowedOrigin.objects.count() == 1


def test_letters_case_is_no_difference_to_an_existing_row(admin: Client) -> None:
    # MariaDB compares so, and would refuse the second row.
    add_raw(origin="https://A.example")
    response = admin.post(ADD_MANY, many("https://a.example"))
    name = "unchanged" if connection.vendor == "mysql" else "added"
    assert len(plan_of(response)[name]) == 1


def test_many_want_the_permission_to_add() -> None:
    client = user_who_may("view", "change", "delete")
    assert client.get(ADD_MANY).status_code == 403
    assert client.post(ADD_MANY, {**many("https://a.example"), "_confirm": ""}).status_code == 403
    assert ADD_MANY not in client.get(LIST).content.decode()
    assert not AllowedOrigin.objects.exists()
    assert Client().get(ADD_MANY).status_code == 302


def test_who_may_only_add_gets_no_links_that_are_refused() -> None:
    add("https://there.example")
    client = user_who_may("add")
    assert LIST + '"' not in client.get(ADD_MANY).content.decode()
    response = client.post(ADD_MANY, many("https://there.example\nhttps://a.example"))
    assert "/change/" not in response.content.decode()
    assert "https://there.example line 1 live" in text_of(response)
    response = client.post(ADD_MANY, {**many("https://a.example"), "_confirm": ""})
    assert told(response) == ["1 origin added."]


def test_many_are_safe_from_other_sites(admin: Client) -> None:
    admin.handler.enforce_csrf_checks = True
    response = admin.post(ADD_MANY, {**many("https://a.example"), "_confirm": ""})
    assert response.status_code == 403
    assert not AllowedOrigin.objects.exists()


def test_the_list_leads_to_adding_many(admin: Client) -> None:
    assert f'href="{ADD_MANY}"' in admin.get(LIST).content.decode()
    assert ADD_MANY not in admin.get(f"{LIST}?_popup=1").content.decode()
