"""Who added and changed a row, and how a change is undone: through requests."""

from __future__ import annotations

import datetime
import html
import json
import re
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_cors_policy.allowlist.admin import AllowedOriginAdmin
from django_cors_policy.allowlist.admin.log import entries_of
from django_cors_policy.allowlist.models import AllowedOrigin

from .pages import (
    ADD,
    LIST,
    POLICIES,
    add,
    cells,
    form_data,
    in_,
    project,
    text_of,
    told,
    user_who_may,
)

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db


def change_page(row: AllowedOrigin) -> str:
    return f"{LIST}{row.pk}/change/"


def history_page(row: AllowedOrigin) -> str:
    return f"{LIST}{row.pk}/history/"


def act(client: Client, action: str, *rows: AllowedOrigin) -> Any:
    return client.post(LIST, {"action": action, "_selected_action": [row.pk for row in rows]})


def link_in(texts: list[str]) -> str:
    [link] = [found for text in texts for found in re.findall(r'href="([^"]*undo=[^"]*)"', text)]
    return link.replace("&amp;", "&")


def said(page: Any) -> list[str]:
    """The messages on a page, but for those about the request before."""
    items = re.findall(r'<li class="(?:info|warning)[^"]*">(.*?)</li>', page.content.decode())
    return [html.unescape(item) for item in items if "undo this change" not in item]


def as_posted(response: Any) -> dict[str, Any]:
    """What the browser would send if the user saved the form as it is shown."""
    form = response.context["adminform"].form
    data: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if bound.name == "expires_at":
            widget_values = bound.field.widget.decompress(value)
            for number, part in enumerate(widget_values):
                data[f"expires_at_{number}"] = "" if part is None else str(part)
        elif value not in (False, None):
            data[bound.name] = "on" if value is True else value
    return data


def stored(row: AllowedOrigin) -> dict[str, Any]:
    names = ("policy", "origin", "allow_credentials", "is_enabled", "expires_at", "note")
    return AllowedOrigin.objects.values(*names).get(pk=row.pk)


# --- Authors -------------------------------------------------------------------------------------


def history_cell(client: Client) -> str:
    [cell] = cells(client.get(LIST), "history")
    return " ".join(cell.replace("\xa0", " ").split())


def test_rows_say_who_added_and_who_changed_them(admin: Client) -> None:
    admin.post(ADD, form_data())
    row = AllowedOrigin.objects.get()
    assert history_cell(admin) == "added 0 minutes ago by admin"

    AllowedOrigin.objects.update(created_at=in_(days=-3))
    other = user_who_may("view", "change")
    other.post(change_page(row), form_data(note="new"))
    expected = "added 3 days ago by admin changed 0 minutes ago by operator"
    assert history_cell(admin) == expected
    page = text_of(admin.get(change_page(row)))
    assert "Added by: admin" in page
    assert "Changed by: operator" in page


def test_a_change_outside_the_admin_is_not_said_to_be_by_a_user(admin: Client) -> None:
    admin.post(ADD, form_data())
    AllowedOrigin.objects.update(created_at=in_(days=-3))
    row = AllowedOrigin.objects.get()
    admin.post(change_page(row), form_data(note="new"))
    assert history_cell(admin).endswith("changed 0 minutes ago by admin")
    AllowedOrigin.objects.update(note="by a command")
    assert history_cell(admin).endswith("changed 0 minutes ago")
    page = text_of(admin.get(change_page(row)))
    assert "Added by: admin" in page
    assert "Changed by: -" in page


def test_a_row_that_no_user_added(admin: Client) -> None:
    row = add()
    assert history_cell(admin) == "added 0 minutes ago"
    page = text_of(admin.get(change_page(row)))
    assert "Added by: -" in page
    assert "Changed by: -" in page


def test_authors_of_a_page_cost_one_query(admin: Client) -> None:
    for number in range(5):
        admin.post(ADD, form_data(origin=f"https://a{number}.example"))
    with CaptureQueriesContext(connection) as queries:
        admin.get(LIST)
    about_the_log = [query for query in queries if "django_admin_log" in query["sql"]]
    assert len(about_the_log) == 1


