"""The page that allows refused origins: options and preview, for the action and for an entry."""

from __future__ import annotations

import datetime
import html
import re
from typing import Any

import pytest
from django import forms
from django.contrib import admin as django_admin
from django.db.models import DateTimeField
from django.forms.utils import from_current_timezone, to_current_timezone
from django.test import Client
from django.utils import timezone

from django_cors_policy.allowlist.admin import proposals
from django_cors_policy.allowlist.admin.forms import MOST_ORIGINS, proposed_expiry
from django_cors_policy.allowlist.admin.many import plan_additions
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin

from .pages import add, expiry, hidden_fields, in_, log, project, text_of, told
from .test_refused import (
    LIST,
    ORIGIN,
    allow,
    allowed_rows,
    confirm,
    preview,
    recording,
    refuse,
    user_who_may,
)

__all__ = ["project", "recording"]  # fixtures that every test here uses

pytestmark = pytest.mark.django_db


def test_the_page_proposes_little(admin: Client) -> None:
    row = refuse("http://insecure.example")
    page = allow(admin, row)
    assert "1 origin would be added http://insecure.example" in text_of(page)
    body = page.content.decode()
    assert re.search(r'<input type="checkbox" name="allow_credentials"[^>]*>', body)
    assert "checked" not in body
    proposed = {
        name: re.findall(rf'name="{name}" value="([^"]*)"', body)
        for name in ("expires_at_0", "expires_at_1", "note")
    }
    assert proposed["note"] == []
    sent = {name: values[0] for name, values in proposed.items() if values}
    assert sent["expires_at_1"].endswith(":00")
    assert not page.context["adminform"].form.errors
    assert allowed_rows() == []

    assert told(confirm(admin, row, **sent)) == ["1 origin added."]
    added = AllowedOrigin.objects.get()
    assert not added.allow_credentials
    left = added.expires_at - timezone.now()
    assert datetime.timedelta(days=29, hours=23) < left < datetime.timedelta(days=30, hours=3)


def test_options_and_preview_are_on_one_page(admin: Client) -> None:
    row = refuse()
    end = expiry(in_(days=400))
    page = preview(admin, row, allow_credentials="on", note="until the move", **end)
    body = page.content.decode()
    assert f'name="expires_at_0" value="{end["expires_at_0"]}"' in body
    assert 'name="note" value="until the move"' in body
    assert "checked" in body
    assert "1 origin would be added" in text_of(page)
    assert 'value="Add 1 origin"' in body
    assert 'value="Update preview"' in body
    assert f'<a role="button" href="{LIST}" class="closelink">Cancel</a>' in body
    assert allowed_rows() == []
    confirm(admin, row, allow_credentials="on", note="until the move", **end)
    added = AllowedOrigin.objects.get()
    assert added.allow_credentials
    assert added.note == "until the move"
    assert f"{timezone.localtime(added.expires_at):%Y-%m-%d}" == end["expires_at_0"]


def test_an_expiry_that_is_cleared_means_never(admin: Client) -> None:
    row = refuse()
    proposal = re.compile(r'name="expires_at_[01]" value="[^"]')
    assert len(proposal.findall(allow(admin, row).content.decode())) == 2
    cleared = {"expires_at_0": "", "expires_at_1": ""}
    assert not proposal.search(preview(admin, row, **cleared).content.decode())
    confirm(admin, row, **cleared)
    assert AllowedOrigin.objects.get().expires_at is None


def test_wrong_options_are_shown_again_beside_the_preview(admin: Client) -> None:
    rows = [refuse(), refuse("http://insecure.example")]
    wrong = {"allow_credentials": "on", "expires_at_0": "never", "note": "x" * 201}
    shown = hidden_fields(preview(admin, *rows, allow_credentials="on"))["_shown"]
    response = allow(admin, *rows, _confirm="x", _shown=shown, **wrong)
    text, body = text_of(response), response.content.decode()
    assert "Please correct the errors below." in text
    assert re.search(r'Enter a valid date.*name="expires_at_0" value="never"', body, re.DOTALL)
    assert "at most 200 characters" in text
    assert f'name="note" value="{"x" * 201}"' in body
    assert "checked" in body
    assert f"1 origin would be added {ORIGIN} Refused 1 time" in text
    assert "1 origin cannot be added http://insecure.example" in text
    assert allowed_rows() == []
    # After the correction, the rows are still those that the page has shown.
    fields = {"_shown": hidden_fields(response)["_shown"], "_confirm": "x"}
    response = allow(admin, *rows, allow_credentials="on", note="x", **fields)
    assert told(response) == ["1 origin added."]


