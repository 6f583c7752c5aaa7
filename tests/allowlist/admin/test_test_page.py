"""The page "Test a request": through requests, beside what ``explain`` says of the same call."""

from __future__ import annotations

import html
import re
import sys
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import path
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy.allowlist.admin import AllowedOriginAdmin, RefusedOriginAdmin
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin
from django_cors_policy.decorators import cors_policy
from django_cors_policy.explain import explain
from tests.urls import urlpatterns as views
from tests.views import hello

from .pages import ADD, LIST, MIDDLEWARE, add, add_raw, project, text_of
from .test_refused import LIST as REFUSED_LIST
from .test_refused import refuse

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db

PAGE = f"{LIST}test/"
APP = "https://app.example.com"
STRANGER = "https://stranger.example"
ATTACK = "<script>alert(1)</script>"


class _NotOurs(django_admin.ModelAdmin):  # type: ignore[type-arg]
    """Somebody's own, without the page."""


class _ShortSighted(AllowedOriginAdmin):
    """Its users see some rows only."""

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).exclude(note="secret")


def _site(name: str, **models: Any) -> django_admin.AdminSite:
    site = django_admin.AdminSite(name)
    site.register(RefusedOrigin, RefusedOriginAdmin)
    for model_admin in models.values():
        site.register(AllowedOrigin, model_admin)
    return site


urlpatterns = [
    path("admin/", django_admin.site.urls),
    path("without-rows/", _site("without_rows").urls),
    path("not-ours/", _site("not_ours", rows=_NotOurs).urls),
    path("short-sighted/", _site("short_sighted", rows=_ShortSighted).urls),
    path("own/", cors_policy(allow_origins=["https://own.example"])(hello)),
    path("partners/hello/", hello),
    *views,
]