# --- Undoing -------------------------------------------------------------------------------------


EARLIER: list[dict[str, Any]] = [
    {"note": "old"},
    {"is_enabled": False},
    {"allow_credentials": False},
    {"expires_at": None},
    {"expires_at": datetime.datetime(2031, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)},
    {"origin": "https://xn--bcher-kva.example"},
    {"policy": "partners"},
    {"policy": "idle", "note": "old", "is_enabled": False, "allow_credentials": False},
]


@pytest.mark.parametrize("earlier", EARLIER, ids="-".join)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_message_after_an_edit_undoes_it(
    admin: Client, settings: Any, earlier: dict[str, Any], zone: str
) -> None:
    settings.TIME_ZONE = zone
    row = add(**earlier)
    before = stored(row)
    data = form_data(
        origin="https://new.example", note="new", expires_at_0="2032-01-02", expires_at_1="03:04:05"
    )
    response = admin.post(change_page(row), data)
    assert stored(row) != before
    review = admin.get(link_in(told(response)))
    assert "Nothing is saved yet." in text_of(review)
    assert stored(row) != before
    response = admin.post(change_page(row), as_posted(review))
    assert response.status_code == 302
    assert stored(row) == before
    # The undoing is a change of its own, logged, that can be undone in its turn.
    assert LogEntry.objects.filter(action_flag=CHANGE).count() == 2
    admin.post(change_page(row), as_posted(admin.get(link_in(told(response)))))
    assert stored(row)["origin"] == "https://new.example"


@pytest.mark.parametrize("action", ["enable", "disable", "extend"])
def test_an_action_on_one_row_is_undone_too(admin: Client, action: str) -> None:
    expires = timezone.now().replace(microsecond=0) + datetime.timedelta(days=1)
    row = add(is_enabled=action != "enable", expires_at=expires)
    before = stored(row)
    response = act(admin, action, row)
    assert stored(row) != before
    admin.post(change_page(row), as_posted(admin.get(link_in(told(response)))))
    assert stored(row) == before


def test_an_action_on_many_rows_is_undone_from_their_histories(admin: Client) -> None:
    rows = [add(f"https://a{number}.example") for number in range(3)]
    assert told(act(admin, "disable", *rows)) == ["3 origins disabled."]
    for row in rows:
        page = admin.get(history_page(row)).content.decode()
        assert "Enabled: yes → no" in page
        page = page.partition('id="change-history"')[2]
        admin.post(change_page(row), as_posted(admin.get(link_in([page]))))
    assert AllowedOrigin.objects.filter(is_enabled=True).count() == 3


def test_the_history_says_what_each_change_was(admin: Client) -> None:
    row = add(note="", expires_at=in_(days=3))
    admin.post(change_page(row), form_data(note="A & B", origin="https://*.b\u00fccher.example"))
    admin.post(change_page(row), form_data(origin="https://row.example", policy="partners"))
    text = text_of(admin.get(history_page(row)))
    assert "Origin: https://row.example → https://*.b\u00fccher.example" in text
    assert "Note: - → A & B" in text
    assert "→ never" in text
    assert "Origin: https://*.b\u00fccher.example → https://row.example" in text
    assert "Policy: default → partners" in text


def test_only_the_fields_of_that_change_go_back(admin: Client) -> None:
    row = add(note="first")
    response = admin.post(change_page(row), form_data(note="second"))
    undo = link_in(told(response))
    admin.post(change_page(row), form_data(note="third", is_enabled=False))
    review = admin.get(undo)
    assert "Note: third → first" in text_of(review)
    assert (
        "Enabled:" not in text_of(review).partition("Nothing is saved yet")[2].partition("State")[0]
    )
    admin.post(change_page(row), as_posted(review))
    assert (stored(row)["note"], stored(row)["is_enabled"]) == ("first", False)


