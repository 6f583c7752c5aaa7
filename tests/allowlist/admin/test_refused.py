"""The list of refused origins in the admin, and what the tests of its other pages share."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_cors_policy.allowlist.admin import RefusedOriginAdmin
from django_cors_policy.allowlist.admin import refused as our_admin
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.decorators import cors_policy, same_origin_only
from tests.views import hello

from .pages import (
    cells,
    hidden_fields,
    origins_on,
    project,
    text_of,
)

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db

LIST = "/admin/cors_policy_allowlist/refusedorigin/"
ORIGIN = "https://refused.example"
ATTACK = "<script>alert(1)</script>"
BIDI = "https://\u202eelpmaxe.ppa"

OPEN_SITE = django_admin.AdminSite("without_the_allowlist")
OPEN_SITE.register(RefusedOrigin, RefusedOriginAdmin)
urlpatterns = [
    path("admin/", django_admin.site.urls),
    path("other-admin/", OPEN_SITE.urls),
    path("own/", cors_policy(allow_origins=["https://own.example"])(hello)),
    path("closed/", same_origin_only(hello)),
]


@pytest.fixture(autouse=True)
def recording(project: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On, as far as the pages can tell; nothing of what they are asked for is recorded."""
    settings.ROOT_URLCONF = __name__
    monkeypatch.setattr(our_admin, "is_recording", lambda: True)


def user_who_may(*codenames: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def refuse(origin: str = ORIGIN, **fields: Any) -> RefusedOrigin:
    now = timezone.now()
    values = {
        "policy": "default",
        "path": "/hello/",
        "method": "GET",
        "count": 1,
        "first_seen": now,
        "last_seen": now,
        **fields,
    }
    return RefusedOrigin.objects.create(origin=origin, **values)


def allow(client: Client, *rows: RefusedOrigin, url: str = LIST, **data: Any) -> Any:
    """Run the action; ``data`` is what its page sends besides."""
    selected = [row.pk for row in rows]
    return client.post(url, {"action": "allow", "_selected_action": selected, **data})


def preview(client: Client, *rows: RefusedOrigin, **options: Any) -> Any:
    """Change the options on the page and update its preview."""
    return allow(client, *rows, _preview="x", _shown="", **options)


def confirm(client: Client, *rows: RefusedOrigin, **options: Any) -> Any:
    """Add what the preview shows for these options."""
    shown = hidden_fields(preview(client, *rows, **options)).get("_shown", "")
    return allow(client, *rows, _confirm="x", _shown=shown, **options)


def allowed_rows() -> list[tuple[str, str]]:
    return list(AllowedOrigin.objects.values_list("policy", "origin"))


# --- The list ------------------------------------------------------------------------------------


def test_the_list(admin: Client) -> None:
    seen = timezone.now() - datetime.timedelta(days=1)
    refuse("https://xn--bcher-kva.example", count=12345, path="/b%C3%BCcher/", method="PUT")
    refuse("https://earlier.example", last_seen=seen, policy="partners")
    response = admin.get(LIST)
    assert [cell.split() for cell in cells(response, "origin_as_read")] == [
        ["https://b\u00fccher.example", "https://xn--bcher-kva.example"],
        ["https://earlier.example"],
    ]
    assert cells(response, "policy") == ["default", "partners"]
    assert cells(response, "last_request") == ["PUT /b\u00fccher/", "GET /hello/"]
    assert cells(response, "count") == ["12345", "1"]
    assert [cell.split() for cell in cells(response, "lately")] == [
        ["0", "minutes", "ago"],
        ["1", "day", "ago"],
    ]
    assert [cell.split()[0] for cell in cells(response, "since")] == ["0", "0"]
    ordered = admin.get(LIST, {"o": "8"})  # by when they were last seen
    assert [row.policy for row in ordered.context["cl"].result_list] == ["partners", "default"]
    assert "Recording is off" not in text_of(response)


def test_it_says_where_recording_is_off(
    admin: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    text = "Recording is off, so new refusals are not listed. To turn it on, set"
    assert text in text_of(admin.get(LIST))
    assert '"RECORD_REFUSALS": True' in text_of(admin.get(LIST))


def test_nobody_adds_or_changes(admin: Client) -> None:
    row = refuse()
    assert admin.get(f"{LIST}add/").status_code == 403
    page = admin.get(f"{LIST}{row.pk}/change/")
    assert 'name="_save"' not in page.content.decode()
    assert "https://refused.example" in text_of(page)
    assert admin.post(f"{LIST}{row.pk}/change/", {"count": 7}).status_code == 403


def test_who_may_clears_it() -> None:
    row = refuse()
    data = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    viewer = user_who_may("view_refusedorigin")
    viewer.post(LIST, data)
    assert RefusedOrigin.objects.exists()
    User.objects.all().delete()
    user_who_may("view_refusedorigin", "delete_refusedorigin").post(LIST, data)
    assert not RefusedOrigin.objects.exists()


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("refused", {ORIGIN}),
        ("/hel", {ORIGIN, "https://xn--bcher-kva.example"}),
        ("https://refused.example/page?x=1", {ORIGIN}),
        ("B\u00dcCHER", {"https://xn--bcher-kva.example"}),
        ("nothing", set()),
        ("", {ORIGIN, "https://xn--bcher-kva.example"}),
        ("\0", None),
    ],
)
def test_search(admin: Client, term: str, found: set[str] | None) -> None:
    refuse()
    refuse("https://xn--bcher-kva.example")
    response = admin.get(LIST, {"q": term})
    assert response.status_code == 200
    if found is not None:
        assert origins_on(response) == found


