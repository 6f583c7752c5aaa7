"""The admin as operators use it: through requests."""

from __future__ import annotations

import datetime
import html
import itertools
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy.allowlist import admin as our_admin
from django_cors_policy.allowlist import coverage, states
from django_cors_policy.allowlist.batches import Plan, make_plan
from django_cors_policy.allowlist.forms import LONGEST_PASTE, MOST_ORIGINS
from django_cors_policy.allowlist.models import AllowedOrigin, Freshness
from django_cors_policy.allowlist.states import State, status_of
from django_cors_policy.decorators import cors_policy
from django_cors_policy.origins import OriginMatcher, parse_origin
from tests.allowlist import urls
from tests.views import hello

pytestmark = pytest.mark.django_db

MIDDLEWARE = [
    "django_cors_policy.middleware.CorsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
LIST = "/admin/cors_policy_allowlist/allowedorigin/"
ADD = f"{LIST}add/"
ADD_MANY = f"{LIST}add-many/"

POLICIES: dict[str, Any] = {
    "default": {
        "ALLOW_ORIGINS": [
            "https://app.example.com",
            "https://*.corp.example.com",
            re.compile(r"https://team-[a-z]+\.example\.com"),
        ],
        "ALLOW_CREDENTIALS": True,
    },
    "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/public/"]},
    "partners": {"PATHS": ["/partners/", re.compile("/x"), "/orders/"]},
    "idle": {},
}


@pytest.fixture(autouse=True)
def project(source: Any, settings: Any) -> None:
    """The admin, and policies of every kind."""
    settings.MIDDLEWARE = MIDDLEWARE
    settings.ROOT_URLCONF = urls.__name__
    settings.CORS_POLICIES = POLICIES
    # The tests log in often, and real hashing takes its time by design.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def user_who_may(*actions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    codenames = [f"{action}_allowedorigin" for action in actions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def in_(**delta: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(**delta)


def add(origin: str = "https://row.example", **fields: Any) -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=origin, **fields)


def add_raw(**fields: Any) -> AllowedOrigin:
    """A row that nobody has validated."""
    row = add("https://raw.example")
    fields.setdefault("note", "")
    columns = ", ".join(f"{name} = %s" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {AllowedOrigin._meta.db_table} SET {columns} WHERE id = %s",  # noqa: S608
            [*fields.values(), row.pk],
        )
    return AllowedOrigin.objects.get(pk=row.pk)


def add_one_of_each() -> list[AllowedOrigin]:
    return [
        add("https://live.example", note="lives on"),
        add("https://later.example", expires_at=in_(days=40)),
        add("https://soon.example", expires_at=in_(days=3, minutes=1)),
        add("https://over.example", expires_at=in_(hours=-2)),
        add("https://off.example", is_enabled=False),
        add("https://off-and-over.example", is_enabled=False, expires_at=in_(hours=-2)),
        add("https://open.example", policy="public"),
        add("https://narrow.example", allow_credentials=False),
        add("http://insecure.example", policy="partners"),
        add_raw(policy="defualt", origin="https://lost.example"),
        add_raw(policy="", origin=""),
        add_raw(origin="https://app.example.com/path"),
        add_raw(origin="https://EXAMPLE.com"),
        add_raw(origin="http://127.1"),
        add_raw(origin="https://*.b\u00fccher.example"),
        add_raw(origin="http://intranet.example"),
        add_raw(origin="null"),
        add_raw(origin="*"),
    ]


def origins_on(response: Any) -> set[str]:
    assert response.status_code == 200
    return {row.origin for row in response.context["cl"].result_list}


def told(response: Any) -> list[str]:
    """The messages of this very request, in their order."""
    return [str(message) for message in get_messages(response.wsgi_request)._queued_messages]


def text_of(response: Any) -> str:
    """What a page says, without its tags."""
    assert response.status_code == 200
    body = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(html.unescape(body).replace("\xa0", " ").split())


def log() -> list[tuple[str, int, str]]:
    entries = LogEntry.objects.order_by("object_repr")
    return [(e.object_repr, e.action_flag, e.get_change_message()) for e in entries]


def form_data(**fields: Any) -> dict[str, Any]:
    """What the browser sends; False and None are what it leaves out."""
    data = {
        "policy": "default",
        "origin": "https://row.example",
        "allow_credentials": "on",
        "is_enabled": "on",
        "expires_at_0": "",
        "expires_at_1": "",
        "note": "",
    } | fields
    return {name: value for name, value in data.items() if value not in (False, None)}


