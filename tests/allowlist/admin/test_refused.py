"""The report of refused origins in the admin, and how origins are allowed from there."""

from __future__ import annotations

import datetime
import html
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import ADDITION
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_cors_policy.allowlist.admin import RefusedOriginAdmin
from django_cors_policy.allowlist.admin import refused as our_admin
from django_cors_policy.allowlist.admin.forms import MOST_ORIGINS
from django_cors_policy.allowlist.admin.many import plan_additions
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.allowlist.refresher import Allowlist
from django_cors_policy.decorators import cors_policy, same_origin_only
from tests.views import hello

from .pages import LIST as ALLOWED_LIST
from .pages import add, cells, log, origins_on, project, text_of, told

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


def allow(client: Client, *rows: RefusedOrigin, **data: Any) -> Any:
    """Run the action; ``data`` is what its later pages send besides."""
    selected = [row.pk for row in rows]
    return client.post(LIST, {"action": "allow", "_selected_action": selected, **data})


def confirm(client: Client, *rows: RefusedOrigin, **data: Any) -> Any:
    data = {"_reviewed": "1", "allow_credentials": "on", "_confirm": "Add", **data}
    return allow(client, *rows, **data)


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
    ("fields", "state"),
    [
        ({}, "refused"),
        ({"origin": "https://app.example.com"}, "allowed now"),
        ({"origin": "https://x.corp.example.com"}, "allowed now"),
        ({"origin": "https://row.example"}, "allowed now"),
        ({"origin": "https://narrow.row.example"}, "allowed now"),
        ({"origin": "https://over.example"}, "refused"),
        ({"origin": "https://row.example", "path": "/partners/x"}, "refused"),
        ({"path": "/public/x"}, "allowed now"),
        ({"policy": "gone"}, "refused"),
        ({"origin": "https://row.example", "path": "/own/"}, "refused"),
        ({"origin": "https://own.example", "path": "/own/"}, "allowed now"),
        ({"origin": "https://app.example.com", "path": "/closed/"}, "refused"),
        ({"origin": "https://app.example.com", "path": "/own%"}, "allowed now"),
        (
            {"is_rehearsal": True},
            "rehearsal No REPORT_ONLY applies to the last path now.",
        ),
    ],
)
def test_what_would_become_of_it_now(admin: Client, fields: dict[str, Any], state: str) -> None:
    add("https://row.example")
    add("https://*.row.example", allow_credentials=False)
    add("https://over.example", expires_at=timezone.now())
    row = refuse(**fields)
    [said] = cells(admin.get(LIST), "state")
    assert " ".join(said.split()) == state
    # As a browser would be told.
    if not row.is_rehearsal:
        response = admin.get(row.path, headers={"origin": row.origin})
        told_so = response.headers.get("Access-Control-Allow-Origin") in ("*", row.origin)
        assert told_so == (state == "allowed now")
    assert state in text_of(admin.get(f"{LIST}{row.pk}/change/"))


REHEARSED = {
    "ALLOW_ORIGINS": ["*"],
    "REPORT_ONLY": {
        "ALLOW_ORIGINS": ["https://app.example.com"],
        "ALLOW_METHODS": ["PUT"],
        "ALLOW_CREDENTIALS": True,
    },
}
OVER = "rehearsal No REPORT_ONLY applies to the last path now."
NOT_THE_ORIGIN = "would be refused REPORT_ONLY does not allow the origin."
NOT_THE_METHOD = "would be refused REPORT_ONLY does not allow the method."
ALLOWED = (
    "would be allowed REPORT_ONLY allows the origin now. For headers and credentials, see the log."
)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, NOT_THE_ORIGIN),
        ({"origin": "https://app.example.com"}, ALLOWED),
        ({"origin": "https://app.example.com", "method": "PUT"}, ALLOWED),
        ({"origin": "https://app.example.com", "method": "PATCH"}, NOT_THE_METHOD),
        # one that no method can have is not recorded
        ({"origin": "https://app.example.com", "method": ""}, ALLOWED),
        ({"origin": "https://app.example.com", "method": "PATCH", "path": "/any/"}, ALLOWED),
        # rows count
        ({"origin": "https://row.example"}, ALLOWED),
        ({"origin": "https://over.example"}, NOT_THE_ORIGIN),
        # but not what the rehearsal refuses
        ({"origin": "http://insecure.example"}, NOT_THE_ORIGIN),
        # where none is tried out
        ({"origin": "https://row.example", "path": "/partners/x"}, OVER),
        ({"origin": "https://app.example.com", "path": "/closed/"}, OVER),
        ({"path": "/own/"}, NOT_THE_ORIGIN),
        ({"origin": "https://own.example", "path": "/own/"}, ALLOWED),
    ],
)
def test_what_a_rehearsal_would_make_of_it_now(
    admin: Client, settings: Any, fields: dict[str, Any], state: str
) -> None:
    settings.CORS_POLICIES = {
        "default": REHEARSED,
        "any": {
            "REPORT_ONLY": {"ALLOW_ORIGINS": ["*"], "ALLOW_METHODS": ["*"]},
            "PATHS": ["/any/"],
        },
        "partners": {"PATHS": ["/partners/"]},
    }
    add("https://row.example")
    add("https://over.example", expires_at=timezone.now())
    add("http://insecure.example")
    row = refuse(is_rehearsal=True, **fields)
    [said] = cells(admin.get(LIST), "state")
    assert " ".join(said.split()) == state
    assert state in text_of(admin.get(f"{LIST}{row.pk}/change/"))


