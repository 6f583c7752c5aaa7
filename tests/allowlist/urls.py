"""The admin, beside the views of the other tests."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests.urls import urlpatterns as views

urlpatterns = [path("admin/", admin.site.urls), *views]
