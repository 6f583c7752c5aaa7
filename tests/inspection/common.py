"""Views, and a project that serves them."""

from __future__ import annotations

import types
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views import View

APP = "https://app.example.com"
OTHER = "https://other.example"


def serve(settings: Any, *views: Any) -> Client:
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path(f"{number or ''}", view) for number, view in enumerate(views)
    ]
    settings.ROOT_URLCONF = urlconf
    return Client()


def is_allowed(client: Client, method: str, url: str = "/", origin: str = APP) -> bool:
    headers = {"origin": origin, "access-control-request-method": method}
    preflight = client.options(url, headers=headers)
    actual = client.generic(method, url, headers={"origin": origin})
    answers = {"Access-Control-Allow-Origin" in answer for answer in (preflight, actual)}
    assert len(answers) == 1, "preflight and request disagree"
    return answers.pop()


class Plain(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.method)

    put = delete = get
