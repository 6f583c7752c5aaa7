"""Decorators whose policies compile, and are not what was meant."""

from __future__ import annotations

import re

from django.urls import path

from django_cors_policy.decorators import cors_policy

from .views import hello


@cors_policy(allow_origins=[re.compile(r"https://app.example\.com")], allow_credentials=False)
def pattern(request):
    return hello(request)


@cors_policy(allow_headers=["content-type"])
def headers(request):
    return hello(request)


urlpatterns = [path("pattern/", pattern), path("headers/", headers)]