def expiry(moment: datetime.datetime) -> dict[str, str]:
    """What the two fields of the form hold: noon of that day, in the time zone of the form.

    No change to or from daylight saving time skips or repeats noon.
    """
    return {"expires_at_0": f"{timezone.localtime(moment):%Y-%m-%d}", "expires_at_1": "12:00:00"}


# --- The list -----------------------------------------------------------------------------------


def cells(response: Any, column: str) -> list[str]:
    found = re.findall(
        rf'<t[dh] class="field-{column}[^"]*">(.*?)</t[dh]>', response.content.decode(), re.DOTALL
    )
    return [html.unescape(re.sub(r"<[^>]*>", " ", cell)) for cell in found]


@pytest.mark.parametrize(
    ("fields", "state", "credentials"),
    [
        ({}, "live", "yes"),
        ({"allow_credentials": False}, "live", "no"),
        ({"policy": "partners"}, "live", "no"),
        ({"policy": "public"}, "live The policy allows any origin already.", "no"),
        ({"expires_at": in_(days=400)}, "expires in 1 year", "yes"),
        ({"expires_at": in_(days=3, minutes=30)}, "expires in 3 days", "yes"),
        ({"expires_at": in_(hours=-3, minutes=-5)}, "expired 3 hours ago", "yes"),
        ({"is_enabled": False}, "disabled", "yes"),
        (
            {"policy": "defualt"},
            "unknown policy 'defualt' is no policy in CORS_POLICIES. Did you mean 'default'?",
            "-",
        ),
        (
            {"origin": "https://app.example.com/"},
            "unreadable 'https://app.example.com/' has a path; an origin has none. "
            "Write 'https://app.example.com'.",
            "yes",
        ),
        (
            {"origin": "https://*.b\u00fccher.example"},
            "unreadable 'https://*.b\u00fccher.example' is not written as browsers send it. "
            "Open the row and save it.",
            "yes",
        ),
        (
            {"origin": "http://intranet.example"},
            "refused by its policy 'http://intranet.example' is http: anyone on the network's "
            "path can speak as that origin, and credentials are allowed. Write "
            "'https://intranet.example', or take the risk knowingly: add 'insecure-http' to "
            "ACCEPT_RISKS.",
            "yes",
        ),
    ],
)
def test_the_list_says_what_becomes_of_a_row_and_why(
    admin: Client, fields: dict[str, Any], state: str, credentials: str
) -> None:
    row = add_raw(**fields)
    response = admin.get(LIST)
    [said] = cells(response, "state")
    assert " ".join(said.replace("\xa0", " ").split()) == state
    assert cells(response, "credentials") == [credentials]
    assert text_of(admin.get(f"{LIST}{row.pk}/change/")).count(state) == 1


def test_hosts_read_as_people_write_them_and_as_browsers_send_them(admin: Client) -> None:
    add("https://*.b\u00fccher.example")
    [cell] = cells(admin.get(LIST), "origin_as_read")
    assert cell.split() == ["https://*.b\u00fccher.example", "https://*.xn--bcher-kva.example"]


def test_nothing_that_a_row_holds_is_markup_or_hides(admin: Client) -> None:
    attack = "<script>alert(1)</script>"
    add_raw(policy=attack, note=attack, origin=f"https://{attack}")
    add_raw(origin=f"'\"><img src=x onerror={attack}>", note="&lt;b&gt;")
    add_raw(origin="https://\u202eelpmaxe.ppa\x1b")
    pages = [LIST, f"{LIST}?q=script", f"{LIST}?_facets=True"]
    for row in AllowedOrigin.objects.all():
        pages += [f"{LIST}{row.pk}/{page}/" for page in ("change", "delete", "history")]
    for page in pages:
        body = admin.get(page).content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body
    [hidden] = [cell for cell in cells(admin.get(LIST), "origin_as_read") if "elpmaxe" in cell]
    assert hidden.strip() == r"'https://\u202eelpmaxe.ppa\x1b'"


def test_the_list_asks_the_database_no_more_for_more_rows(admin: Client) -> None:
    def count(url: str) -> int:
        admin.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(url).status_code == 200
        return len(queries)

    pages = [LIST, f"{LIST}?q=https://b.a1.example", f"{LIST}?q=b\u00fccher", f"{LIST}?state=live"]
    for number in range(3):
        add(f"https://a{number}.example", expires_at=in_(days=1))
    few = list(map(count, pages))
    for number in range(3, 100):
        add(f"https://a{number}.example", policy="public", expires_at=in_(days=number))
    assert list(map(count, pages)) == few
    assert few[0] <= 11  # session, user, savepoints of neither, and what the stock list asks