def test_a_rehearsal_where_no_policy_governs(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"partners": {"PATHS": ["/partners/"]}}
    refuse(is_rehearsal=True)
    assert OVER in text_of(admin.get(LIST))


@pytest.mark.parametrize(
    "policies",
    [{"partners": {"PATHS": ["/partners/"]}}, {"default": {"ALLOW_ORIGINS": "*"}}],
)
def test_where_no_policy_governs_or_settings_are_wrong(
    admin: Client, settings: Any, policies: Any
) -> None:
    row = refuse()
    settings.CORS_POLICIES = policies
    settings.MIDDLEWARE = settings.MIDDLEWARE[1:]
    assert "refused No policy applies to the last path now." in text_of(admin.get(LIST))
    assert "Nothing would be added." in text_of(allow(admin, row))


def test_a_process_that_has_read_no_rows_yet(admin: Client, source: Allowlist) -> None:
    add("https://row.example")
    refuse("https://row.example")
    source.reset()
    assert cells(admin.get(LIST), "state")[0].strip() == "allowed now"


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
    found = origins_on(admin.get(LIST, {"is_rehearsal__exact": "1"}))
    assert found == {"https://rehearsed.example"}


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
    pages += [allow(admin, *hostile), allow(admin, *hostile, _reviewed="1", _edit="x")]
    pages.append(confirm(admin, *hostile, note=ATTACK))
    for row in hostile:
        names = ("change", "delete", "history")
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


# --- Allowing ------------------------------------------------------------------------------------


def test_a_review_and_then_rows(admin: Client, settings: Any) -> None:
    there = add("https://there.example")
    rows = [
        refuse(count=14, path="/orders/", method="PUT"),
        refuse("https://xn--bcher-kva.example"),
        refuse("https://there.example"),
        refuse("https://app.example.com"),
        refuse("http://insecure.example"),
        refuse("http://insecure.example", policy="partners"),
        refuse("https://rehearsed.example", is_rehearsal=True),
        refuse("https://lost.example", policy="defualt"),
    ]
    response = allow(admin, *rows)
    text = text_of(response)
    assert "3 origins would be added" in text  # to default
    assert "1 origin would be added" in text  # to partners
    assert f"{ORIGIN} Refused 14 times, last for PUT /orders/." in text
    assert "https://b\u00fccher.example Browsers send it as https://xn--bcher-kva.example." in text
    assert "1 origin already exists and does not change https://there.example" in text
    assert f'href="{ALLOWED_LIST}{there.pk}/change/"' in response.content.decode()
    assert (
        "https://app.example.com Refused 1 time, last for GET /hello/. "
        "Changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][0] already allows it." in text
    )
    assert "'http://insecure.example' uses http: an attacker on the network" in text
    assert "1 origin would not be added https://rehearsed.example" in text
    assert "No REPORT_ONLY applies to the last path now." in text
    assert "'defualt' is not a policy in CORS_POLICIES. Did you mean 'default'?" in text
    assert "With cookies and logins, if the policy allows them. No expiry." in text
    assert 'value="Add 4 origins"' in response.content.decode()
    assert AllowedOrigin.objects.count() == 1

    response = confirm(admin, *rows, note="as they asked")
    assert response.status_code == 302
    assert response["Location"] == LIST
    assert told(response) == ["4 origins added."]
    assert sorted(allowed_rows()) == [
        ("default", "https://app.example.com"),
        ("default", ORIGIN),
        ("default", "https://there.example"),
        ("default", "https://xn--bcher-kva.example"),
        ("partners", "http://insecure.example"),
    ]
    new = AllowedOrigin.objects.get(origin=ORIGIN)
    assert (new.allow_credentials, new.is_enabled, new.expires_at) == (True, True, None)
    assert new.note == "as they asked"
    assert [entry[:2] for entry in log()] == [
        ("http://insecure.example", ADDITION),
        ("https://app.example.com", ADDITION),
        ("https://b\u00fccher.example", ADDITION),
        (ORIGIN, ADDITION),
    ]
    response = admin.get("/hello/", headers={"origin": ORIGIN})
    assert response["Access-Control-Allow-Origin"] == ORIGIN


