"""Routes that are not known to the letter, and a view that cannot be hashed."""

from __future__ import annotations

import dataclasses

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from .views import hello


@dataclasses.dataclass
class Unhashable:
    name: str = "Django serves it, as long as nobody reverses its URL"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} unhashable")


urlpatterns = [
    path("unhashable/", Unhashable()),
    path("regex/<int:key>/", hello),
    path("by-path/<int:key>/", hello),
    path("literal/", hello),
    re_path(r"^by-regex/(?P<key>[0-9]+)/$", hello),
]