def test_filters_by_state_agree_with_what_the_list_says(admin: Client) -> None:
    rows = add_one_of_each()
    by_state: dict[State, set[str]] = {state: set() for state in State}
    for row in rows:
        by_state[status_of(row).state].add(row.origin)
    by_state[State.LIVE] |= by_state[State.EXPIRING]
    assert all(by_state.values())
    for state in State:
        assert origins_on(admin.get(LIST, {"state": state.value})) == by_state[state], state
    assert origins_on(admin.get(LIST, {"state": "of mind"})) == {row.origin for row in rows}


def test_facets_count_rows(admin: Client) -> None:
    rows = add_one_of_each()
    response = admin.get(LIST, {"_facets": "True"})
    for state in State:
        expected = sum(
            status_of(row).state == state or (state == State.LIVE and status_of(row).state.is_live)
            for row in rows
        )
        assert f"{states.LABELS[state]} ({expected})" in text_of(response)


def test_filters_by_policy_and_credentials(admin: Client) -> None:
    add("https://default.example")
    add("https://narrow.example", allow_credentials=False)
    add("https://partner.example", policy="partners")
    add_raw(policy="gone", origin="https://gone.example")
    assert origins_on(admin.get(LIST, {"credentials": "yes"})) == {"https://default.example"}
    assert origins_on(admin.get(LIST, {"credentials": "no"})) == {
        "https://narrow.example",
        "https://partner.example",
        "https://gone.example",
    }
    assert origins_on(admin.get(LIST, {"policy": "gone"})) == {"https://gone.example"}


def test_dates_to_choose_from_where_a_row_expires(admin: Client) -> None:
    row = add()
    assert admin.get(LIST).context["cl"].date_hierarchy is None
    row.expires_at = datetime.datetime(2031, 5, 17, 12, tzinfo=datetime.timezone.utc)
    row.save()
    add("https://later.example", expires_at=in_(days=1))
    if connection.features.has_zoneinfo_database:
        assert admin.get(LIST).context["cl"].date_hierarchy == "expires_at"
    query = {"expires_at__year": 2031, "expires_at__month": 5}
    assert origins_on(admin.get(LIST, query)) == {"https://row.example"}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_the_list_opens_where_the_database_knows_no_time_zones(
    admin: Client, settings: Any, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # MariaDB as it is installed: it answers NULL where a time is to be converted.
    settings.TIME_ZONE = zone
    monkeypatch.setattr(type(connection.features), "has_zoneinfo_database", False)
    add(expires_at=in_(days=1))
    response = admin.get(LIST)
    assert origins_on(response) == {"https://row.example"}
    assert response.context["cl"].date_hierarchy is None


def test_the_list_and_the_form_open_though_settings_are_wrong(admin: Client, settings: Any) -> None:
    row = add()
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN": []}}
    settings.MIDDLEWARE = MIDDLEWARE[1:]
    assert "unknown policy" in text_of(admin.get(LIST))
    change = f"{LIST}{row.pk}/change/"
    assert "default (no longer in CORS_POLICIES)" in text_of(admin.get(change))
    assert "CORS_POLICIES is wrong" in text_of(admin.post(change, form_data()))
    response = admin.post(ADD_MANY, many("https://a.example"))
    assert "CORS_POLICIES is wrong" in text_of(response)


# --- Search -------------------------------------------------------------------------------------

SEARCHED = [
    "https://*.example.com",
    "https://*.b.example.com",
    "https://a.b.example.com",
    "https://*.b.example.com:8443",
    "http://*.example.com",
    "https://*.b.example.com:*",
    "http://localhost:*",
    "https://*.b\u00fccher.example",
    "https://m\u00fcnchen-apotheke.example",
]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("https://a.b.example.com", [0, 1, 2, 5]),
        (" HTTPS://A.B.Example.com:443/orders/?page=2#top ", [0, 1, 2, 5]),
        ("https://user:secret@a.b.example.com/", [0, 1, 2, 5]),
        ("a.b.example.com", [0, 1, 2, 5]),
        ("https://a.b.example.com:8443/", [3, 5]),
        ("https://b.example.com", [0]),
        ("https://*.example.com", [0]),
        ("http://localhost:5173/", [6]),
        ("localhost", [6]),
        ("https://www.b\u00fccher.example/regal", [7]),
        ("https://www.xn--bcher-kva.example", [7]),
        ("B\u00fcCH", [7]),
        ("*.b\u00fccher.example", [7]),
        ("m\u00fcnchen", [8]),
        ("mu\u0308nchen", [8]),
        ("note of dog", [4]),
        ("dog of", [4]),
        ("100%", []),
        ("no such thing", []),
        ("https://[", []),
        ("x" * 5000, []),
    ],
)
def test_search(admin: Client, term: str, found: list[int]) -> None:
    for origin, animal in zip(SEARCHED, "ant bee cat cow dog elk fox gnu hen".split(), strict=True):
        add(origin, policy="partners", note=f"note of {animal}")
    expected = {str(parse_origin(SEARCHED[number])) for number in found}
    assert origins_on(admin.get(LIST, {"q": term})) == expected