CHANGED = (
    "Nothing was added, because the preview has changed since you saw it. Check the updated "
    "preview and try again."
)


def test_only_what_the_page_has_shown_is_added(admin: Client) -> None:
    rows = [refuse(), refuse("http://insecure.example"), refuse("https://other.example")]
    shown = hidden_fields(allow(admin, *rows))["_shown"]

    def press_add(*rows: RefusedOrigin, **options: Any) -> Any:
        nonlocal shown
        response = allow(admin, *rows, _confirm="x", _shown=shown, **options)
        shown = hidden_fields(response).get("_shown", "")
        return response

    # With credentials, the policy refuses one.
    response = press_add(*rows, allow_credentials="on", note="kept")
    text = text_of(response)
    assert CHANGED in text
    assert "2 origins would be added" in text
    assert "1 origin cannot be added http://insecure.example" in text
    assert 'name="note" value="kept"' in response.content.decode()
    # Another user adds one.
    there = add("https://other.example")
    response = press_add(*rows, allow_credentials="on")
    assert CHANGED in text_of(response)
    assert "1 origin would be added" in text_of(response)
    assert allowed_rows() == [("default", "https://other.example")]
    # Another user removes it: more would be added than shown.
    there.delete()
    assert CHANGED in text_of(press_add(*rows, allow_credentials="on"))
    # An entry that is gone is not added.
    rows.pop().delete()
    assert CHANGED in text_of(press_add(*rows, allow_credentials="on"))
    assert allowed_rows() == []
    assert log() == []
    # Other options change nothing about it.
    assert told(press_add(*rows, allow_credentials="on", note="new")) == ["1 origin added."]
    assert AllowedOrigin.objects.get().note == "new"


@pytest.mark.parametrize("pressed", [{}, {"_preview": "x"}, {"_confirm": "x"}])
def test_entries_that_are_all_gone(admin: Client, pressed: dict[str, str]) -> None:
    rows = [refuse(), refuse("https://other.example")]
    data = {"_shown": hidden_fields(allow(admin, *rows))["_shown"], **pressed} if pressed else {}
    RefusedOrigin.objects.all().delete()
    url = f"{LIST}?policy=default"
    response = allow(admin, *rows, url=url, **data)
    assert response.status_code == 302
    assert response["Location"] == url
    assert told(response) == ["The selected entries no longer exist. Nothing was added."]
    assert allowed_rows() == []


@pytest.mark.parametrize("sent", [{}, {"_shown": ""}, {"_shown": "forged"}])
def test_without_the_page_nothing_is_added(admin: Client, sent: dict[str, str]) -> None:
    response = allow(admin, refuse(), _confirm="x", **sent)
    assert (CHANGED in text_of(response)) == bool(sent)
    assert "1 origin would be added" in text_of(response)
    assert allowed_rows() == []