def test_what_is_undone_already(admin: Client) -> None:
    row = add(note="first")
    response = admin.post(change_page(row), form_data(note="second"))
    admin.post(change_page(row), form_data(note="first"))
    text = text_of(admin.get(link_in(told(response))))
    assert "The row already has the values from before this change." in text


def test_a_value_that_the_policy_refuses_by_now_is_not_brought_back(
    admin: Client, settings: Any
) -> None:
    settings.CORS_POLICIES = {"default": {}}
    row = add("http://intranet.example")
    response = admin.post(change_page(row), form_data(origin="https://intranet.example"))
    settings.CORS_POLICIES = {"default": {"ALLOW_CREDENTIALS": True}}
    review = admin.get(link_in(told(response)))
    response = admin.post(change_page(row), as_posted(review))
    assert "uses http" in text_of(response)
    assert stored(row)["origin"] == "https://intranet.example"


@pytest.mark.parametrize("key", ["", "x", "-1", "1e3", "999999", "9" * 50, "\u0663" * 30])
def test_an_unknown_change_is_ignored(admin: Client, key: str) -> None:
    row = add(note="first")
    response = admin.get(change_page(row), {"undo": key})
    assert said(response) == []
    assert response.context["adminform"].form["note"].value() == "first"


def test_a_change_of_another_row_is_ignored(admin: Client) -> None:
    row, other = add(note="first"), add("https://other.example")
    admin.post(change_page(row), form_data(note="second"))
    entry = LogEntry.objects.get()
    response = admin.get(change_page(other), {"undo": entry.pk})
    assert said(response) == []


@pytest.mark.parametrize(
    "message",
    [
        "Changed by a script.",
        "[",
        "{}",
        '[{"changed": {"fields": ["Note"]}}]',
        '[{"changed": {"fields": ["Note"], "before": 3}}]',
        '[{"changed": {"fields": ["Note"], "before": {"pk": 3, "expires_at": "soon"}}}]',
        '[{"changed": {"fields": ["Note"], "before": {"expires_at": 5}}}]',
        '[{"changed": {"fields": ["Note"], "before": {"note": "a"}}}]',
        '[{"changed": {"fields": ["Note"], "before": {"note": "a"}, "after": {}}}]',
        '[{"changed": {"fields": [], "before": {"note": 5}, "after": {"note": "b"}}}]',
        '[{"changed": {"fields": [], "before": {"origin": null}, "after": {"origin": "b"}}}]',
        '[{"changed": {"fields": [], "before": {"is_enabled": "no"}, "after": {}}}]',
        '[{"changed": {"before": {"expires_at": "x"}, "after": {}, "fields": []}}]',
    ],
)
def test_other_entries_of_the_log(admin: Client, message: str) -> None:
    row = add(note="first")
    user = User.objects.get(username="admin")
    entry = LogEntry.objects.log_actions(user.pk, [row], CHANGE, message)[0]
    assert admin.get(history_page(row)).status_code == 200
    assert admin.get(change_page(row), {"undo": entry.pk}).status_code == 200
    assert stored(row)["note"] == "first"


def test_an_entry_that_is_nested_too_deeply(admin: Client) -> None:
    row = add()
    user = User.objects.get(username="admin")
    [entry] = LogEntry.objects.log_actions(user.pk, [row], CHANGE, "[" * 100_000)
    assert said(admin.get(change_page(row), {"undo": entry.pk})) == []


def test_markup_in_old_values_is_escaped(admin: Client) -> None:
    attack = "<script>alert(1)</script>"
    row = add(note=attack)
    response = admin.post(change_page(row), form_data(note="new"))
    for page in (history_page(row), link_in(told(response))):
        assert "<script>alert" not in admin.get(page).content.decode()


def test_who_may_not_change_is_offered_nothing(admin: Client) -> None:
    row = add(note="first")
    response = admin.post(change_page(row), form_data(note="second"))
    viewer = user_who_may("view")
    page = viewer.get(history_page(row)).content.decode()
    assert "Note: first → second" in page
    assert "undo=" not in page
    assert said(viewer.get(link_in(told(response)))) == []
    assert viewer.post(link_in(told(response)), form_data(note="first")).status_code == 403
    assert stored(row)["note"] == "second"