LABELS = st.lists(st.sampled_from(["a", "b", "c", "xn--bcher-kva"]), min_size=1, max_size=4)
PORTS = st.sampled_from(["", ":8443", ":*"])


@hypothesis_settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    rows=st.sets(
        st.builds(
            lambda wildcard, labels, port: f"https://{wildcard}{'.'.join(labels)}.test{port}",
            st.sampled_from(["", "*."]),
            LABELS,
            PORTS,
        ),
        max_size=8,
    ),
    labels=LABELS,
    port=st.sampled_from(["", ":8443", ":9000"]),
)
def test_search_finds_what_the_matcher_finds(
    admin: Client, rows: set[str], labels: list[str], port: str
) -> None:
    AllowedOrigin.objects.all().delete()
    AllowedOrigin.objects.bulk_create(AllowedOrigin(origin=origin) for origin in rows)
    address = f"https://{'.'.join(labels)}.test{port}"
    matching = {row for row in rows if OriginMatcher([parse_origin(row)]).match(address)}
    # A path behind it, so that nothing is found by its letters.
    assert origins_on(admin.get(LIST, {"q": f"{address}/path"})) == matching


def test_search_within_a_filter(admin: Client) -> None:
    add("https://*.example.com", policy="partners")
    add("https://*.b.example.com", is_enabled=False)
    query = {"q": "https://a.b.example.com", "state": "live"}
    assert origins_on(admin.get(LIST, query)) == {"https://*.example.com"}
    assert origins_on(admin.get(LIST, {"q": "  "})) == {
        "https://*.example.com",
        "https://*.b.example.com",
    }


# --- Actions ------------------------------------------------------------------------------------


def act(client: Client, action: str, *rows: AllowedOrigin, **data: Any) -> Any:
    selected = {"_selected_action": [row.pk for row in rows]}
    return client.post(LIST, {"action": action, **selected, **data})


def token() -> str:
    return Freshness.objects.get().token


def test_enable_and_disable(admin: Client) -> None:
    on, off, over = (
        add("https://on.example"),
        add("https://off.example", is_enabled=False),
        add("https://over.example", is_enabled=False, expires_at=in_(days=-1)),
    )
    before = token()
    response = act(admin, "enable", on, off, over)
    assert told(response) == [
        "2 origins enabled.",
        "1 was enabled already.",
        "1 of them still has no effect; its state says why.",
    ]
    assert not AllowedOrigin.objects.filter(is_enabled=False).exists()
    assert log() == [
        ("https://off.example", CHANGE, "Enabled."),
        ("https://over.example", CHANGE, "Enabled."),
    ]
    assert token() != before

    LogEntry.objects.all().delete()
    before, changed_at = token(), AllowedOrigin.objects.get(pk=on.pk).updated_at
    assert told(act(admin, "disable", on)) == ["1 origin disabled."]
    assert log() == [("https://on.example", CHANGE, "Disabled.")]
    assert token() != before
    assert AllowedOrigin.objects.get(pk=on.pk).updated_at > changed_at

    before = token()
    assert told(act(admin, "disable", on)) == ["1 was disabled already."]
    assert len(log()) == 1
    assert token() == before


def test_a_disabled_origin_is_refused_by_the_next_request(admin: Client) -> None:
    row = add(policy="default")
    headers = {"origin": row.origin}
    assert "Access-Control-Allow-Origin" in Client().get("/hello/", headers=headers)
    act(admin, "disable", row)
    assert "Access-Control-Allow-Origin" not in Client().get("/hello/", headers=headers)