@pytest.fixture(autouse=True)
def pages(project: None, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


def user_who_may(*codenames: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, origin: str = APP, url: str = "/hello/", **data: Any) -> Any:
    return client.get(PAGE, {"origin": origin, "url": url, **data})


def buttons(response: Any) -> list[str]:
    """The addresses that the result leads to."""
    body = response.content.decode()
    return [html.unescape(url) for url in re.findall(r'<a class="button" href="([^"]*)"', body)]


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def field_values(response: Any) -> dict[str, Any]:
    form = response.context["adminform"].form
    return {field.name: field.value() for field in form if field.value()}


def links(response: Any) -> list[str]:
    assert response.status_code == 200
    body = response.content.decode()
    return [html.unescape(url) for url in re.findall(rf'href="([^"]*{PAGE}[^"]*)"', body)]


def filled_in(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


# --- Who may, and how one gets there -------------------------------------------------------------


@pytest.mark.parametrize("action", ["view", "change"])
def test_it_takes_the_permission_to_view_rows(action: str) -> None:
    client = user_who_may(f"{action}_allowedorigin")
    assert client.get(PAGE).status_code == 200
    assert PAGE in links(client.get(LIST))


@pytest.mark.parametrize("codenames", [(), ("add_allowedorigin", "view_refusedorigin")])
def test_others_are_sent_away(codenames: tuple[str, ...]) -> None:
    client = user_who_may(*codenames)
    assert client.get(PAGE).status_code == 403
    assert ask(client).status_code == 403
    assert ask(Client()).status_code == 302


def test_the_list_leads_there_but_not_from_a_popup(admin: Client) -> None:
    assert links(admin.get(LIST)) == [PAGE]
    assert links(admin.get(f"{LIST}?_popup=1")) == []


@pytest.mark.parametrize(
    ("row", "origin"),
    [
        ("https://row.example", "https://row.example"),
        ("https://row.example:8443", "https://row.example:8443"),
        ("https://*.row.example", "https://any-name-at-all.row.example"),
        ("http://localhost:*", "http://localhost"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_a_row_leads_there_with_an_origin_that_it_allows(
    admin: Client, row: str, origin: str
) -> None:
    key = add(row).pk
    [link] = links(admin.get(f"{LIST}{key}/change/"))
    assert filled_in(link) == {"origin": origin}
    response = admin.get(link)
    assert field_values(response) == {"origin": origin, "method": "GET"}
    assert errors(response) == {}
    assert "explanation" not in response.context
    assert ask(admin, origin, "/hello/").context["explanation"].row == key


def test_a_row_that_cannot_be_read_leads_there_as_it_is(admin: Client) -> None:
    row = add_raw(origin=f'https://"{ATTACK}')
    [link] = links(admin.get(f"{LIST}{row.pk}/change/"))
    assert filled_in(link) == {"origin": f'https://"{ATTACK}'}
    response = admin.get(link)
    assert field_values(response)["origin"] == row.origin
    assert ATTACK not in response.content.decode()


def test_adding_a_row_leads_nowhere_yet(admin: Client) -> None:
    assert links(admin.get(ADD)) == []


def test_a_refusal_leads_there_with_its_last_request(admin: Client) -> None:
    row = refuse(STRANGER, path="/b%C3%BCcher/?a=1&b", method="PUT")
    [link] = links(admin.get(f"{REFUSED_LIST}{row.pk}/change/"))
    assert filled_in(link) == {"origin": STRANGER, "method": "PUT", "url": "/b%C3%BCcher/?a=1&b"}
    told = admin.get(link).context["explanation"]
    assert (told.call.origin, told.call.method, told.is_allowed) == (STRANGER, "PUT", False)


def test_a_refusal_leads_nowhere_without_permission_or_page(admin: Client) -> None:
    row = refuse(STRANGER)
    change = f"cors_policy_allowlist/refusedorigin/{row.pk}/change/"
    assert links(user_who_may("view_refusedorigin").get(f"/admin/{change}")) == []
    assert links(admin.get(f"/without-rows/{change}")) == []
    assert links(admin.get(f"/not-ours/{change}")) == []


# --- What it says --------------------------------------------------------------------------------

CALLS: list[dict[str, Any]] = [
    {},
    {"origin": f"{APP}/orders/"},
    {"origin": "https://www.corp.example.com", "method": "PUT", "credentials": True},
    {"method": "PUT", "content_type": "application/json", "headers": ["x-csrftoken"]},
    {"method": "PUT", "headers": ["x-a", "x-b"], "credentials": True},
    {"headers": ["x-a"], "reads": ["x-b", "etag"]},
    {"reads": ["x-b", "etag"]},
    {"method": "patch"},
    {"method": "TRACE"},
    {"method": "PURGE"},
    {"url": "/nowhere/"},
    {"url": "/hello"},
    {"url": "/hello", "method": "POST"},
    {"url": "https://api.example.com/hello/?page=2", "credentials": True},
    {"url": "http://api.example.com/hello/"},
    {"url": f"{APP}/hello/"},
    {"origin": STRANGER},
    {"origin": STRANGER, "url": "/public/hello/"},
    {"origin": STRANGER, "url": "/public/hello/", "credentials": True},
    {"origin": STRANGER, "url": "/partners/hello/", "method": "DELETE"},
    {"origin": STRANGER, "url": "/own/"},
    {"origin": "http://app.example.com"},
    {"origin": "null"},
    {"origin": "https://live.example", "credentials": True},
    {"origin": "https://narrow.example", "credentials": True},
    {"origin": "https://off.example"},
    {"origin": "https://a.wide.example", "method": "PUT"},
]


def told_in(call: dict[str, Any]) -> list[str]:
    """All that ``explain`` says of a call, in pieces, as the page has them."""
    told = explain(**call)
    findings = [*told.causes, *told.notes]
    messages = [part for each in told.exchanges for part in (each.request, each.response)]
    return [
        told.verdict,
        told.url,
        told.view,
        told.policy,
        told.because_of,
        told.allowed_by,
        told.cookies,
        *([] if told.readable_headers == ("*",) else told.readable_headers),
        *(finding.text for finding in findings),
        *(lead for finding in findings for lead, _ in finding.advice()),
        *(line for finding in findings for fix in finding.fixes for line in fix.code),
        *(message.line for message in messages),
        *(f"{name}: {value}" for message in messages for name, value in message.headers),
        *(exchange.failure for exchange in told.exchanges),
    ]


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_page_says_all_that_explain_says(admin: Client, call: dict[str, Any]) -> None:
    add("https://live.example")
    add("https://narrow.example", allow_credentials=False)
    add("https://off.example", is_enabled=False)
    add("https://*.wide.example")
    call = {"origin": APP, "method": "GET", "url": "/hello/", **call}
    data = {**call}
    for name in ("headers", "reads"):
        data[name] = ", ".join(call.get(name, ()))
    if data.get("credentials"):
        data["credentials"] = "on"
    response = admin.get(PAGE, data)
    if call["url"].startswith("/"):
        scheme = "http" if call["origin"].startswith("http:") else "https"
        call["url"] = f"{scheme}://testserver{call['url']}"
    assert response.context["explanation"] == explain(**call)
    said = text_of(response)
    assert [piece for piece in map(_in_one_line, told_in(call)) if piece not in said] == []
    position = 0
    told = explain(**call)
    causes = [cause.text for cause in told.causes]
    for piece in ["Test a request", told.verdict, *causes, "Requests and responses", told.cookies]:
        position = said.index(_in_one_line(piece), position)


@pytest.mark.parametrize(
    ("call", "kinds"),
    [
        ({}, ["page", "request", "response", "allowed"]),
        (
            {"method": "PUT"},
            ["page", "request", "response", "goes-on", "request", "response", "doubtful"],
        ),
        ({"origin": STRANGER}, ["page", "request", "response", "stops", "blocked"]),
        (
            {"origin": STRANGER, "method": "PUT"},
            ["page", "request", "response", "stops", "blocked"],
        ),
        ({"method": "TRACE"}, ["page", "blocked"]),
        (
            {"url": "/hello"},
            ["page", "request", "response", "goes-on", "request", "response", "allowed"],
        ),
    ],
)
def test_the_conversation_is_a_list_in_its_order(
    admin: Client, call: dict[str, Any], kinds: list[str]
) -> None:
    body = ask(admin, **call).content.decode()
    assert re.findall(r'<li class="cors-([a-z-]+)">', body) == kinds


def test_the_picture_shows_the_call_as_scripts_write_it(admin: Client) -> None:
    response = ask(
        admin,
        url="https://api.example.com/hello/",
        method="PUT",
        headers="x-a",
        content_type='text/"b"',
        credentials="on",
    )
    body = html.unescape(response.content.decode())
    code = """fetch("https://api.example.com/hello/", {
  method: "PUT",
  headers: {
    "content-type": "text/\\"b\\"",
    "x-a": "\u2026",
  },
  credentials: "include",
})"""
    assert code in body
    assert "because of the method PUT, the header content-type" in text_of(response)


def test_all_headers_can_be_read(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*"], "EXPOSE_HEADERS": ["*"]}}
    assert "Readable headers all" in text_of(ask(admin))
    assert "Readable headers none" in text_of(ask(admin, method="TRACE"))


def test_what_a_policy_refuses_is_no_code_to_copy(admin: Client) -> None:
    response = ask(admin, "http://intranet.example")
    [cause] = response.context["findings"]
    assert [fix.where for _, fix in cause["fixes"]] == ["shell", "server"]
    # Settings cannot allow it beside credentials. A row without credentials can.
    body = response.content.decode()
    [code] = re.findall(r'<pre class="cors-code"><code>(.*?)</code>', body, re.DOTALL)
    assert code.endswith("cors_origins add http://intranet.example --no-credentials --expires 30d")
    [button] = buttons(response)
    assert not admin.get(button).context["adminform"].form["allow_credentials"].value()


def test_a_call_that_django_refuses_is_amber_and_says_why_on_top(admin: Client) -> None:
    response = ask(admin, url="/hello/", method="POST")
    body = response.content.decode()
    assert 'class="module cors-verdict cors-doubtful"' in body
    assert "icon-alert.svg" in body
    said = text_of(response)
    assert said.index("Allowed by CORS, but Django answers 403") < said.index("CSRF protection")
    assert said.index("CSRF protection") < said.index("Requests and responses")


@pytest.mark.parametrize(("origin", "kind"), [(APP, "doubtful"), (STRANGER, "blocked")])
def test_a_path_without_a_view_is_told_on_top(admin: Client, origin: str, kind: str) -> None:
    response = ask(admin, origin, "/nowhere/")
    assert f"cors-verdict cors-{kind}" in response.content.decode()
    assert "No view is at /nowhere/" in response.context["explanation"].verdict


def test_nothing_is_changed(admin: Client) -> None:
    add("https://off.example", is_enabled=False)
    before = list(AllowedOrigin.objects.values())
    for call in CALLS:
        ask(admin, **{**call, "headers": ""})
    assert list(AllowedOrigin.objects.values()) == before
    assert not LogEntry.objects.exists()
    assert not RefusedOrigin.objects.exists()


# --- Where it leads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "origin", "data"),
    [
        ({}, "https://row.example", {}),
        ({"origin": "https://*.row.example"}, "https://a.row.example", {}),
        ({"is_enabled": False}, "https://row.example", {}),
        ({"allow_credentials": False}, "https://row.example", {"credentials": "on"}),
        ({}, "https://row.example", {"method": "PURGE"}),
    ],
)
def test_the_row_that_decides_is_one_click_away(
    admin: Client, row: dict[str, Any], origin: str, data: dict[str, str]
) -> None:
    add("https://row.example.com")
    key = add(**row).pk
    response = ask(admin, origin, **data)
    assert buttons(response) == [f"{LIST}{key}/change/"]
    assert f"row {key}" in text_of(response)


def test_a_row_to_add_is_one_click_away(admin: Client) -> None:
    add("https://www.stranger.example", policy="partners")
    response = ask(admin, STRANGER, "/partners/hello/")
    [url] = buttons(response)  # and none to a row that is merely near
    assert url.startswith(f"{ADD}?")
    assert filled_in(url) == {"origin": STRANGER, "policy": "partners"}
    form = admin.get(url).context["adminform"].form
    assert (form["origin"].value(), form["policy"].value()) == (STRANGER, "partners")
    add(STRANGER, policy="partners")
    assert ask(admin, STRANGER, "/partners/hello/").context["explanation"].is_allowed


def test_a_wildcard_that_does_not_count_leaves_room_for_a_row(admin: Client) -> None:
    key = add("https://*.row.example", is_enabled=False).pk
    row, new = buttons(ask(admin, "https://a.row.example"))
    assert row == f"{LIST}{key}/change/"
    assert filled_in(new) == {"origin": "https://a.row.example", "policy": "default"}


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"origin": STRANGER, "url": "/own/"},
        {"origin": STRANGER, "url": "/public/hello/", "credentials": "on"},
        {"origin": "null"},
        {"method": "PURGE"},
        {"origin": STRANGER, "method": "TRACE"},
    ],
)
def test_no_row_is_offered_where_none_would_help(admin: Client, call: dict[str, str]) -> None:
    assert buttons(ask(admin, **call)) == []


def test_who_may_not_add_is_not_led_to_adding() -> None:
    client = user_who_may("view_allowedorigin")
    assert buttons(ask(client, STRANGER)) == []
    row = add()
    assert buttons(ask(client, row.origin)) == [f"{LIST}{row.pk}/change/"]


def test_rows_that_one_may_not_see_are_not_linked(admin: Client) -> None:
    add(note="secret")
    url = "/short-sighted/cors_policy_allowlist/allowedorigin/test/"
    response = admin.get(url, {"origin": "https://row.example", "url": "/hello/"})
    assert response.context["explanation"].is_allowed
    assert buttons(response) == []


def test_other_sites_lead_to_their_own_pages(admin: Client) -> None:
    row = add()
    root = "/short-sighted/cors_policy_allowlist/allowedorigin/"
    response = admin.get(f"{root}{row.pk}/change/")
    assert f'href="{root}test/?' in response.content.decode()
    response = admin.get(f"{root}test/", {"origin": row.origin, "url": "/hello/"})
    assert buttons(response) == [f"{root}{row.pk}/change/"]


# --- What is wrong -------------------------------------------------------------------------------


def test_each_problem_stands_at_its_field_with_a_hint(admin: Client) -> None:
    response = ask(admin, "https://*.example.com", "orders", method="GE T", headers="x-a, b@d")
    found = errors(response)
    assert set(found) == {"origin", "url", "method", "headers"}
    for name, wrong in {
        "origin": "'https://*.example.com' is not an origin.",
        "url": "'orders' is not an absolute path",
        "method": "'GE T' is not a method",
        "headers": "'b@d' is not",
    }.items():
        [message] = found[name]
        assert message.startswith(wrong)
        assert "Write" in message
        assert message in text_of(response)
    assert "explanation" not in response.context


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"origin": ""}, "origin"),
        ({"url": ""}, "url"),
        ({"origin": "null", "url": "null"}, "url"),
        ({"origin": "app.example.com", "url": "app.example.com"}, "url"),
        ({"method": APP}, "method"),
        ({"method": "b@d", "headers": "x-a"}, "method"),
        ({"headers": "Authorization: Bearer"}, "headers"),
        ({"url": "https://api.example.com:port/"}, "url"),
        ({"origin": "x" * 3000}, "origin"),
        ({"url": "/" + "x" * 5000}, "url"),
        ({"method": "x" * 100}, "method"),
        ({"headers": "x " * 5000}, "headers"),
        ({"content_type": "x" * 5000}, "content_type"),
        ({"content_type": "text/\u00fc"}, "content_type"),
        ({"content_type": "GET", "method": "a b"}, "method"),
        ({"origin": "https://a.example\0"}, "origin"),
    ],
)
def test_a_problem_stands_at_its_field_alone(
    admin: Client, call: dict[str, str], field: str
) -> None:
    assert list(errors(ask(admin, **call))) == [field]