def test_a_row_helps_a_rehearsal(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": REHEARSED, "partners": {"PATHS": ["/partners/"]}}
    there = add("https://there.example", is_enabled=False)
    rows = [
        refuse("https://both.example"),
        *(
            refuse(origin, is_rehearsal=True, **fields)
            for origin, fields in {
                ORIGIN: {"count": 14},
                "https://both.example": {},
                "https://there.example": {},
                "https://app.example.com": {"method": "PATCH"},
                "http://insecure.example": {},
                "https://own.example": {"path": "/own/"},
                "https://partner.example": {"path": "/partners/x"},
                "https://no origin": {},
            }.items()
        ),
    ]
    text = text_of(allow(admin, *rows))
    helps = (
        "The policy already allows the origin. Only REPORT_ONLY refuses it. With this row, "
        "REPORT_ONLY allows it too."
    )
    assert "2 origins would be added" in text
    assert f"{ORIGIN} Refused 14 times, last for GET /hello/. {helps}" in text
    assert f"https://both.example Refused 1 time, last for GET /hello/. {helps}" in text
    assert "1 origin already exists and does not change https://there.example disabled" in text
    assert "1 origin cannot be added https://no origin" in text
    assert "4 origins would not be added" in text
    assert (
        "https://app.example.com Refused 1 time, last for PATCH /hello/. "
        "REPORT_ONLY already allows the origin, but not the method, a header or credentials."
    ) in text
    assert (
        "http://insecure.example Refused 1 time, last for GET /hello/. "
        "REPORT_ONLY: 'http://insecure.example' uses http: an attacker on the network"
    ) in text
    assert (
        "https://own.example Refused 1 time, last for GET /own/. "
        "Rows of this policy have no effect at that path, because of @cors_policy"
    ) in text
    assert (
        "https://partner.example Refused 1 time, last for GET /partners/x. "
        "Rows of this policy have no effect at that path, because of CORS_POLICIES['partners']"
    ) in text
    assert "Changes nothing" not in text

    assert told(confirm(admin, *rows)) == ["2 origins added."]
    there.refresh_from_db()
    assert not there.is_enabled
    assert sorted(allowed_rows()) == [
        ("default", "https://both.example"),
        ("default", ORIGIN),
        ("default", "https://there.example"),
    ]
    [row] = [row for row in rows if row.origin == ORIGIN]
    assert "would be allowed" in text_of(admin.get(f"{LIST}{row.pk}/change/"))


def test_credentials_expiry_and_note_can_be_changed_first(admin: Client) -> None:
    row = refuse("http://insecure.example")
    first = allow(admin, row)
    assert "Nothing would be added." in text_of(first)
    assert "_confirm" not in first.content.decode()
    form = allow(admin, row, _reviewed="1", allow_credentials="on", _edit="x")
    assert 'type="checkbox" name="allow_credentials"' in form.content.decode()
    assert f'name="_selected_action" value="{row.pk}"' in form.content.decode()
    data = {"expires_at_0": "2035-05-17", "expires_at_1": "12:00", "note": "until the move"}
    preview = allow(admin, row, _reviewed="1", _preview="x", **data)
    text = text_of(preview)
    assert "1 origin would be added" in text
    assert "Without cookies and logins. Until May 17, 2035, noon. Note: until the move" in text
    assert 'name="allow_credentials" value="on"' not in preview.content.decode()
    assert 'name="expires_at_0" value="2035-05-17"' in preview.content.decode()
    allow(admin, row, _reviewed="1", _confirm="x", **data)
    added = AllowedOrigin.objects.get()
    assert added.note == "until the move"
    assert not added.allow_credentials
    assert added.expires_at is not None


def test_what_is_filled_in_wrong_is_asked_again(admin: Client) -> None:
    response = confirm(admin, refuse(), expires_at_0="never", note="x" * 201)
    assert "Enter a valid date." in text_of(response)
    assert "at most 200 characters" in text_of(response)
    assert allowed_rows() == []


def test_where_a_decorator_decides_no_row_helps(admin: Client) -> None:
    text = text_of(allow(admin, refuse(path="/own/")))
    assert "Rows of this policy have no effect at that path, because of" in text
    assert "@cors_policy" in text


def test_nothing_is_added_twice_or_by_halves(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [refuse(), refuse("https://other.example", policy="partners")]

    def plan_and_be_overtaken(lines: Any, using: str) -> Any:
        planned = plan_additions(lines, using)
        if planned.added[0].row.policy == "partners":
            monkeypatch.setattr(our_admin, "plan_additions", plan_additions)
            add("https://other.example", policy="partners")
        return planned

    monkeypatch.setattr(our_admin, "plan_additions", plan_and_be_overtaken)
    response = confirm(admin, *rows)
    assert "Nothing was added: another user has just added one of these origins." in text_of(
        response
    )
    assert not AllowedOrigin.objects.filter(origin=ORIGIN).exists()
    assert log() == []
    assert confirm(admin, *rows).status_code == 302
    assert "Nothing would be added." in text_of(confirm(admin, *rows))
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
    data |= {"_reviewed": "1", "_confirm": "Add"}
    assert admin.post(url, data)["Location"] == url


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
    admin.handler.enforce_csrf_checks = True
    assert confirm(admin, refuse()).status_code == 403
    assert allowed_rows() == []