def test_extend(admin: Client) -> None:
    soon = add("https://soon.example", expires_at=in_(days=2))
    over = add("https://over.example", expires_at=in_(days=-90))
    off = add("https://off.example", expires_at=in_(days=-90), is_enabled=False)
    never = add("https://never.example")
    nearly = datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc)
    nearly_never = add("https://nearly-never.example", expires_at=nearly)
    response = act(admin, "extend", soon, over, off, never, nearly_never)
    assert told(response) == [
        "3 origins extended by 30 days.",
        "1 of them had expired, and is live again.",
        "2 have no expiry to extend, and were left as they are.",
    ]
    for row in (soon, over, off, never, nearly_never):
        row.refresh_from_db()
    minute = datetime.timedelta(minutes=1)
    assert abs(soon.expires_at - in_(days=32)) < minute
    assert abs(over.expires_at - in_(days=30)) < minute
    assert abs(off.expires_at - in_(days=30)) < minute
    assert never.expires_at is None
    assert nearly_never.expires_at == nearly
    assert [entry[::2] for entry in log()] == [
        ("https://off.example", "Extended by 30 days."),
        ("https://over.example", "Extended by 30 days."),
        ("https://soon.example", "Extended by 30 days."),
    ]


def test_actions_on_all_that_a_search_finds(admin: Client) -> None:
    add("https://*.example.com", policy="partners")
    add("https://a.example.com")
    add("https://other.example")
    data = {"action": "disable", "select_across": "1", "_selected_action": ["1"]}
    response = admin.post(f"{LIST}?q=https://a.example.com/path&state=live", data)
    assert told(response) == ["2 origins disabled."]
    assert AllowedOrigin.objects.get(is_enabled=True).origin == "https://other.example"


def test_actions_on_a_broken_row(admin: Client) -> None:
    row = add_raw(origin="https://app.example.com/path", policy="gone")
    act(admin, "disable", row)
    response = act(admin, "enable", row)
    assert told(response)[-2:] == [
        "1 origin enabled.",
        "1 of them still has no effect; its state says why.",
    ]
    act(admin, "delete_selected", row, post="yes")
    assert not AllowedOrigin.objects.exists()


@pytest.mark.parametrize("action", ["enable", "disable", "extend"])
def test_actions_want_the_permission_to_change(action: str) -> None:
    row = add(is_enabled=action != "enable", expires_at=in_(days=1))
    client = user_who_may("view", "add", "delete")
    assert f'value="{action}"' not in client.get(LIST).content.decode()
    assert told(act(client, action, row)) == ["No action selected."]
    after = AllowedOrigin.objects.get()
    assert (after.is_enabled, after.expires_at) == (row.is_enabled, row.expires_at)


# --- One row ------------------------------------------------------------------------------------


def test_the_form_explains_each_field_and_offers_the_policies(admin: Client) -> None:
    add_ = text_of(admin.get(ADD))
    form = admin.get(ADD).context["adminform"].form
    assert all(field.help_text for field in form.fields.values())
    for choice in (
        "default (everywhere else; with credentials)",
        "public (/public/; any origin, without credentials)",
        "partners (/partners/, /x and more; without credentials)",
        "idle (where a decorator asks for it; without credentials)",
    ):
        assert choice in add_
    assert "no longer in CORS_POLICIES" not in add_


def test_adding_and_changing(admin: Client) -> None:
    data = form_data(origin=" https://B\u00fccher.example:443 ".lower().replace(":443", ""))
    response = admin.post(ADD, data)
    assert response.status_code == 302
    row = AllowedOrigin.objects.get()
    assert row.origin == "https://xn--bcher-kva.example"
    assert told(response)[1:] == []

    change = f"{LIST}{row.pk}/change/"
    page = admin.get(change)
    assert page.context["adminform"].form["origin"].value() == "https://b\u00fccher.example"
    assert "As browsers send it: https://xn--bcher-kva.example" in text_of(page)
    admin.post(change, form_data(origin="https://b\u00fccher.example", note="new"))
    assert [message for *_, message in log()] == ["Added.", "Changed Note."]
    row.refresh_from_db()
    assert (row.origin, row.note) == ("https://xn--bcher-kva.example", "new")


