"""What is read from views: their methods, and the decorators on them and on their parents."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View

from django_cors_policy.checks import check_views
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.inspection import ViewInspection

from .common import OTHER, Plain, is_allowed, serve

pytestmark = pytest.mark.usefixtures("policies")


class Purged(Plain):
    http_method_names = [*View.http_method_names, "purge", "query", "unhandled"]
    query = Plain.get

    @same_origin_only
    def purge(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("purged")


def test_methods_beyond_djangos_own(settings: Any) -> None:
    client = serve(settings, Purged.as_view())
    assert not is_allowed(client, "PURGE")
    assert is_allowed(client, "QUERY")
    assert is_allowed(client, "UNHANDLED")
    methods = ViewInspection(Purged.as_view()).methods
    assert methods == ("DELETE", "GET", "HEAD", "OPTIONS", "PURGE", "PUT", "QUERY")


def test_methods_that_as_view_replaces(settings: Any) -> None:
    view = Plain.as_view(http_method_names=["get", "purge"])
    assert ViewInspection(view).methods == ("GET", "HEAD") or not hasattr(Plain, "head")
    view = Purged.as_view(http_method_names=["purge", "options"])
    assert ViewInspection(view).methods == ("OPTIONS", "PURGE")
    assert not is_allowed(serve(settings, view), "PURGE")


def test_own_methods_are_those_that_follow_no_other() -> None:
    assert ViewInspection(Plain.as_view()).own_methods == ("DELETE", "GET", "PUT")

    class Own(Plain):
        head = options = Plain.get

    assert ViewInspection(Own.as_view()).own_methods == ("DELETE", "GET", "HEAD", "OPTIONS", "PUT")


def test_the_frameworks_options_follows_get_or_the_first_method(settings: Any) -> None:
    class Read(View):
        put = Plain.get
        get = cors_policy("public")(Plain.get)

    class Write(View):
        put = cors_policy("public")(Plain.get)
        delete = Plain.get

    class Nothing(View):
        pass

    class Own(View):
        get = cors_policy("public")(Plain.get)
        options = Plain.get

    client = serve(settings, *(view.as_view() for view in (Read, Write, Nothing, Own)))
    assert is_allowed(client, "OPTIONS", "/", OTHER)
    assert is_allowed(client, "OPTIONS", "/1", OTHER)
    assert not is_allowed(client, "OPTIONS", "/2", OTHER)
    assert not is_allowed(client, "OPTIONS", "/3", OTHER)


@method_decorator(same_origin_only, name="dispatch")
class ClosedByDispatch(Plain):
    pass


class Mixin:
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


class BehindMixin(Mixin, ClosedByDispatch):
    pass


class Overrides(ClosedByDispatch):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)


@cors_policy("public")
class Reopens(BehindMixin):
    pass


def test_what_is_on_dispatch_holds_where_dispatch_is_overridden(settings: Any) -> None:
    client = serve(settings, BehindMixin.as_view(), Overrides.as_view(), Reopens.as_view())
    assert not is_allowed(client, "PUT", "/")
    assert not is_allowed(client, "PUT", "/1")
    assert is_allowed(client, "PUT", "/2", OTHER)
    assert check_views() == []
