"""The admin of allowed origins as operators use it: through requests."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy.allowlist import coverage, states
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.states import State, status_of
from django_cors_policy.decorators import cors_policy
from django_cors_policy.origins import OriginMatcher, parse_origin
from tests.allowlist import urls
from tests.views import hello

from .pages import (
    ADD,
    ADD_MANY,
    LIST,
    MIDDLEWARE,
    add,
    add_one_of_each,
    add_raw,
    cells,
    expiry,
    form_data,
    in_,
    log,
    many,
    origins_on,
    project,
    text_of,
    told,
    user_who_may,
)

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db


# --- The list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "state", "credentials"),
    [
        ({}, "live", "yes"),
        ({"allow_credentials": False}, "live", "no"),
        ({"policy": "partners"}, "live", "no"),
        ({"policy": "public"}, "live The policy already allows any origin.", "no"),
        ({"expires_at": in_(days=400)}, "expires in 1 year", "yes"),
        ({"expires_at": in_(days=3, minutes=30)}, "expires in 3 days", "yes"),
        ({"expires_at": in_(hours=-3, minutes=-5)}, "expired 3 hours ago", "yes"),
        ({"is_enabled": False}, "disabled", "yes"),
        (
            {"policy": "defualt"},
            "unknown policy 'defualt' is not a policy in CORS_POLICIES. Did you mean 'default'?",
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
            'refused by its policy The row works without cookies: untick "Allow credentials". To '
            "keep them: 'http://intranet.example' uses http: an attacker on the "
            "network can act as this origin, and credentials are allowed. Write "
            "'https://intranet.example', or accept the risk: add 'insecure-http' to "
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


# --- Search --------------------------------------------------------------------------------------

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
@pytest.mark.slow
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


# --- One row -------------------------------------------------------------------------------------


def test_the_form_explains_each_field_and_offers_the_policies(admin: Client) -> None:
    add_ = text_of(admin.get(ADD))
    form = admin.get(ADD).context["adminform"].form
    assert all(field.help_text for field in form.fields.values())
    for choice in (
        "default (everywhere else; with credentials)",
        "public (/public/; any origin, without credentials)",
        "partners (/partners/, /x and more; without credentials)",
        "idle (where a decorator uses it; without credentials)",
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
            'The row works without cookies: untick "Allow credentials". To keep them:'
            "'http://intranet.example' uses http: an attacker on the network can act as this "
            "origin, and credentials are allowed. Write 'https://intranet.example', or accept the "
            "risk: add 'insecure-http' to ACCEPT_RISKS.",
        ),
        ({"origin": ""}, "origin", "This field is required."),
        (
            {"policy": "defualt"},
            "policy",
            "'defualt' is not a policy in CORS_POLICIES. Did you mean 'default'?",
        ),
        ({"policy": ""}, "policy", "This field is required."),
    ],
)
def test_errors_stand_at_their_field_and_nothing_is_lost(
    admin: Client, fields: dict[str, Any], name: str, error: str
) -> None:
    response = admin.post(ADD, form_data(note="kept", **fields))
    errors = response.context["adminform"].form.errors
    assert {name: "".join(told) for name, told in errors.items()} == {name: error}
    assert 'value="kept"' in response.content.decode()
    assert not AllowedOrigin.objects.exists()


@pytest.mark.parametrize("origin", ["http://intranet.example", "https://*.github.io"])
def test_unticking_credentials_as_the_form_says_is_enough(admin: Client, origin: str) -> None:
    response = admin.post(ADD, form_data(origin=origin))
    [advice, problem] = response.context["adminform"].form.errors["origin"]
    assert advice == 'The row works without cookies: untick "Allow credentials". To keep them:'
    assert origin in problem
    assert admin.post(ADD, form_data(origin=origin, allow_credentials=None)).status_code == 302
    assert status_of(AllowedOrigin.objects.get(origin=origin)).state == State.LIVE


def test_the_same_origin_again_is_refused(admin: Client) -> None:
    add()
    response = admin.post(ADD, form_data())
    assert "This policy already has a row for this origin." in text_of(response)


def test_a_row_whose_policy_has_gone_opens_and_can_be_given_another(admin: Client) -> None:
    row = add_raw(policy="partner", origin="https://row.example")
    change = f"{LIST}{row.pk}/change/"
    page = text_of(admin.get(change))
    assert "partner (no longer in CORS_POLICIES)" in page
    assert "'partner' is not a policy in CORS_POLICIES. Did you mean 'partners'?" in page
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


# --- What one may not have expected --------------------------------------------------------------


def remarks_after_adding(client: Client, **fields: Any) -> list[str]:
    return told(client.post(ADD, form_data(**fields)))[1:]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        (
            {"policy": "public"},
            ["The row changes nothing: the policy \u201cpublic\u201d already allows any origin."],
        ),
        (
            {"origin": "https://app.example.com"},
            [
                "The row changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][0] "
                "already allows it."
            ],
        ),
        (
            {"origin": "https://*.hr.corp.example.com"},
            [
                "The row changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][1] "
                "already allows it."
            ],
        ),
        (
            {"origin": "https://team-red.example.com"},
            [
                "The row changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][2] "
                "already allows it."
            ],
        ),
        ({"origin": "https://corp.example.com"}, []),
        ({"origin": "https://*.example.com"}, []),
        ({"origin": "https://a.corp.example.com:*"}, []),
        ({"origin": "null", "allow_credentials": False}, []),
        ({"origin": "https://app.example.com", "is_enabled": False}, []),
        (expiry(in_(days=-2)), ["The row has no effect: it has expired."]),
        (
            {"policy": "idle"},
            [
                "The row has no effect yet: the policy \u201cidle\u201d has no PATHS, and no "
                "decorator in the URLconf uses it."
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
    changes_nothing = f"The row changes nothing: the row \u201c{WIDER}\u201d already allows it."
    assert remarks_after_adding(admin, **new) == [changes_nothing] * is_redundant

    covers = "The row makes another row redundant: https://a.b.example.com."
    data = form_data(
        policy=row.policy,
        origin=row.origin,
        allow_credentials=row.allow_credentials and "on",
        is_enabled=row.is_enabled and "on",
        **(expiry(row.expires_at) if row.expires_at else {}),
    )
    response = admin.post(f"{LIST}{row.pk}/change/", data)
    said = [text for text in told(response) if "redundant" in text]
    assert said == [covers] * is_redundant


def test_the_nearest_wildcard_is_what_a_row_is_compared_with(admin: Client) -> None:
    add(WIDER)
    add("https://*.b.example.com", allow_credentials=False)
    assert remarks_after_adding(admin, origin="https://a.b.example.com") == []
    [said] = remarks_after_adding(admin, origin="https://c.b.example.com", allow_credentials=False)
    assert "\u201chttps://*.b.example.com\u201d already allows it" in said


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
        "The row makes other rows redundant: https://a.example.org, https://a.example.org:9000."
    )


def test_many_covered_rows_are_not_all_named(admin: Client) -> None:
    for number in range(9):
        add(f"https://a{number}.example.com")
    add_raw(origin="https://broken.example.com/path")
    [said] = remarks_after_adding(admin, origin=WIDER)
    assert said == (
        "The row makes other rows redundant: https://a0.example.com, "
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