@pytest.mark.parametrize(
    ("fields", "name", "error"),
    [
        (
            {"origin": "https://app.example.com/shop/"},
            "origin",
            "'https://app.example.com/shop/' has a path; an origin has none. "
            "Write 'https://app.example.com'.",
        ),
        (
            {"origin": "http://intranet.example"},
            "origin",
            "'http://intranet.example' is http: anyone on the network's path can speak as that "
            "origin, and credentials are allowed. Write 'https://intranet.example', or take the "
            "risk knowingly: add 'insecure-http' to ACCEPT_RISKS.",
        ),
        ({"origin": ""}, "origin", "This field is required."),
        (
            {"policy": "defualt"},
            "policy",
            "'defualt' is no policy in CORS_POLICIES. Did you mean 'default'?",
        ),
        ({"policy": ""}, "policy", "This field is required."),
    ],
)
def test_errors_stand_at_their_field_and_nothing_is_lost(
    admin: Client, fields: dict[str, Any], name: str, error: str
) -> None:
    response = admin.post(ADD, form_data(note="kept", **fields))
    assert response.context["adminform"].form.errors == {name: [error]}
    assert 'value="kept"' in response.content.decode()
    assert not AllowedOrigin.objects.exists()


def test_the_same_origin_again_is_refused(admin: Client) -> None:
    add()
    response = admin.post(ADD, form_data())
    assert "This policy has a row for this origin already." in text_of(response)


def test_a_row_whose_policy_has_gone_opens_and_can_be_given_another(admin: Client) -> None:
    row = add_raw(policy="partner", origin="https://row.example")
    change = f"{LIST}{row.pk}/change/"
    page = text_of(admin.get(change))
    assert "partner (no longer in CORS_POLICIES)" in page
    assert "'partner' is no policy in CORS_POLICIES. Did you mean 'partners'?" in page
    response = admin.post(change, form_data(policy="partner"))
    assert "policy" in response.context["adminform"].form.errors
    assert admin.post(change, form_data(policy="partners")).status_code == 302
    assert status_of(AllowedOrigin.objects.get()).state == State.LIVE


@pytest.mark.parametrize("origin", ["", "*", "https://app.example.com/path", "\u202e<b>"])
def test_a_broken_row_opens_and_can_be_mended(admin: Client, origin: str) -> None:
    row = add_raw(origin=origin)
    change = f"{LIST}{row.pk}/change/"
    assert admin.get(change).status_code == 200
    response = admin.post(change, form_data(origin=origin))
    assert "origin" in response.context["adminform"].form.errors
    assert admin.post(change, form_data(origin="https://mended.example")).status_code == 302
    assert status_of(AllowedOrigin.objects.get()).state == State.LIVE


def test_who_may_only_look_sees_all_and_changes_nothing() -> None:
    row = add("https://b\u00fccher.example", note="a note")
    client = user_who_may("view")
    page = client.get(f"{LIST}{row.pk}/change/")
    assert "https://xn--bcher-kva.example" in text_of(page)
    assert "a note" in text_of(page)
    assert client.post(f"{LIST}{row.pk}/change/", form_data()).status_code == 403
    assert client.get(ADD).status_code == 403


# --- What one may not have expected -------------------------------------------------------------


def remarks_after_adding(client: Client, **fields: Any) -> list[str]:
    return told(client.post(ADD, form_data(**fields)))[1:]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        (
            {"policy": "public"},
            ["The row changes nothing: the policy \u201cpublic\u201d allows any origin."],
        ),
        (
            {"origin": "https://app.example.com"},
            [
                "The row changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][0] "
                "allows it already."
            ],
        ),
        (
            {"origin": "https://*.hr.corp.example.com"},
            [
                "The row changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][1] "
                "allows it already."
            ],
        ),
        (
            {"origin": "https://team-red.example.com"},
            [
                "The row changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][2] "
                "allows it already."
            ],
        ),
        ({"origin": "https://corp.example.com"}, []),
        ({"origin": "https://*.example.com"}, []),
        ({"origin": "https://a.corp.example.com:*"}, []),
        ({"origin": "null", "allow_credentials": False}, []),
        ({"origin": "https://app.example.com", "is_enabled": False}, []),
        (expiry(in_(days=-2)), ["The row has no effect: it has expired already."]),
        (
            {"policy": "idle"},
            [
                "Nothing uses the policy \u201cidle\u201d: it names no PATHS, and no decorator in "
                "the URLconf asks for it. Until one does, the row has no effect."
            ],
        ),
    ],
)
def test_remarks_on_a_new_row(admin: Client, fields: dict[str, Any], expected: list[str]) -> None:
    assert remarks_after_adding(admin, **fields) == expected
    assert AllowedOrigin.objects.count() == 1


