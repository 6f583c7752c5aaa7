"""What is said of the credentials of a row, where decorators add them to its policy."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from django_cors_policy.allowlist import view_credentials
from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.view_credentials import views_that_add_credentials
from django_cors_policy.decorators import cors_policy, same_origin_only

from .admin.pages import (
    ADD,
    ADD_MANY,
    LIST,
    MIDDLEWARE,
    add,
    add_raw,
    cells,
    form_data,
    origins_on,
    text_of,
    told,
)

pytestmark = pytest.mark.django_db

POLICIES: dict[str, Any] = {
    "default": {"ALLOW_ORIGINS": ["https://app.example.com"]},
    "many": {"PATHS": ["/many/"]},
    "logins": {"PATHS": ["/logins/"], "ALLOW_CREDENTIALS": True},
    "public": {"PATHS": ["/public/"], "ALLOW_ORIGINS": ["*"]},
}


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(allow_credentials=True)
def members(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(allow_credentials=True, accept_risks=["insecure-http"])
def intranet(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(allow_credentials=True, allow_origins=["https://own.example"])
def own_origins(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy(allow_credentials=False, max_age=1)
def without(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@same_origin_only
def closed(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("public", allow_credentials=True)  # refused: any origin, with credentials
def wrong(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("gone", allow_credentials=True)
def gone(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def hide(view: Any) -> Any:
    def other(request: HttpRequest) -> Any:
        return view(request)

    return other


@hide
@cors_policy(allow_credentials=True)
def hidden(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("many", allow_credentials=True)
def first(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("many", allow_credentials=True)
def second(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@cors_policy("many", allow_credentials=True)
def third(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


VIEWS = {
    "plain": plain,
    "members": members,
    "intranet": intranet,
    "own": own_origins,
    "without": without,
    "closed": closed,
    "wrong": wrong,
    "gone": gone,
    "hidden": hidden,
    "many/": plain,
    "first": first,
    "second": second,
    "third": third,
    "again": third,
    "logins/": plain,
}
urlpatterns = [path("admin/", django_admin.site.urls)]
urlpatterns += [path(route, view) for route, view in VIEWS.items()]


def on(*views: Any) -> str:
    return ", ".join(f"{__name__}.{view.__name__}" for view in views)


@pytest.fixture(autouse=True)
def project(source: Any, settings: Any) -> None:
    settings.MIDDLEWARE = MIDDLEWARE
    settings.ROOT_URLCONF = __name__
    settings.CORS_POLICIES = POLICIES
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


SAID: dict[str, tuple[dict[str, Any], str]] = {
    "https://both.example": ({}, f"no, except on {on(intranet, members)}"),
    "https://*.both.example": ({}, f"no, except on {on(intranet, members)}"),
    # The other decorator does not take the risk.
    "http://insecure.example": ({}, f"no, except on {on(intranet)}"),
    # A risk that no decorator takes.
    "https://*.github.io": ({}, "no"),
    "null": ({}, "no"),
    "https://narrow.example": ({"allow_credentials": False}, "no"),
    "https://many.example": (
        {"policy": "many"},
        f"no, except on {on(first, second)} and 1 more",
    ),
    "https://logins.example": ({"policy": "logins"}, "yes"),
    "https://narrow-logins.example": ({"policy": "logins", "allow_credentials": False}, "no"),
    "https://public.example": ({"policy": "public"}, "no"),
    "https://gone.example": ({"policy": "gone"}, "-"),
}


@pytest.fixture
def rows() -> list[AllowedOrigin]:
    return [add(origin, **fields) for origin, (fields, _said) in SAID.items()]


def test_the_list_and_the_form_name_the_views(
    admin_client: Client, rows: list[AllowedOrigin]
) -> None:
    response = admin_client.get(LIST)
    listed = [row.origin for row in response.context["cl"].result_list]
    said = dict(zip(listed, cells(response, "credentials"), strict=True))
    assert said == {origin: text for origin, (_fields, text) in SAID.items()}
    for row in rows:
        page = text_of(admin_client.get(f"{LIST}{row.pk}/change/"))
        assert f"Credentials: {said[row.origin]} " in page


def test_what_is_said_is_what_requests_get(rows: list[AllowedOrigin]) -> None:
    given: dict[str, set[str]] = {}
    for row in rows:
        if "*" not in row.origin:
            given[row.origin] = {
                view.__name__
                for route, view in VIEWS.items()
                if view is not plain
                and "Access-Control-Allow-Credentials"
                in Client().get(f"/{route}", headers={"origin": row.origin})
            }
    said = {
        row.origin: {name.rpartition(".")[2] for name in views_that_add_credentials(row)}
        for row in rows
        if "*" not in row.origin
    }
    assert said == given
    assert said["https://many.example"] == {"first", "second", "third"}


def test_the_filter_says_the_same(admin_client: Client, rows: list[AllowedOrigin]) -> None:
    unreadable = add_raw(origin="https://EXAMPLE.com").origin
    by_value: dict[str, set[str]] = {"yes": set(), "views": set(), "no": {unreadable}}
    for origin, (_fields, text) in SAID.items():
        by_value["views" if "except" in text else "yes" if text == "yes" else "no"].add(origin)
    for value, expected in by_value.items():
        assert origins_on(admin_client.get(LIST, {"credentials": value})) == expected, value
    page = text_of(admin_client.get(LIST, {"_facets": "True"}))
    assert f"allowed (1) allowed on some views only (4) not allowed ({len(by_value['no'])})" in page
    assert len(origins_on(admin_client.get(LIST, {"credentials": "maybe"}))) == len(SAID) + 1


def test_without_such_decorators_the_filter_has_two_choices(
    admin_client: Client, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.allowlist.urls"
    row = add()
    add("https://logins.example", policy="logins")
    page = admin_client.get(LIST, {"_facets": "True"})
    assert "allowed (1) not allowed (1)" in text_of(page)
    assert origins_on(admin_client.get(LIST, {"credentials": "views"})) == set()
    assert origins_on(admin_client.get(LIST, {"credentials": "no"})) == {row.origin}
    assert cells(page, "credentials") == ["no", "yes"]
    assert "Decorators" not in text_of(admin_client.get(ADD))


def test_the_forms_name_the_views(admin_client: Client) -> None:
    help_text = f"Decorators allow credentials on {on(first, second)} and 3 more, although"
    for url in (ADD, ADD_MANY):
        assert help_text in text_of(admin_client.get(url))


@pytest.mark.parametrize(
    ("fields", "views"),
    [
        ({"origin": "https://both.example"}, on(intranet, members)),
        ({"origin": "https://many.example", "policy": "many"}, f"{on(first, second)} and 1 more"),
        ({"origin": "https://both.example", "allow_credentials": None}, ""),
        ({"origin": "https://both.example", "is_enabled": None}, ""),
        ({"origin": "https://logins.example", "policy": "logins"}, ""),
        ({"origin": "https://*.github.io"}, ""),
    ],
)
def test_a_remark_after_saving(admin_client: Client, fields: dict[str, Any], views: str) -> None:
    said = told(admin_client.post(ADD, form_data(**fields)))[1:]
    policy = fields.get("policy", "default")
    expected = (
        f"The policy \u201c{policy}\u201d does not allow credentials, but decorators allow them to "
        f"this origin on {views}. To block that, untick \u201callow credentials\u201d."
    )
    assert said == ([expected] if views else [])


def test_the_command_names_the_views(
    rows: list[AllowedOrigin], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("cors_origins", "list")
    lines = capsys.readouterr().out.splitlines()
    for origin, (_fields, text) in SAID.items():
        [line] = [line for line in lines if f" {origin} " in line]
        assert text in line


def test_the_urlconf_is_walked_once(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []
    declarations = view_credentials.declarations
    monkeypatch.setattr(view_credentials, "declarations", lambda: walks.append(1) or declarations())
    view_credentials._credentials_added_in.cache_clear()
    for number in range(30):
        add(f"https://a{number}.example")
    for _ in range(3):
        assert "no, except on" in text_of(admin_client.get(LIST))
    assert len(walks) == 1


def test_where_settings_are_wrong_or_name_no_urls(settings: Any) -> None:
    row = add()
    del settings.ROOT_URLCONF
    assert view_credentials.describe_credentials(row) == "no"
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN": []}}
    assert view_credentials.describe_credentials(row) == "-"
    assert view_credentials.views_that_add_credentials(row) == []
