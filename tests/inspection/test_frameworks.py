"""What odd views of Django, and Django Ninja, have on them (REST framework: test_decorators)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.views import View

from django_cors_policy.checks import check_decorators, check_views
from django_cors_policy.decorators import same_origin_only

from .test_hidden import APP, PREFLIGHT, plain


class OddNames(View):
    """A property, as only an object of the class can answer."""

    @property
    def http_method_names(self) -> list[str]:  # type: ignore[override]
        return ["get", "put"]

    put = same_origin_only(lambda self, request: plain(request))


def odd_view() -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        return plain(request)

    view.cls = OddNames  # type: ignore[attr-defined]
    view.initkwargs = ["no dictionary"]  # type: ignore[attr-defined]
    view.actions = "none either"  # type: ignore[attr-defined]
    return view


def test_attributes_of_odd_types(project: Any) -> None:
    client = project(view=odd_view())
    assert check_views() == []
    assert client.options("/view/", headers=PREFLIGHT).status_code == 403
    assert client.get("/view/", headers={"origin": APP})["Access-Control-Allow-Origin"] == APP


@pytest.fixture
def ninja_client(settings: Any) -> Client:
    pytest.importorskip("ninja")
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }
    settings.ROOT_URLCONF = "tests.urls_ninja"
    return Client()


@pytest.mark.parametrize(
    ("url", "method", "expected"),
    [
        ("/api/plain", "PUT", APP),
        ("/api/below", "PUT", None),
        ("/api/above", "PUT", None),
        ("/api/decorated-view", "PUT", None),
        ("/api/decorated-view-above", "PUT", None),
        ("/api/audited", "PUT", None),
        ("/api/audited-view", "PUT", None),
        ("/api/async", "PUT", None),
        ("/api/by-method", "PUT", None),
        ("/api/by-method", "GET", "*"),
        ("/api/by-method", "POST", APP),
        ("/api/outermost", "PUT", "*"),
        ("/api/version", "PUT", None),
        ("/api/router/below", "PUT", None),
        ("/api/router/above", "PUT", None),
        ("/api/again/above", "PUT", None),
        ("/api/openapi.json", "GET", APP),
    ],
)
def test_ninja(url: str, method: str, expected: str | None, ninja_client: Client) -> None:
    headers = {"origin": APP, "access-control-request-method": method}
    response = ninja_client.options(url, headers=headers)
    assert response.headers.get("Access-Control-Allow-Origin") == expected
    response = ninja_client.generic(method, url, headers={"origin": APP})
    assert response.status_code == 200
    assert response.headers.get("Access-Control-Allow-Origin") == expected


def test_ninja_is_not_cached_where_its_operations_differ(ninja_client: Client) -> None:
    for method in ("GET", "POST", "PATCH"):
        headers = {"origin": APP, "access-control-request-method": method}
        response = ninja_client.options("/api/by-method", headers=headers)
        assert response["Access-Control-Max-Age"] == "0"
    response = ninja_client.options("/api/plain", headers=PREFLIGHT)
    assert response["Access-Control-Max-Age"] == "3600"


def test_ninja_checks(ninja_client: Client) -> None:
    assert {(message.id, message.obj) for message in check_views()} == {
        ("django_cors_policy.E020", "tests.urls_ninja.audited"),
        ("django_cors_policy.E020", "tests.urls_ninja.audited_view"),
        ("django_cors_policy.E020", "tests.urls_ninja.secret"),
    }
    assert check_decorators() == []


def test_ninja_is_listed_by_method(ninja_client: Client) -> None:
    out = io.StringIO()
    call_command("cors_policies", stdout=out)
    lines = (line.split() for line in out.getvalue().splitlines())
    # Ninja has a URL pattern for each operation, all with one path and one view.
    methods = [line[1] for line in lines if line[:1] == ["/api/by-method"]]
    assert sorted(methods) == ["GET", "POST", "PUT"]