def test_settings_that_are_wrong_are_told(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN": []}, "other": {"MAX_AGE": "x"}}
    settings.MIDDLEWARE = MIDDLEWARE[1:]
    response = ask(admin)
    assert len(errors(response)["__all__"]) == 2
    assert "CORS_POLICIES['other']['MAX_AGE']: 'x'" in text_of(response)
    assert admin.get(PAGE).status_code == 200


def test_a_decorator_that_is_hidden_is_told(
    admin: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = pytest.importorskip("tests.urls_drf_hidden", exc_type=ImportError)
    urlconf = ModuleType("urls_of_this_test")
    urlconf.urlpatterns = [*urlpatterns, *hidden.urlpatterns]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    response = ask(admin, url="/below/", method="PUT")
    assert "is hidden: another function contains the decorated view" in text_of(response)
    assert "python manage.py check" in text_of(response)


@pytest.mark.django_db(transaction=True)
def test_no_table_is_told(admin: Client) -> None:
    table = AllowedOrigin._meta.db_table
    rename = "ALTER TABLE {} RENAME TO {}"
    with connection.cursor() as cursor:
        cursor.execute(rename.format(table, f"{table}_away"))
    try:
        response = ask(admin, STRANGER)
        assert "The allowlist rows cannot be read from the database" in text_of(response)
        assert response.context["explanation"].is_allowed is False
        assert buttons(response) == []
    finally:
        with connection.cursor() as cursor:
            cursor.execute(rename.format(f"{table}_away", table))
    assert "cannot be read" not in text_of(ask(admin, STRANGER))


def test_nothing_that_is_sent_is_markup(admin: Client) -> None:
    row = add_raw(origin=STRANGER, note=ATTACK, is_enabled=False)
    for name in ("origin", "url", "method", "headers", "content_type"):
        for attack in (ATTACK, f"/{ATTACK}", f"https://a.example/{ATTACK}", f'"{ATTACK}'):
            response = ask(admin, **{"origin": STRANGER, name: attack})
            body = response.content.decode()
            assert "alert(1)" in body
            assert ATTACK not in body
    assert buttons(ask(admin, STRANGER)) == [f"{LIST}{row.pk}/change/"]


ANY_CALL = {
    "origin": st.sampled_from([APP, STRANGER, "null"]) | st.text(max_size=40),
    "method": st.sampled_from(["", "GET", "PUT"]) | st.text(max_size=10),
    "url": st.text(max_size=40) | st.text(max_size=20).map("https://api.example.com/".__add__),
    "headers": st.text(max_size=20),
    "content_type": st.text(max_size=20),
    "reads": st.text(max_size=20),
}


def assert_opens(admin: Client, data: dict[str, str]) -> None:
    query = urlencode(data, errors="surrogatepass")
    assert admin.get(f"{PAGE}?{query}").status_code == 200


@given(**ANY_CALL)
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_page_opens(admin: Client, **data: str) -> None:
    assert_opens(admin, data)


@pytest.mark.slow
@given(**ANY_CALL)
@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_page_opens_at_length(admin: Client, **data: str) -> None:
    assert_opens(admin, data)


@pytest.mark.parametrize(
    ("origin", "url", "is_secure", "called"),
    [
        (APP, "/hello/?a=1", False, "https://shop.example:8000/hello/?a=1"),
        ("http://localhost:3000", "/hello/", False, "http://shop.example:8000/hello/"),
        ("http://localhost:3000", "/hello/", True, "https://shop.example:8000/hello/"),
        (APP, "https://api.example.com/hello/", False, "https://api.example.com/hello/"),
    ],
)
def test_a_path_is_called_where_the_admin_was_opened(
    settings: Any, admin: Client, origin: str, url: str, is_secure: bool, called: str
) -> None:
    """So cookies can be checked: the page knows which host it is on."""
    settings.ALLOWED_HOSTS = ["shop.example"]
    call = {"origin": origin, "url": url, "credentials": "on"}
    response = admin.get(PAGE, call, headers={"Host": "shop.example:8000"}, secure=is_secure)
    explanation = response.context["explanation"]
    assert explanation.url == called
    assert "Unknown" not in explanation.cookies
