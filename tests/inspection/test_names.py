"""How views are called in messages."""

from __future__ import annotations

import functools
import types

from django.http import HttpRequest, HttpResponse
from django.views import View

from django_cors_policy.decorators import same_origin_only
from django_cors_policy.inspection import ViewInspection, name_of


def serve(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class Plain(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


def test_names() -> None:
    here = __name__
    assert name_of(serve) == f"{here}.serve"
    assert name_of(functools.partial(serve)) == f"{here}.serve"
    assert name_of(Plain) == f"{here}.Plain"
    assert name_of(Plain.as_view()) == f"{here}.Plain"
    assert name_of(Plain().get) == f"{here}.Plain.get"
    assert name_of(same_origin_only(serve)) == f"{here}.serve"
    assert name_of(types.MethodType(functools.partial(serve), Plain())) == "functools.partial"
    assert name_of(Plain()) == f"{here}.Plain"
    assert name_of(len) == "builtins.len"
    assert ViewInspection(types.MethodType(functools.partial(serve), Plain())).find("GET") is None
