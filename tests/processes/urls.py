"""The admin, and a view that says which process answered."""

from __future__ import annotations

import os

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path


def worker(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(os.getpid()), content_type="text/plain")


urlpatterns = [path("worker/", worker), path("admin/", admin.site.urls)]