@pytest.fixture
def fixed_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def fields(self: Any, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(() if request.user.is_superuser else ("note",)))

    monkeypatch.setattr(AllowedOriginAdmin, "get_readonly_fields", fields)


@pytest.mark.usefixtures("fixed_note")
def test_read_only_fields_stay(admin: Client) -> None:
    row = add(note="first")
    response = admin.post(change_page(row), form_data(note="second", is_enabled=False))
    operator = user_who_may("view", "change")
    review = operator.get(link_in(told(response)))
    assert "Enabled: no → yes" in text_of(review)
    assert "set these values back: Note: second → first" in text_of(review)
    operator.post(change_page(row), as_posted(review))
    assert (stored(row)["note"], stored(row)["is_enabled"]) == ("second", True)


def test_a_change_that_changes_nothing_offers_no_undo(admin: Client) -> None:
    row = add()
    response = admin.post(change_page(row), form_data())
    assert not any("undo" in text for text in told(response))


def test_a_project_that_does_not_log(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AllowedOriginAdmin, "log_change", lambda *args: None)
    row = add()
    response = admin.post(change_page(row), form_data(note="new"))
    assert response.status_code == 302
    assert not any("undo" in text for text in told(response))


def test_a_popup_says_nothing_about_undoing(admin: Client) -> None:
    row = add()
    response = admin.post(change_page(row), form_data(note="new", _popup="1"))
    assert not any("undo" in text for text in told(response))


def test_the_log_reads_as_djangos_own(admin: Client) -> None:
    row = add()
    admin.post(change_page(row), form_data(note="new"))
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Changed Note."
    assert json.loads(entry.change_message)[0]["changed"] == {
        "fields": ["Note"],
        "before": {"note": ""},
        "after": {"note": "new"},
    }


def test_undoing_a_move_from_a_policy_that_is_gone_moves_the_row_nowhere_else(
    admin: Client, settings: Any
) -> None:
    """A browser sends the first choice if the value is not among the choices."""
    row = add(policy="partners")
    response = admin.post(change_page(row), form_data(policy="public"))
    settings.CORS_POLICIES = {name: POLICIES[name] for name in ("default", "public", "idle")}
    review = admin.get(link_in(told(response)))
    chosen = re.findall(r'<option value="(\w+)" selected>([^<]*)', review.content.decode())
    assert chosen == [("partners", "partners (no longer in CORS_POLICIES)")]
    response = admin.post(change_page(row), as_posted(review))
    assert "&#x27;partners&#x27; is not a policy" in response.content.decode()
    # The page that shows the error offers it still.
    chosen = re.findall(r'<option value="(\w+)" selected>', response.content.decode())
    assert chosen == ["partners"]
    assert stored(row)["policy"] == "public"


def test_a_link_to_add_a_row_to_a_policy_that_is_gone(admin: Client) -> None:
    page = admin.get(ADD, {"policy": "gone"}).content.decode()
    assert '<option value="gone" selected>gone (no longer in CORS_POLICIES)' in page


def test_a_new_row_in_a_project_without_the_default_policy(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"only": {"PATHS": ["/api/"]}}
    page = admin.get(ADD).content.decode()
    assert '<option value="only" selected>' in page
    assert "no longer in CORS_POLICIES" not in page


def test_save_and_continue_shows_what_was_saved(admin: Client) -> None:
    """Not the values from before the change again, which the next "Save" would bring back."""
    row = add(is_enabled=True)
    response = admin.post(change_page(row), form_data(is_enabled=False))
    undo = link_in(told(response))
    response = admin.post(undo, form_data(is_enabled=False, note="kept", _continue="1"))
    assert response.status_code == 302
    page = admin.get(response["Location"])
    form = page.context["adminform"].form
    assert (form["is_enabled"].value(), form["note"].value()) == (False, "kept")