WIDER = "https://*.example.com"


@pytest.mark.parametrize(
    ("wider", "fields", "is_redundant"),
    [
        ({}, {}, True),
        ({"expires_at": in_(days=9)}, expiry(in_(days=5)), True),
        ({"expires_at": in_(days=9)}, expiry(in_(days=20)), False),
        ({"expires_at": in_(days=9)}, {}, False),
        ({}, expiry(in_(days=5)), True),
        ({}, {"allow_credentials": False}, False),
        ({"allow_credentials": False}, {}, False),
        ({"policy": "partners", "allow_credentials": False}, {"policy": "partners"}, True),
        ({"policy": "partners"}, {}, False),
        ({"is_enabled": False}, {}, False),
        ({"expires_at": in_(days=-1)}, {}, False),
    ],
)
def test_a_row_that_another_covers_is_remarked_on_in_either_order(
    admin: Client, wider: dict[str, Any], fields: dict[str, Any], is_redundant: bool
) -> None:
    row = add(WIDER, **wider)
    new = {"origin": "https://a.b.example.com", **fields}
    changes_nothing = f"The row changes nothing: the row \u201c{WIDER}\u201d allows it already."
    assert remarks_after_adding(admin, **new) == [changes_nothing] * is_redundant

    covers = "The row covers another one, which changes nothing now: https://a.b.example.com."
    data = form_data(
        policy=row.policy,
        origin=row.origin,
        allow_credentials=row.allow_credentials and "on",
        is_enabled=row.is_enabled and "on",
        **(expiry(row.expires_at) if row.expires_at else {}),
    )
    response = admin.post(f"{LIST}{row.pk}/change/", data)
    said = [text for text in told(response) if "covers" in text]
    assert said == [covers] * is_redundant


def test_the_nearest_wildcard_is_what_a_row_is_compared_with(admin: Client) -> None:
    add(WIDER)
    add("https://*.b.example.com", allow_credentials=False)
    assert remarks_after_adding(admin, origin="https://a.b.example.com") == []
    [said] = remarks_after_adding(admin, origin="https://c.b.example.com", allow_credentials=False)
    assert "\u201chttps://*.b.example.com\u201d allows it already" in said


def test_ports_are_compared_as_well(admin: Client) -> None:
    add("https://*.example.com:8443")
    assert remarks_after_adding(admin, origin="https://a.example.com:*") == []
    assert remarks_after_adding(admin, origin="https://b.example.com:8443") != []
    AllowedOrigin.objects.all().delete()
    add("https://a.example.org")
    add("https://a.example.org:9000")
    add("http://a.example.org", allow_credentials=False)
    add_raw(origin="https://a.example.org:x")
    [said] = remarks_after_adding(admin, origin="https://a.example.org:*")
    assert said == (
        "The row covers others, which change nothing now: "
        "https://a.example.org, https://a.example.org:9000."
    )


def test_many_covered_rows_are_not_all_named(admin: Client) -> None:
    for number in range(9):
        add(f"https://a{number}.example.com")
    add_raw(origin="https://broken.example.com/path")
    [said] = remarks_after_adding(admin, origin=WIDER)
    assert said == (
        "The row covers others, which change nothing now: https://a0.example.com, "
        "https://a1.example.com, https://a2.example.com, https://a3.example.com, "
        "https://a4.example.com and more."
    )


@pytest.mark.parametrize(
    ("decorator", "is_used"),
    [
        (cors_policy("idle"), True),
        (cors_policy("idle", max_age=60), True),
        (cors_policy("idle", allow_origins=["https://a.example"]), False),
        (cors_policy("public"), False),
    ],
)
def test_a_decorator_is_a_use(
    admin: Client,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    decorator: Callable[[Any], Any],
    is_used: bool,
) -> None:
    urlconf = ModuleType("urls_of_this_test")
    urlconf.urlpatterns = [*urls.urlpatterns, path("d/", decorator(hello))]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    said = remarks_after_adding(admin, policy="idle")
    assert (said == []) == is_used


def test_no_remarks_where_the_policy_has_gone() -> None:
    assert list(coverage.remarks(add_raw(policy="gone"))) == []


# --- Many rows ----------------------------------------------------------------------------------

