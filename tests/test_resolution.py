"""Finding the view of a path, when Django has not: bounded, closed in doubt, never an error."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import clear_url_caches, path, register_converter
from django.urls.converters import REGISTERED_CONVERTERS
from django.utils import translation
from django.utils.functional import lazy
from django.views import View

from django_cors_policy import resolution
from django_cors_policy.decorators import cors_policy, same_origin_only

APP = "https://app.example.com"
URLCONF = "urlconf_of_a_test"


def preflight(method: str = "PUT", *headers: str) -> dict[str, str]:
    sent = {"origin": APP, "access-control-request-method": method}
    return sent | ({"access-control-request-headers": ",".join(headers)} if headers else {})


def plain(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse(request.method)


@same_origin_only
def closed(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse(request.method)


def in_german(english: str, german: str) -> Any:
    """A text that depends on the active language."""
    return lazy(lambda: german if translation.get_language() == "de" else english, str)()


@pytest.fixture
def serve(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    settings.CORS_POLICIES = {
        "default": {
            "ALLOW_ORIGINS": [APP],
            "ALLOW_CREDENTIALS": True,
            "ALLOW_HEADERS": ["x-http-method-override", "x-token"],
        }
    }
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    settings.MIDDLEWARE = [
        "django_cors_policy.middleware.CorsPolicyMiddleware",
        "django.middleware.locale.LocaleMiddleware",
    ]

    def build(*patterns: Any) -> Client:
        urlconf = types.ModuleType(URLCONF)
        urlconf.urlpatterns = list(patterns)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, URLCONF, urlconf)
        clear_url_caches()
        settings.ROOT_URLCONF = URLCONF
        return Client()

    yield build
    resolution._resolve_again.cache_clear()
    clear_url_caches()


# --- What is remembered --------------------------------------------------------------------------


def test_no_long_path_is_remembered(serve: Any, settings: Any) -> None:
    """Of a stranger's 60,000 characters nothing is kept, and of short ones a bounded number."""
    client = serve(path("closed/", closed))
    settings.MIDDLEWARE += ["tests.middleware.Unauthorized"]
    resolution._resolve_again.cache_clear()
    for number in range(50):
        response = client.get(f"/{number}/{'a' * 60_000}/", headers={"origin": APP})
        assert response["Access-Control-Allow-Origin"] == APP
    assert resolution._resolve_again.cache_info().currsize == 0
    client.get("/short/", headers={"origin": APP})
    assert resolution._resolve_again.cache_info().currsize == 1
    most = resolution.MOST_PATHS * resolution.LONGEST_PATH * sys.getsizeof("é" * 2)
    assert most < 100 * 2**20


def test_a_long_path_is_judged_all_the_same(serve: Any, settings: Any) -> None:
    long = "a" * 2 * resolution.LONGEST_PATH
    client = serve(path("<slug:name>/", closed))
    settings.MIDDLEWARE += ["tests.middleware.Unauthorized"]
    response = client.get(f"/{long}/", headers={"origin": APP})
    assert response.status_code == 401
    assert "Access-Control-Allow-Origin" not in response


def test_cleared_url_caches_are_followed(serve: Any, settings: Any) -> None:
    settings.MIDDLEWARE += ["tests.middleware.Unauthorized"]
    client = serve(path("a/", plain), path("b/", closed))
    assert "Access-Control-Allow-Origin" in client.get("/a/", headers={"origin": APP})
    client = serve(path("a/", closed), path("b/", plain))
    assert "Access-Control-Allow-Origin" not in client.get("/a/", headers={"origin": APP})
    assert "Access-Control-Allow-Origin" in client.get("/b/", headers={"origin": APP})


# --- Converters ----------------------------------------------------------------------------------


class Failing:
    regex = "[a-z]+"

    def to_python(self, value: str) -> str:
        return {"known": "value"}[value]

    def to_url(self, value: str) -> str:
        return value


def test_a_converter_that_raises_closes_the_path(serve: Any, settings: Any) -> None:
    register_converter(Failing, "failing")
    try:
        client = serve(path("<failing:name>/", plain), path("closed/", closed))
        # Django would answer the request itself with a 500; a preflight is refused.
        assert client.options("/unknown/", headers=preflight()).status_code == 403
        assert client.options("/known/", headers=preflight()).status_code == 204
        settings.MIDDLEWARE += ["tests.middleware.Unauthorized"]
        for _ in range(2):
            response = Client().get("/unknown/", headers={"origin": APP})
            assert response.status_code == 401
            assert "Access-Control-Allow-Origin" not in response
    finally:
        REGISTERED_CONVERTERS.pop("failing")


# --- Languages -----------------------------------------------------------------------------------


def test_a_translated_path_is_closed_in_every_language(serve: Any, settings: Any) -> None:
    client = serve(path(in_german("account/", "konto/"), closed), path("plain/", plain))
    for url in ("/account/", "/konto/"):
        assert client.options(url, headers=preflight()).status_code == 403
    assert client.options("/plain/", headers=preflight()).status_code == 204
    assert client.options("/nothing/", headers=preflight()).status_code == 204
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    assert "Access-Control-Allow-Origin" not in client.get("/konto/", headers={"origin": APP})


def test_the_language_of_another_request_on_the_thread_does_not_matter(serve: Any) -> None:
    client = serve(path(in_german("account/", "konto/"), closed))
    for active in ("en", "de"):
        with translation.override(active):
            for url in ("/account/", "/konto/"):
                assert client.options(url, headers=preflight()).status_code == 403


def test_a_path_that_leads_to_two_views_by_language(serve: Any) -> None:
    client = serve(
        path(in_german("one/", "other/"), closed),
        path(in_german("other/", "one/"), plain),
        path(in_german("a/", "b/"), plain),
        path(in_german("b/", "a/"), cors_policy(plain)),
    )
    assert client.options("/one/", headers=preflight()).status_code == 403
    assert client.options("/other/", headers=preflight()).status_code == 403
    assert client.options("/a/", headers=preflight()).status_code == 204


def test_languages_with_the_same_paths_are_tried_once(serve: Any, settings: Any) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, *((f"x-{n}", f"Language {n}") for n in range(50))]
    serve(path(in_german("account/", "konto/"), closed))
    resolver = resolution.get_resolver(URLCONF)
    assert resolution._languages_that_differ(resolver) == (settings.LANGUAGE_CODE, "de")


def test_without_translations_a_path_is_tried_once(serve: Any, settings: Any) -> None:
    settings.USE_I18N = False
    client = serve(path(in_german("account/", "konto/"), closed))
    assert client.options("/account/", headers=preflight()).status_code == 403


# --- Another method than the request line says ---------------------------------------------------


class Split(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.method)

    post = get
    put = same_origin_only(get)


def test_a_header_that_overrides_the_method(serve: Any) -> None:
    client = serve(path("split/", Split.as_view()), path("plain/", plain))
    override = preflight("POST", "x-token", "x-http-method-override")
    assert client.options("/split/", headers=preflight("POST", "x-token")).status_code == 204
    assert client.options("/split/", headers=override).status_code == 403
    assert client.options("/plain/", headers=override).status_code == 204


def test_a_method_is_known_in_any_case(serve: Any) -> None:
    client = serve(path("split/", Split.as_view()))
    assert client.options("/split/", headers=preflight("put")).status_code == 403
