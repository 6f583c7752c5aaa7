"""Handlers that pass by a decorator, and what that opens."""

from __future__ import annotations

import re
import types
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View

from django_cors_policy.checks import check_views
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.inspection import name_of

from .common import APP, OTHER, Plain, serve

pytestmark = pytest.mark.usefixtures("policies")


class ClosedPut(Plain):
    @same_origin_only
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class OpensPut(ClosedPut):
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class OpensPutOnce(OpensPut):
    pass


@cors_policy("public")
class OpensPutKnowingly(ClosedPut):
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class ClosesPutAgain(OpensPut):
    put = same_origin_only(Plain.get)


class PublicPut(Plain):
    put = cors_policy("public")(Plain.get)


class NarrowsPut(PublicPut):
    put = Plain.get


class PartnerPut(Plain):
    put = cors_policy(allow_origins=[OTHER])(Plain.get)


class OpensPartnerPut(PartnerPut):
    put = Plain.get


class UnknownPut(Plain):
    put = cors_policy("pubic")(Plain.get)


class OverridesUnknownPut(UnknownPut):
    put = Plain.get


@pytest.mark.parametrize(
    ("view", "is_named"),
    [
        (OpensPut, True),
        (OpensPutOnce, True),
        (OpensPartnerPut, True),
        (ClosedPut, False),
        (OpensPutKnowingly, False),
        (ClosesPutAgain, False),
        (OverridesUnknownPut, False),
        (Plain, False),
    ],
)
def test_a_handler_that_opens_what_a_parent_had_closed(
    view: type[View], is_named: bool, settings: Any
) -> None:
    serve(settings, view.as_view(), view.as_view())
    found = [message for message in check_views() if message.id == "django_cors_policy.W015"]
    assert len(found) == is_named
    if is_named:
        assert found[0].obj in (
            "tests.inspection.test_bypasses.OpensPut.put",
            f"{name_of(view)}.put",
        )
        assert "because of CORS_POLICIES['default']" in found[0].msg
        assert f"above {found[0].obj} too" in (found[0].hint or "")


def test_credentials_are_an_opening_too(settings: Any) -> None:
    serve(settings, NarrowsPut.as_view())
    [message] = check_views()
    assert message.id == "django_cors_policy.W015"
    settings.CORS_POLICIES = {**settings.CORS_POLICIES, "default": {"ALLOW_ORIGINS": [APP]}}
    assert check_views() == []


def test_rows_and_functions_are_an_opening_too(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(settings, OpensPut.as_view())
    settings.CORS_POLICIES = {"default": {}}
    assert check_views() == []
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": lambda origin, request: False}}
    assert len(check_views()) == 1
    settings.CORS_POLICIES = {"default": {}}
    monkeypatch.setattr("django_cors_policy.hooks.hooks.origin_source", object())
    assert len(check_views()) == 1
    settings.CORS_POLICIES = {}
    assert check_views() == []


def test_a_decorator_around_the_view_leaves_nothing_to_say(settings: Any) -> None:
    serve(settings, same_origin_only(OpensPut.as_view()))
    assert check_views() == []


class ClosedObject:
    @same_origin_only
    def orders(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @same_origin_only
    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class OpensObject(ClosedObject):
    def orders(self, request: HttpRequest) -> HttpResponse:
        return super().orders(request)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.orders(request)


def test_methods_of_objects_are_named_too(settings: Any) -> None:
    serve(settings, OpensObject().orders, OpensObject(), ClosedObject().orders, ClosedObject())
    found = {(message.id[-4:], str(message.obj).rpartition(".")[2]) for message in check_views()}
    assert found == {("W015", "orders"), ("W015", "__call__")}


def test_paths_that_are_not_known_in_full(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "v1": {"ALLOW_ORIGINS": [APP], "PATHS": ["/v1/", re.compile("/v2/")]},
        "public": {},
    }
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [path("<version>/o/", OpensPut.as_view())]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urlconf
    [message] = check_views()
    assert "because of CORS_POLICIES['v1']['PATHS'][0]" in message.msg
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [path("api/<version>/o/", OpensPut.as_view())]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urlconf
    [message] = check_views()
    assert "because of CORS_POLICIES['v1']['PATHS'][1]" in message.msg


def test_narrower_is_not_wider(settings: Any) -> None:
    class Wide(Plain):
        get = cors_policy(allow_origins=["https://*.example.com"], allow_credentials=True)(
            Plain.get
        )

    class Narrow(Wide):
        get = Plain.get

    serve(settings, Narrow.as_view())
    assert check_views() == []
