"""URLs as browsers write them."""

from __future__ import annotations

from typing import Any

import pytest

from django_cors_policy.explain import explain

from .site import APP

pytestmark = pytest.mark.usefixtures("small_site")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("HTTPS://API.Example.com:443", "https://api.example.com/"),
        (
            "https://ü.example:8443/a b/ü/?q=ü#frag",
            "https://xn--tda.example:8443/a%20b/%C3%BC/?q=%C3%BC",
        ),
        ("http://[0:0::1]:8000/%7Ea", "http://[::1]:8000/%7Ea"),
        ("https://user:pw@api.example.com/", "https://api.example.com/"),
        ("/plain/", "https://own.example/plain/"),
    ],
)
def test_urls_are_told_as_browsers_write_them(settings: Any, url: str, told: str) -> None:
    settings.ALLOWED_HOSTS = ["*", ".own.example"]
    assert explain("http://localhost:3000" if "[" in url else APP, "GET", url).url == told


@pytest.mark.parametrize(
    ("project", "origin", "told"),
    [
        ({"ALLOWED_HOSTS": [], "DEBUG": True}, APP, "https://localhost/plain/"),
        ({"ALLOWED_HOSTS": ["*"]}, APP, "https://this-server.invalid/plain/"),
        ({"ALLOWED_HOSTS": ["a.example"]}, "http://a.example:81", "http://a.example/plain/"),
        (
            {"ALLOWED_HOSTS": ["a.example"], "SECURE_SSL_REDIRECT": True},
            "http://a.example:81",
            "https://a.example/plain/",
        ),
    ],
)
def test_host_is_guessed_where_only_a_path_is_told(
    settings: Any, project: Any, origin: str, told: str
) -> None:
    for name, value in project.items():
        setattr(settings, name, value)
    assert explain(origin, "GET", "/plain/").url == told