def test_nothing_is_added_twice_or_by_halves(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [refuse(), refuse("https://other.example", policy="partners")]
    shown = hidden_fields(allow(admin, *rows))["_shown"]

    def plan_and_be_overtaken(lines: Any, using: str) -> Any:
        planned = plan_additions(lines, using)
        if planned.added[0].row.policy == "partners":
            monkeypatch.setattr(proposals, "plan_additions", plan_additions)
            add("https://other.example", policy="partners")
        return planned

    monkeypatch.setattr(proposals, "plan_additions", plan_and_be_overtaken)
    response = allow(admin, *rows, _confirm="x", _shown=shown)
    assert "Nothing was added: another user has just added one of these origins." in text_of(
        response
    )
    assert not AllowedOrigin.objects.filter(origin=ORIGIN).exists()
    assert log() == []
    assert confirm(admin, *rows).status_code == 302
    again = confirm(admin, *rows)
    assert "Nothing would be added." in text_of(again)
    assert "_confirm" not in again.content.decode()
    assert AllowedOrigin.objects.filter(origin=ORIGIN).count() == 1


def test_too_many_at_once(admin: Client) -> None:
    rows = RefusedOrigin.objects.bulk_create(
        [
            RefusedOrigin(
                policy="default",
                origin=f"https://{number}.example",
                count=1,
                first_seen=timezone.now(),
                last_seen=timezone.now(),
            )
            for number in range(MOST_ORIGINS + 1)
        ]
    )
    assert len(rows) > MOST_ORIGINS
    everything = {"select_across": "1", "_selected_action": [RefusedOrigin.objects.first().pk]}
    response = admin.post(LIST, {"action": "allow", "index": "0", **everything})
    assert told(response) == ["You selected more than 500 origins. Allow them in smaller groups."]
    RefusedOrigin.objects.first().delete()
    page = admin.post(LIST, {"action": "allow", "index": "0", **everything})
    assert "500 origins would be added" in text_of(page)
    assert page.content.decode().count('name="_selected_action"') == MOST_ORIGINS


def test_a_filter_outlives_the_review(admin: Client) -> None:
    row = refuse(policy="partners")
    url = f"{LIST}?policy=partners"
    data = {"action": "allow", "_selected_action": [row.pk]}
    assert f'href="{url}"' in html.unescape(admin.post(url, data).content.decode())
    assert confirm(admin, row, url=url)["Location"] == url


def test_allowing_wants_the_permission_to_add() -> None:
    row = refuse()
    viewer = user_who_may("view_refusedorigin", "view_allowedorigin", "change_allowedorigin")
    assert "allow" not in str(viewer.get(LIST).context["action_form"])
    confirm(viewer, row)
    assert allowed_rows() == []
    assert Client().get(LIST).status_code == 302


def test_who_may_only_add_gets_no_links_that_are_refused() -> None:
    add("https://there.example")
    client = user_who_may("view_refusedorigin", "add_allowedorigin")
    response = allow(client, refuse("https://there.example"), row := refuse())
    assert "/change/" not in response.content.decode()
    assert told(confirm(client, row)) == ["1 origin added."]


def test_a_site_without_the_allowlist_offers_nothing_to_allow(admin: Client) -> None:
    refuse()
    page = admin.get("/other-admin/cors_policy_allowlist/refusedorigin/")
    assert page.status_code == 200
    assert 'value="allow"' not in page.content.decode()


def test_it_is_safe_from_other_sites(admin: Client) -> None:
    row = refuse()
    shown = hidden_fields(allow(admin, row))["_shown"]
    admin.handler.enforce_csrf_checks = True
    data = {"_confirm": "x", "_shown": shown}
    assert allow(admin, row, **data).status_code == 403
    assert admin.post(page_of(row), data).status_code == 403
    assert allowed_rows() == []


# --- Allowing a single entry from its page -------------------------------------------------------


def page_of(row: RefusedOrigin) -> str:
    return f"{LIST}{row.pk}/allow/"


@pytest.mark.parametrize("query", ["", "?_changelist_filters=policy%3Dpartners"])
def test_an_entry_is_allowed_from_its_page(admin: Client, query: str) -> None:
    row = refuse("https://xn--bcher-kva.example", policy="partners")
    entry = f"{LIST}{row.pk}/change/{query}"
    url = page_of(row) + query
    assert f'<a href="{url}">Allow this origin</a>' in admin.get(entry).content.decode()
    page = admin.get(url)
    text, body = text_of(page), page.content.decode()
    assert "Allow https://b\u00fccher.example" in text
    assert "1 origin would be added https://b\u00fccher.example" in text
    assert "Browsers send it as https://xn--bcher-kva.example." in text
    assert f'<a role="button" href="{entry}" class="closelink">Cancel</a>' in body
    assert allowed_rows() == []

    fields = hidden_fields(page)
    updated = admin.post(url, {**fields, "_preview": "x", "note": "asked"})
    assert 'name="note" value="asked"' in updated.content.decode()
    assert allowed_rows() == []
    response = admin.post(url, {**fields, "_confirm": "x", "note": "asked"})
    assert told(response) == ["1 origin added."]
    assert response.status_code == 302
    assert response["Location"] == LIST + ("?policy=partners" if query else "")
    assert allowed_rows() == [("partners", "https://xn--bcher-kva.example")]
    text = text_of(admin.get(url))
    assert "Nothing would be added." in text
    assert "1 origin already exists" in text


def test_a_rehearsal_is_allowed_from_its_page(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*"], "REPORT_ONLY": {}}}
    row = refuse(is_rehearsal=True)
    page = admin.get(page_of(row))
    assert "With this row, REPORT_ONLY allows it too." in text_of(page)
    admin.post(page_of(row), {**hidden_fields(page), "_confirm": "x"})
    assert allowed_rows() == [("default", ORIGIN)]


def test_an_entry_that_is_gone(admin: Client) -> None:
    row = refuse()
    url = page_of(row)
    row.delete()
    response = admin.get(url, follow=True)
    assert [url for url, status in response.redirect_chain] == [
        url.replace("/allow/", "/change/"),
        "/admin/",
    ]
    assert "doesn\u2019t exist. Perhaps it was deleted?" in text_of(response)
    assert admin.post(url, {"_confirm": "x", "_shown": ""}).status_code == 302
    assert allowed_rows() == []


@pytest.mark.parametrize(
    "permissions", [("view_refusedorigin",), ("add_allowedorigin",), ("delete_refusedorigin",)]
)
def test_allowing_an_entry_wants_both_permissions(permissions: tuple[str, ...]) -> None:
    row = refuse()
    client = user_who_may(*permissions)
    assert client.get(page_of(row)).status_code == 403
    assert client.post(page_of(row), {"_confirm": "x", "_shown": ""}).status_code == 403
    # Nor does the answer tell which entries exist.
    assert client.get(f"{LIST}0/allow/").status_code == 403
    if "view_refusedorigin" in permissions:
        page = client.get(f"{LIST}{row.pk}/change/")
        assert "Allow this origin" not in page.content.decode()
    assert allowed_rows() == []
    assert Client().get(page_of(row)).status_code == 302


def test_a_site_without_the_allowlist_has_no_page_to_allow(admin: Client) -> None:
    url = page_of(refuse()).replace("/admin/", "/other-admin/")
    assert admin.get(url).status_code == 403
    assert "Allow this" not in admin.get(url.replace("allow/", "change/")).content.decode()


# --- The proposed expiry -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "proposed"),
    [
        ("2026-06-01T10:20:30.456789+00:00", "2026-07-01T10:20:00+00:00"),
        # On October 25, 2026, the hour from 2:00 to 3:00 happens twice in Berlin.
        ("2026-09-24T23:59:59+00:00", "2026-10-24T23:59:00+00:00"),
        ("2026-09-25T00:00:00+00:00", "2026-10-25T02:00:00+00:00"),
        ("2026-09-25T01:59:59+00:00", "2026-10-25T03:59:00+00:00"),
        ("2026-09-25T02:00:00+00:00", "2026-10-25T02:00:00+00:00"),
    ],
)
def test_the_form_accepts_the_expiry_that_it_proposes(now: str, proposed: str) -> None:
    with timezone.override("Europe/Berlin"):
        moment = proposed_expiry(datetime.datetime.fromisoformat(now))
        assert moment == datetime.datetime.fromisoformat(proposed)
        assert from_current_timezone(to_current_timezone(moment)) == moment


@pytest.mark.parametrize("language", ["en", "de", "fa"])
def test_the_page_proposes_in_each_language(admin: Client, settings: Any, language: str) -> None:
    settings.LANGUAGE_CODE = language
    page = allow(admin, refuse())
    assert not page.context["adminform"].form.errors
    assert "_confirm" in page.content.decode()


def test_a_site_without_time_zones(admin: Client, settings: Any) -> None:
    settings.USE_TZ = False
    moment = proposed_expiry(datetime.datetime(2026, 9, 25, 0, 30))  # noqa: DTZ001
    assert moment == datetime.datetime(2026, 10, 25, 0, 30)  # noqa: DTZ001


def test_an_expiry_in_a_single_field(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {DateTimeField: {"form_class": forms.DateTimeField, "widget": forms.DateTimeInput}}
    row_admin = django_admin.site.get_model_admin(AllowedOrigin)
    monkeypatch.setattr(row_admin, "formfield_overrides", fields)
    # Hours away from UTC, and without daylight saving time: no time of day is ambiguous.
    with timezone.override("Asia/Tokyo"):
        page = allow(admin, row := refuse())
        [value] = re.findall(r'name="expires_at" value="([^"]+)"', page.content.decode())
        confirm(admin, row, expires_at=value)
    left = AllowedOrigin.objects.get().expires_at - timezone.now()
    assert datetime.timedelta(days=29, hours=23) < left <= datetime.timedelta(days=30)