def test_a_rejected_undoing_still_says_what_it_is(admin: Client) -> None:
    row = add(note="first")
    response = admin.post(change_page(row), form_data(note="second"))
    response = admin.post(link_in(told(response)), form_data(origin="", note="third"))
    assert "This field is required." in text_of(response)
    assert "Note: second → first" in "".join(said(response))
    assert response.context["adminform"].form["note"].value() == "third"


def test_an_older_row_with_the_same_key_has_no_part_in_it(admin: Client) -> None:
    """Keys begin again where the table was dropped and made anew; the log stays."""
    admin.post(ADD, form_data(origin="https://stranger.example"))
    old = AllowedOrigin.objects.get()
    response = admin.post(change_page(old), form_data(origin="https://old.example"))
    undo = link_in(told(response))
    key = old.pk
    AllowedOrigin.objects.all().delete()
    row = add("https://new.example", pk=key)
    assert history_cell(admin) == "added 0 minutes ago"
    page = admin.get(undo)
    assert page.context["adminform"].form["origin"].value() == "https://new.example"
    assert said(page) == []
    assert "undo=" not in admin.get(history_page(row)).content.decode()


def test_fields_that_the_user_may_not_see(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = add(note="a secret")
    response = admin.post(change_page(row), form_data(note="public", is_enabled=False))

    def fieldsets(self: Any, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ["origin", "is_enabled"]})]

    monkeypatch.setattr(AllowedOriginAdmin, "get_fieldsets", fieldsets)
    for page in (history_page(row), link_in(told(response))):
        body = admin.get(page).content.decode()
        assert "Enabled: " in body
        assert "secret" not in body


def test_origins_are_filled_in_as_people_write_them(admin: Client) -> None:
    row = add("https://xn--bcher-kva.example")
    response = admin.post(change_page(row), form_data(origin="https://new.example"))
    form = admin.get(link_in(told(response))).context["adminform"].form
    assert form["origin"].value() == "https://b\u00fccher.example"


def test_parts_of_a_second_are_no_difference(admin: Client) -> None:
    expires = datetime.datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.timezone.utc)
    row = add(expires_at=expires)
    response = admin.post(change_page(row), form_data())
    admin.post(change_page(row), as_posted(admin.get(link_in(told(response)))))
    assert stored(row)["expires_at"] == expires.replace(microsecond=0)
    page = admin.get(link_in(told(response)))
    assert said(page) == ["The row already has the values from before this change."]


def test_a_long_log_costs_no_more(admin: Client) -> None:
    row = add()
    user = User.objects.get(username="admin")
    LogEntry.objects.log_actions(user.pk, [row] * 50, CHANGE, "Changed by a script.")
    AllowedOrigin.objects.update(note="later")
    with CaptureQueriesContext(connection) as queries:
        assert history_cell(admin).endswith("ago")
    [query] = [query["sql"] for query in queries if "django_admin_log" in query["sql"]]
    assert "change_message" not in query


class RowOfAProject(AllowedOrigin):
    """As a project may register it, with an admin of its own."""

    class Meta:
        proxy = True
        app_label = "cors_policy_allowlist"


def test_a_proxy_with_the_same_admin(admin_user: User) -> None:
    """Its pages, and a history of its own."""
    add()
    factory, site = RequestFactory(), AdminSite()
    proxy_admin = AllowedOriginAdmin(RowOfAProject, site)
    site.register(RowOfAProject, AllowedOriginAdmin)
    site.register(AllowedOrigin, AllowedOriginAdmin)
    request = factory.get("/")
    request.user = admin_user
    with override_settings(ROOT_URLCONF=(path("admin/", site.urls),)):
        for view in (proxy_admin.add_many_view, proxy_admin.test_view):
            assert view(request).render().status_code == 200


def test_the_log_of_a_proxy(admin: Client) -> None:
    row = RowOfAProject(pk=add().pk)
    user = User.objects.get(username="admin")
    LogEntry.objects.log_actions(user.pk, [row], CHANGE, "Changed as a proxy.")
    assert entries_of(AllowedOrigin, [row]).count() == 0
    assert entries_of(RowOfAProject, [row]).count() == 1