def test_filters(admin: Client) -> None:
    refuse()
    refuse("https://partner.example", policy="partners")
    refuse("https://rehearsed.example", is_rehearsal=True)
    assert origins_on(admin.get(LIST, {"policy": "partners"})) == {"https://partner.example"}
    page = admin.get(LIST)
    assert "By kind All refused would be refused (REPORT_ONLY)" in text_of(page)
    assert "rehearsal" not in text_of(page).lower().replace("rehearsal no report_only", "")
    assert len(origins_on(page)) == 3
    assert len(origins_on(admin.get(LIST, {"kind": "x"}))) == 3
    refused = {ORIGIN, "https://partner.example"}
    assert origins_on(admin.get(LIST, {"kind": "refused"})) == refused
    assert origins_on(admin.get(LIST, {"kind": "report-only"})) == {"https://rehearsed.example"}


@pytest.mark.parametrize("is_rehearsal", [False, True])
def test_the_kind_is_no_filter_where_all_entries_are_of_one_kind(
    admin: Client, is_rehearsal: bool
) -> None:
    assert "By kind" not in text_of(admin.get(LIST))
    refuse(is_rehearsal=is_rehearsal)
    refuse("https://other.example", is_rehearsal=is_rehearsal)
    assert "By kind" not in text_of(admin.get(LIST))
    # But a filter that is on does not vanish with the last entry of its kind.
    page = admin.get(LIST, {"kind": "refused" if is_rehearsal else "report-only"})
    assert "By kind" in text_of(page)
    assert origins_on(page) == set()


def test_the_list_asks_no_more_for_more_rows(admin: Client) -> None:
    def count() -> int:
        admin.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(LIST).status_code == 200
        return len(queries)

    refuse()
    few = count()
    for number in range(90):
        refuse(f"https://{number}.example")
    assert count() == few


def test_nothing_that_a_stranger_sends_is_markup_or_hides(admin: Client) -> None:
    hostile = [
        refuse(f"https://{ATTACK}", path=f"/{ATTACK}", method="<b>", policy=ATTACK),
        refuse("'\"><img src=x onerror=alert(1)>", path="/%3Cscript%3Ealert(1)"),
        refuse(BIDI, path="/\u202e%E2%80%AE", method="\u202e"),
        refuse(BIDI, is_rehearsal=True),
    ]
    pages = [admin.get(url) for url in (LIST, f"{LIST}?q=script", f"{LIST}?_facets=True")]
    pages += [allow(admin, *hostile), preview(admin, *hostile, note=ATTACK, expires_at_0=ATTACK)]
    pages.append(confirm(admin, *hostile, allow_credentials="on", note=ATTACK))
    for row in hostile:
        names = ("change", "delete", "history", "allow")
        pages += [admin.get(f"{LIST}{row.pk}/{name}/") for name in names]
    selected = [row.pk for row in hostile]
    data = {"action": "delete_selected", "_selected_action": selected}
    pages.append(admin.post(LIST, data))
    for page in pages:
        assert page.status_code == 200
        body = page.content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body
        assert "<b>" not in body
        assert "\u202e" not in body
    assert allowed_rows() == []
