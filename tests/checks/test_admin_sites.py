"""W022: a policy with credentials governs an admin site."""

from __future__ import annotations

import ast
import re
import types
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.admin import AdminSite, site
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import include, path, re_path

from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.checks import check_admin_sites
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.hooks import hooks
from tests.views import hello

from .common import ids, warning

APP = "https://app.example.com"
OPEN = {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}
ASKED = ("/back/office/login/", "/api/")
PATHS = "In PATHS, name only what other origins call, for example ['/api/']."


def serve(settings: Any, *patterns: Any, **policies: Any) -> list[Any]:
    """The warnings for a project with these URLs."""
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [*patterns]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urlconf
    settings.CORS_POLICIES = policies
    return check_admin_sites()


def governs(*paths: str) -> str:
    return (
        f"The policy allows credentials and governs the admin site at {', '.join(paths)}. Scripts "
        "on its origins can read and change there everything that the logged-in user can."
    )


def test_w022_whatever_the_prefix(settings: Any) -> None:
    urls = [path("api/", hello), path("back/office/", site.urls)]
    closing = " Or add a policy that allows no origin: 'admin': {'PATHS': ['/back/office/']}."
    assert serve(settings, *urls, default=OPEN) == [
        warning("W022", "CORS_POLICIES['default']", governs("/back/office/"), PATHS + closing)
    ]


def test_the_hints_work(settings: Any) -> None:
    urls = [path("api/", hello), path("back/office/", site.urls)]
    [message] = serve(settings, *urls, default=OPEN)
    [alias, closed] = re.findall(r"(\w+)': (\{.+\})", message.hint)[0]
    policies = {"default": OPEN, alias: ast.literal_eval(closed)}
    assert serve(settings, *urls, **policies) == []
    headers = {"origin": APP, "access-control-request-method": "GET"}
    statuses = {url: Client().options(url, headers=headers).status_code for url in ASKED}
    assert statuses == {"/back/office/login/": 403, "/api/": 204}
    assert serve(settings, *urls, default={**OPEN, "PATHS": ["/api/"]}) == []


@pytest.mark.parametrize(
    "policy",
    [
        {"ALLOW_ORIGINS": [APP]},
        {"ALLOW_ORIGINS": ["*"]},
        {**OPEN, "PATHS": ["/api/", re.compile("/v[12]/")]},
        {"ALLOW_CREDENTIALS": True},
        {**OPEN, "ALLOW_ORIGINS": []},
    ],
)
def test_no_warning(settings: Any, policy: Any) -> None:
    assert serve(settings, path("admin/", site.urls), default=policy) == []


def test_no_admin_site_no_warning(settings: Any) -> None:
    assert serve(settings, path("admin/", hello), default=OPEN) == []


def test_origins_in_the_database(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "origin_source", allowlist)
    urls = path("admin/", site.urls)
    assert ids(serve(settings, urls, default={"ALLOW_CREDENTIALS": True})) == ["W022"]
    assert serve(settings, urls, default={"ALLOW_ORIGINS": ["*"]}) == []


def test_origins_of_a_function(settings: Any) -> None:
    policy = {"ALLOW_CREDENTIALS": True, "ALLOW_ORIGIN_FUNC": "tests.wire.yes"}
    assert ids(serve(settings, path("admin/", site.urls), default=policy)) == ["W022"]


def test_one_warning_for_each_policy(settings: Any) -> None:
    second = AdminSite("second")
    second.register(Group)
    messages = serve(
        settings,
        path("one/", site.urls),
        path("inner/", include([path("two/", second.urls)])),
        path("three/", AdminSite("third").urls),
        default=OPEN,
        third={**OPEN, "PATHS": ["/three/"]},
    )
    assert [(message.obj, message.msg) for message in messages] == [
        ("CORS_POLICIES['default']", governs("/one/", "/inner/two/")),
        ("CORS_POLICIES['third']", governs("/three/")),
    ]
    # The policy names that very path, so a second one cannot.
    assert messages[1].hint == PATHS


def test_an_alias_that_is_taken(settings: Any) -> None:
    urls = path("back/office/", site.urls)
    taken = {"ALLOW_ORIGINS": [APP], "PATHS": ["/admin/"]}
    [message] = serve(settings, urls, default=OPEN, admin=taken)
    assert message.hint == PATHS


def test_part_of_an_admin_site(settings: Any) -> None:
    """A path below the site is enough."""
    second = AdminSite("second")
    second.register(Group)
    policy = {**OPEN, "PATHS": ["/admin/auth/"]}
    [message] = serve(settings, path("admin/", second.urls), default=policy)
    assert message.msg == governs("/admin/auth/group/")


@pytest.mark.parametrize("prefix_default_language", [True, False])
def test_below_the_prefix_of_a_language(settings: Any, prefix_default_language: bool) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    settings.LANGUAGE_CODE = "en"
    urls = i18n_patterns(path("admin/", site.urls), prefix_default_language=prefix_default_language)
    german, plain = {**OPEN, "PATHS": ["/de/"]}, {**OPEN, "PATHS": ["/admin/"]}
    [message] = serve(settings, *urls, default=german)
    assert (message.msg, message.hint) == (governs("/<language>/admin/"), PATHS)
    assert bool(serve(settings, *urls, default=plain)) is not prefix_default_language
    assert serve(settings, *urls, default={**OPEN, "PATHS": ["/api/"]}) == []


@pytest.mark.parametrize(
    ("url", "policy_path", "is_governed"),
    [
        (path("<slug:tenant>/admin/", site.urls), re.compile("/[^/]+/admin/"), True),
        (path("<slug:tenant>/admin/", site.urls), re.compile("/[^/]+/api/"), False),
        (re_path(r"^office/(?P<tenant>\w+)/", site.urls), "/office/", True),
        (re_path(r"^office/(?P<tenant>\w+)/", site.urls), "/api/", False),
    ],
)
def test_parameters_in_the_path(
    settings: Any, url: Any, policy_path: Any, is_governed: bool
) -> None:
    messages = serve(settings, url, default={**OPEN, "PATHS": [policy_path]})
    assert ids(messages) == ["W022"] * is_governed


def test_decorators_are_respected(settings: Any) -> None:
    class Opened(AdminSite):
        @cors_policy("partner", max_age=60)
        def index(self, request: Any, extra_context: Any = None) -> Any:
            return super().index(request, extra_context)

    class Closed(AdminSite):
        def get_urls(self) -> Any:
            urls = super().get_urls()
            for url in urls:
                url.callback = same_origin_only(url.callback)
            return urls

    [message] = serve(
        settings, path("admin/", Opened("opened").urls), partner=OPEN, default={"ALLOW_ORIGINS": []}
    )
    assert message.msg == governs("/admin/")
    assert message.hint == "Remove the decorator from the views of the admin site."
    assert message.obj.startswith("@cors_policy('partner', max_age=60) on ")
    assert serve(settings, path("admin/", Closed("closed").urls), default=OPEN) == []


def test_other_errors_come_first(settings: Any) -> None:
    assert serve(settings, path("admin/", site.urls), default={"ALLOW_ORIGINS": "x"}) == []
    del settings.ROOT_URLCONF
    settings.CORS_POLICIES = {"default": OPEN}
    assert check_admin_sites() == []
