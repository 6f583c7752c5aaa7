"""A small project whose calls are explained."""

from __future__ import annotations

from typing import Any

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View

from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.explain import Finding, explain

APP, ROW = "https://app.example.com", "https://row.example"
API = "https://api.example.com"
ADMIN_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.method)


class Orders(View):
    """Each method has its own policy; others than these two have no handler."""

    @cors_policy("public")
    def get(self, request: HttpRequest) -> HttpResponse:
        return hello(request)

    @cors_policy("partner", allow_methods=["PUT"])
    def put(self, request: HttpRequest) -> HttpResponse:
        return hello(request)


urlpatterns: list[Any] = [
    path("admin/", admin.site.urls),
    path("plain/", hello),
    path("api/plain/", hello),
    path("public/plain/", hello),
    path("orders/", Orders.as_view()),
    path("decorated/", cors_policy("partner")(hello)),
    path("replaced/", cors_policy(allow_origins=[APP], allow_credentials=True)(hello)),
    path("narrow/", cors_policy(allow_methods=["GET"], allow_headers=["x-debug"])(hello)),
    path("same/", same_origin_only(hello)),
    *i18n_patterns(path("translated/", hello)),
]


def is_partner(origin: str, request: HttpRequest) -> bool:
    return "partner" in origin


async def is_partner_async(origin: str, request: HttpRequest) -> bool:
    return "partner" in origin


def notes(*arguments: Any, **options: Any) -> list[Finding]:
    explanation = explain(*arguments, **options)
    assert explanation.is_allowed
    return list(explanation.notes)
