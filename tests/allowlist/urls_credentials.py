"""A view whose decorator adds credentials to a policy that has none."""

from __future__ import annotations

from django.urls import path

from django_cors_policy.decorators import cors_policy
from tests.views import hello

urlpatterns = [
    path("plain/", hello),
    path("members/", cors_policy(allow_credentials=True)(hello)),
    path("careful-members/", cors_policy(allow_credentials=True, accept_risks=[])(hello)),
]
