"""The policies of decorators and of rehearsals are checked as those of settings are."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from django.urls import path

from django_cors_policy.checks import (
    check_headers,
    check_origins,
    check_policies,
    check_views,
)
from django_cors_policy.decorators import cors_policy
from tests.views import hello

from .common import (
    CSRF,
    OURS,
    ids,
    warnings_about,
)


def test_names_are_judged_where_they_are_written(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In settings, in rehearsals and in decorators; what a decorator takes over is named once."""
    rehearsed = {"ALLOW_HEADERS": ["dnt"], "ALLOW_ORIGINS": ["null"]}
    urlconf = ModuleType("urls_of_names")
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path("one/", cors_policy(allow_headers=["cookie"])(hello)),
        path("two/", cors_policy(allow_methods=["PTCH"], allow_origins=["null"])(hello)),
        path("three/", cors_policy(max_age=1, report_only={"EXPOSE_HEADERS": ["te"]})(hello)),
    ]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    found = warnings_about(
        settings, ALLOW_HEADERS=["origin"], EXPOSE_HEADERS=["origin"], REPORT_ONLY=rehearsed
    )
    on = "on tests.views.hello"
    two = "@cors_policy(allow_methods=['PTCH'], allow_origins=['null'])"
    three = "@cors_policy(max_age=1, report_only={'EXPOSE_HEADERS': ['te']})"
    assert [(*ids([message]), message.obj) for message in found] == [
        ("W016", "CORS_POLICIES['default']['ALLOW_HEADERS']"),
        ("W016", "CORS_POLICIES['default']['EXPOSE_HEADERS']"),
        ("W016", "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_HEADERS']"),
        ("W016", f"@cors_policy(allow_headers=['cookie']) {on}: allow_headers"),
        ("W017", f"{two} {on}: allow_methods[0]"),
        ("W016", f"{three} {on}: report_only['EXPOSE_HEADERS']"),
        ("W018", "CORS_POLICIES['default']['REPORT_ONLY']['ALLOW_ORIGINS'][0]"),
        ("W018", f"{two} {on}: allow_origins[0]"),
    ]
    assert "set allow_credentials to True" in str(found[3].hint)


def test_policies_of_decorators_are_checked_as_well(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls_careless"
    settings.MIDDLEWARE = [OURS, CSRF]
    settings.CORS_POLICIES = {"default": {"ALLOW_CREDENTIALS": True}}
    places = [(message.id[-4:], message.obj) for message in (*check_headers(), *check_origins())]
    on = "on tests.urls_careless"
    assert places == [
        ("W006", f"@cors_policy(allow_headers=['content-type']) {on}.headers: allow_headers"),
        (
            "W007",
            "@cors_policy(allow_origins=[re.compile('https://app.example\\\\.com')], "
            f"allow_credentials=False) {on}.pattern: allow_origins[0]",
        ),
    ]


def test_what_a_decorator_makes_of_a_rehearsal(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be an error after the switch, and is one before."""
    urlconf = ModuleType("urls_of_a_rehearsal")
    decorator = cors_policy(allow_origins=["https://app.example.com"], allow_credentials=True)
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path("one/", decorator(hello)),
        path("two/", cors_policy(allow_credentials=True)(hello)),
        path("three/", cors_policy(allow_credentials=True, report_only=None)(hello)),
    ]
    monkeypatch.setitem(sys.modules, urlconf.__name__, urlconf)
    settings.ROOT_URLCONF = urlconf.__name__
    settings.CORS_POLICIES = {"default": {"REPORT_ONLY": {"ALLOW_ORIGINS": ["*"]}}}
    assert check_policies() == []
    [error] = check_views()
    assert (error.id, error.obj) == (
        "django_cors_policy.E007",
        "@cors_policy(allow_credentials=True) on tests.views.hello: "
        "report_only['ALLOW_ORIGINS'][0]",
    )