PASTE = """\ufeff
# Partners of the spring campaign
https://shop.example\tACME, asked by Sales
https://*.b\u00fccher.example  # all branches
https://app.example.com
https://there.example  the shop
https://checkout.example/cart/#pay
http://globex.example
https://shop.example  again
https://off.example
https://one.example https://two.example
  # nothing
https://a.b\u00fccher.example
"""


def many(origins: str, **fields: Any) -> dict[str, Any]:
    data = form_data(origins=origins, **fields)
    return {name: data[name] for name in data if name not in ("origin", "is_enabled")}


def plan_of(response: Any) -> dict[str, list[tuple[int, str]]]:
    plan: Plan = response.context["plan"]
    return {
        name: [(line.number, line.row.origin) for line in lines]
        for name, lines in vars(plan).items()
    }


def test_a_paste_is_previewed_and_then_added(admin: Client) -> None:
    there = add("https://there.example")
    add("https://off.example", is_enabled=False)
    LogEntry.objects.all().delete()
    data = many(PASTE, note="Spring", **expiry(in_(days=30)))
    response = admin.post(ADD_MANY, {**data, "_preview": "Preview"})
    assert plan_of(response) == {
        "additions": [
            (3, "https://shop.example"),
            (4, "https://*.xn--bcher-kva.example"),
            (5, "https://app.example.com"),
            (13, "https://a.xn--bcher-kva.example"),
        ],
        "existing": [(6, "https://there.example"), (10, "https://off.example")],
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
        "Changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][0] allows it already.",
        "Changes nothing: the row \u201chttps://*.b\u00fccher.example\u201d allows it already.",
        "2 exist already and stay as they are",
        "https://off.example line 10 disabled",
        "As line 3.",
        "3 are refused",
        "'https://checkout.example/cart/#pay' has a path; an origin has none. "
        "Write 'https://checkout.example'.",
        "'http://globex.example' is http: anyone on the network's path can speak as that origin",
        "holds several origins; a list has one string for each. "
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


def hidden_fields(response: Any) -> dict[str, str]:
    inputs = re.findall(r"<input [^>]*type=\"hidden\"[^>]*>", response.content.decode())
    fields = {}
    for tag in inputs:
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        fields[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return fields


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
            "There are only comments. Write one origin a line.",
        ),
        (
            {"origins": "https://a.example\n" * (MOST_ORIGINS + 1)},
            "origins",
            f"These are {MOST_ORIGINS + 1} origins, and {MOST_ORIGINS} is the limit. "
            "Add them in several goes.",
        ),
        (
            {"origins": "#" * (LONGEST_PASTE + 1)},
            "origins",
            f"This is too long: {LONGEST_PASTE + 1} characters, and {LONGEST_PASTE} is the "
            "limit. Add the origins in several goes.",
        ),
        ({"origins": "https://a\0.example"}, "origins", "Null characters are not allowed."),
        (
            {"policy": "partner"},
            "policy",
            "'partner' is no policy in CORS_POLICIES. Did you mean 'partners'?",
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


def test_a_paste_of_the_most_origins(admin: Client) -> None:
    origins = "\n".join(f"https://a{number}.example" for number in range(MOST_ORIGINS))
    with CaptureQueriesContext(connection) as queries:
        response = admin.post(ADD_MANY, {**many(origins), "_preview": "Preview"})
    assert len(plan_of(response)["additions"]) == MOST_ORIGINS
    assert len(queries) < 15
    with CaptureQueriesContext(connection) as queries:
        response = admin.post(ADD_MANY, {**many(origins), "_confirm": "Add"})
    assert told(response) == [f"{MOST_ORIGINS} origins added."]
    assert LogEntry.objects.count() == MOST_ORIGINS
    # The token, the row and its entry in the log, as if each were added by itself.
    assert len(queries) < 3 * MOST_ORIGINS + 15


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
    additions = response.context["plan"].additions
    assert len(additions) == MOST_ORIGINS
    assert {line.row.origin: line.remarks for line in additions if line.remarks} == {
        lines[7]: ["Changes nothing: the row \u201chttps://*.h7.example:*\u201d allows it already."]
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
        planned = make_plan(lines, using)
        if next(calls) == 0:
            add("https://b.example")
        return planned

    monkeypatch.setattr(our_admin, "make_plan", plan_and_be_overtaken)
    data = many("https://a.example\nhttps://b.example")
    response = admin.post(ADD_MANY, {**data, "_confirm": "Add"})
    assert "Nothing was added: somebody else has just added one of these." in text_of(response)
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
    name = "existing" if connection.vendor == "mysql" else "additions"
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
