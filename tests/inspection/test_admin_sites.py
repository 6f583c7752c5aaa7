"""Which views belong to an admin site."""

from __future__ import annotations

import functools
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group

from django_cors_policy.decorators import cors_policy
from django_cors_policy.inspection import admin_site_of, walk_urls
from tests.views import hello


def views(site: AdminSite) -> dict[str, Any]:
    site.register(Group)
    return {route.path: route.pattern.callback for route in walk_urls(site.urls[0])}


def test_all_views_of_a_site() -> None:
    site = AdminSite("some")
    found = views(site)
    assert {"/", "/login/", "/auth/group/add/"} <= found.keys()
    assert {admin_site_of(view) for view in found.values()} == {site}


def test_wrapped_views() -> None:
    site = AdminSite("some")
    for view in views(site).values():

        @functools.wraps(view)
        def wrapper(*args: Any, inner: Any = view) -> Any:
            return inner(*args)

        assert admin_site_of(cors_policy()(wrapper)) is site
        assert admin_site_of(functools.partial(wrapper)) is site


def test_other_views(monkeypatch: pytest.MonkeyPatch) -> None:
    assert admin_site_of(hello) is None
    assert admin_site_of(SimpleNamespace(admin_site="a string").__init__) is None
    [login] = [view for path, view in views(AdminSite()).items() if path == "/login/"]
    assert admin_site_of(login)
    # A project without an admin site has not imported the module.
    monkeypatch.delitem(sys.modules, "django.contrib.admin.sites")
    assert admin_site_of(login) is None
