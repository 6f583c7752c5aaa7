"""Decorators on views: what they attach to, and who is allowed then, on preflight and after."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client
from django.urls import clear_url_caches
from django.utils import translation

from django_cors_policy import resolution, view_policies
from django_cors_policy.checks import check_views
from django_cors_policy.conf import policy_book
from django_cors_policy.decorators import cors_policy, marks_on, same_origin_only
from django_cors_policy.policy import compile_policy

from .urls_decorated import APP, PARTNER, OnDispatch

STRANGER = "https://stranger.example"
ORIGINS = (APP, PARTNER, STRANGER)
ANY = frozenset(ORIGINS)
NOBODY: frozenset[str] = frozenset()

POLICIES = {
    "default": {"ALLOW_ORIGINS": [APP]},
    "public": {"ALLOW_ORIGINS": ["*"]},
    "members": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True},
    "by-path": {"ALLOW_ORIGINS": [STRANGER], "PATHS": ["/by-path/"]},
}

# Path, method, who is allowed. PUT unless it matters, so that the preflight is a real one.
DECORATED: list[tuple[str, str, frozenset[str] | set[str]]] = [
    ("/function/", "PUT", {PARTNER}),
    ("/function/", "GET", {PARTNER}),
    ("/async-function/", "PUT", {PARTNER}),
    ("/partial/", "PUT", {PARTNER}),
    ("/partial-of-partial/", "PUT", {PARTNER}),
    ("/around-partial/", "PUT", {PARTNER}),
    ("/above-csrf-exempt/", "PUT", {PARTNER}),
    ("/below-csrf-exempt/", "PUT", {PARTNER}),
    ("/above-login-required/", "PUT", {PARTNER}),
    ("/below-login-required/", "PUT", {PARTNER}),
    ("/above-require-methods/", "PUT", {PARTNER}),
    ("/below-require-methods/", "PUT", {PARTNER}),
    ("/below-require-methods/", "DELETE", {PARTNER}),  # 405, and the page may read that
    ("/above-cache-page/", "GET", {PARTNER}),
    ("/below-cache-page/", "GET", {PARTNER}),
    ("/above-async/", "PUT", {PARTNER}),
    ("/below-async/", "PUT", {PARTNER}),
    ("/outermost-wins/", "PUT", {PARTNER}),
    ("/outermost-closes/", "PUT", NOBODY),
    ("/callable/", "PUT", {PARTNER}),
    ("/callable-class/", "PUT", {PARTNER}),
    ("/callable-method/", "PUT", {PARTNER}),
    ("/async-callable/", "PUT", {PARTNER}),
    ("/class/", "PUT", {PARTNER}),
    ("/class/", "PURGE", {PARTNER}),
    ("/async-class/", "PUT", {PARTNER}),
    ("/dispatch/", "PUT", {PARTNER}),
    ("/async-dispatch/", "PUT", {PARTNER}),
    ("/dispatch-among-others/", "PUT", {PARTNER}),
    ("/around-as-view/", "PUT", {PARTNER}),
    ("/around-async-as-view/", "PUT", {PARTNER}),
    ("/around-closed/", "PUT", {PARTNER}),
    ("/around-closed-by-dispatch/", "PUT", {PARTNER}),
    ("/around-below-another/", "PUT", {PARTNER}),
    ("/inherits/", "PUT", {PARTNER}),
    ("/inherits-dispatch/", "PUT", {PARTNER}),
    ("/overrides-dispatch/", "PUT", {PARTNER}),
    ("/behind-login/", "PUT", {PARTNER}),
    ("/wraps-dispatch/", "PUT", {PARTNER}),
    ("/closed/", "PUT", NOBODY),
    ("/reopens-closed/", "PUT", {PARTNER}),
    ("/reopens-closed-by-dispatch/", "PUT", {PARTNER}),
    ("/reopens-dispatch-by-dispatch/", "PUT", {PARTNER}),
    ("/reopens-class-by-dispatch/", "PUT", {PARTNER}),
    ("/class-outside-dispatch/", "PUT", ANY),
    ("/dispatch-outside-class/", "PUT", {PARTNER}),
    ("/method/", "PUT", {PARTNER}),
    ("/method/", "GET", {APP}),
    ("/async-method/", "PUT", {PARTNER}),
    ("/async-method/", "GET", {APP}),
    ("/method-by-method-decorator/", "PUT", {PARTNER}),
    ("/method-by-method-decorator/", "GET", {APP}),
    ("/named-method/", "PUT", {PARTNER}),
    ("/named-method/", "GET", {APP}),
    ("/inherits-method/", "PUT", {PARTNER}),
    ("/overrides-method/", "PUT", {APP}),
    ("/class-beats-inherited-method/", "PUT", NOBODY),
    ("/class-beats-wrapped-method/", "PUT", NOBODY),
    ("/method-beats-class/", "PUT", {PARTNER}),
    ("/method-beats-class/", "GET", NOBODY),
    ("/public-get/", "GET", ANY),
    ("/public-get/", "HEAD", ANY),
    ("/public-get/", "POST", {PARTNER}),
    ("/public-get/", "PUT", {APP}),
    ("/own-head/", "GET", ANY),
    ("/own-head/", "HEAD", {PARTNER}),
    ("/plain/", "PUT", {APP}),
    ("/plain-class/", "PUT", {APP}),
    ("/decorated-elsewhere/", "PUT", {PARTNER}),
    ("/keywords/", "PUT", {PARTNER}),
    ("/marked-partial/", "PUT", {PARTNER}),
    ("/split-patch/", "patch", NOBODY),  # Django serves it by patch(), whatever its case
    ("/split-patch/", "GET", ANY),
    ("/bare/", "PUT", {APP}),
    ("/called/", "PUT", {APP}),
    ("/public/", "PUT", ANY),
    ("/public-max-age/", "PUT", ANY),
    ("/same-origin/", "PUT", NOBODY),
    ("/unknown/", "PUT", NOBODY),
    ("/contradiction/", "PUT", NOBODY),
    ("/hidden/", "PUT", NOBODY),  # an error says so: E020
    ("/by-path/function/", "PUT", {PARTNER}),
    ("/by-path/plain/", "PUT", {STRANGER}),
    ("/by-path/nothing-here/", "PUT", {STRANGER}),
    ("/nothing-here/", "PUT", {APP}),
    ("/included/decorated/", "PUT", {PARTNER}),
    ("/included/plain/", "PUT", {APP}),
    ("/regex/7/", "PUT", {PARTNER}),
    ("/en/translated/", "PUT", {PARTNER}),
    ("/de/translated/", "PUT", {PARTNER}),
    ("/function", "GET", {PARTNER}),  # redirected by APPEND_SLASH
    ("/plain", "GET", {APP}),
]

DECORATED_DRF: list[tuple[str, str, frozenset[str] | set[str]]] = [
    ("/api-view/", "PUT", {PARTNER}),
    ("/api-view-method/", "PUT", {PARTNER}),
    ("/api-view-method/", "GET", {APP}),
    ("/api-view-dispatch/", "PUT", {PARTNER}),
    ("/around-api-view/", "PUT", {PARTNER}),
    ("/plain-api-view/", "PUT", {APP}),
    ("/generic/", "PUT", {PARTNER}),
    ("/above/", "PUT", {PARTNER}),
    ("/plain/", "PUT", {APP}),
    ("/around-view-set/", "GET", {PARTNER}),
    ("/orders/", "GET", ANY),
    ("/orders/", "HEAD", ANY),
    ("/orders/", "POST", {APP}),  # no such action: 405
    ("/orders/1/", "PUT", {PARTNER}),
    ("/orders/1/", "DELETE", {APP}),
    ("/orders/1/ship/", "POST", {PARTNER}),
    ("/orders/1/bill/", "POST", {PARTNER}),
    ("/orders/1/bill/", "DELETE", {APP}),
    ("/orders/1/plain/", "POST", {APP}),
    ("/closed-orders/1/", "PUT", NOBODY),
    ("/dispatched-orders/", "GET", {PARTNER}),
    ("/dispatched-orders/1/", "DELETE", {PARTNER}),
]


@pytest.fixture
def decorated(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls_decorated"
    settings.CORS_POLICIES = POLICIES
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    settings.LOGIN_URL = "/login/"
    settings.MIDDLEWARE = [
        "django_cors_policy.middleware.CorsPolicyMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"


@pytest.fixture
def decorated_drf(decorated: None, settings: Any) -> None:
    pytest.importorskip("rest_framework")
    settings.ROOT_URLCONF = "tests.urls_drf"


def expected_origin(origin: str, allowed: frozenset[str] | set[str]) -> str | None:
    if allowed == ANY:
        return "*"
    return origin if origin in allowed else None


def preflight_headers(origin: str, method: str) -> dict[str, str]:
    return {"origin": origin, "access-control-request-method": method}


def check_sync(path: str, method: str, allowed: frozenset[str] | set[str]) -> None:
    client = Client()
    for origin in ORIGINS:
        response = client.options(path, headers=preflight_headers(origin, method))
        expected = expected_origin(origin, allowed)
        assert response.headers.get("Access-Control-Allow-Origin") == expected
        assert response.status_code == (403 if expected is None else 204)
        response = client.generic(method, path, headers={"origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == expected


async def check_async(path: str, method: str, allowed: frozenset[str] | set[str]) -> None:
    client = AsyncClient()
    for origin in ORIGINS:
        response = await client.options(path, headers=preflight_headers(origin, method))
        expected = expected_origin(origin, allowed)
        assert response.headers.get("Access-Control-Allow-Origin") == expected
        assert response.status_code == (403 if expected is None else 204)
        response = await client.generic(method, path, headers={"origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == expected


@pytest.mark.usefixtures("decorated")
class TestEveryWayToAttach:
    @pytest.mark.parametrize(("path", "method", "allowed"), DECORATED)
    def test_sync(self, path: str, method: str, allowed: set[str]) -> None:
        check_sync(path, method, allowed)

    @pytest.mark.parametrize(("path", "method", "allowed"), DECORATED)
    async def test_async(self, path: str, method: str, allowed: set[str]) -> None:
        await check_async(path, method, allowed)


@pytest.mark.usefixtures("decorated_drf")
class TestRestFramework:
    @pytest.mark.parametrize(("path", "method", "allowed"), DECORATED_DRF)
    def test_sync(self, path: str, method: str, allowed: set[str]) -> None:
        check_sync(path, method, allowed)

    @pytest.mark.parametrize(("path", "method", "allowed"), DECORATED_DRF)
    async def test_async(self, path: str, method: str, allowed: set[str]) -> None:
        await check_async(path, method, allowed)

    def test_below_api_view_is_closed(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.urls_drf_hidden"
        check_sync("/below/", "PUT", NOBODY)


@pytest.mark.usefixtures("decorated")
class TestFields:
    def test_replaced_fields_leave_the_others(self) -> None:
        response = Client().options("/public-max-age/", headers=preflight_headers(APP, "PUT"))
        assert response["Access-Control-Allow-Origin"] == "*"
        assert response["Access-Control-Max-Age"] == "60"

    def test_credentials_for_one_method_only(self) -> None:
        post = Client().post("/public-get/", headers={"origin": PARTNER})
        assert post["Access-Control-Allow-Credentials"] == "true"
        get = Client().get("/public-get/", headers={"origin": PARTNER})
        assert get["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in get

    @pytest.mark.parametrize(
        ("path", "method", "max_age"),
        [
            ("/public-get/", "GET", "0"),
            ("/public-get/", "POST", "0"),
            ("/public-get/", "PUT", "0"),  # undecorated, and governed by the path
            ("/method/", "GET", "0"),
            ("/same-twice/", "GET", "60"),  # by two decorators that say the same
            ("/class/", "GET", "3600"),
            ("/inherits/", "PUT", "3600"),
            ("/plain-class/", "PUT", "3600"),
            ("/function/", "PUT", "3600"),
        ],
    )
    def test_no_caching_where_methods_have_policies_of_their_own(
        self, path: str, method: str, max_age: str
    ) -> None:
        """A browser's cache holds header names for a URL, whichever method they were asked for."""
        for origin in ORIGINS:
            response = Client().options(path, headers=preflight_headers(origin, method))
            assert response.headers.get("Access-Control-Max-Age", max_age) == max_age

    def test_no_caching_where_some_methods_have_no_policy(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"public": {"ALLOW_ORIGINS": ["*"]}, "default": {"PATHS": ["/x/"]}}
        response = Client().options("/method/", headers=preflight_headers(PARTNER, "PUT"))
        assert response["Access-Control-Max-Age"] == "0"

    def test_method_decorator_leaves_nothing_behind(self) -> None:
        """It decorates anew on each request."""
        decorators_of = lambda: len(vars(OnDispatch.dispatch))  # noqa: E731
        before = decorators_of()
        for _ in range(3):
            Client().get("/dispatch/")
        assert decorators_of() == before

    def test_default_is_meant_outside_its_paths_too(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "PATHS": ["/elsewhere/"]}}
        check_sync("/bare/", "PUT", {APP})
        response = Client().get("/plain/", headers={"origin": APP})
        assert "Access-Control-Allow-Origin" not in response
        assert "Origin" not in response["Vary"]

    def test_settings_that_change_are_followed(self, settings: Any) -> None:
        check_sync("/public/", "PUT", ANY)
        settings.CORS_POLICIES = {"public": {"ALLOW_ORIGINS": [STRANGER]}}
        check_sync("/public/", "PUT", {STRANGER})


@pytest.mark.usefixtures("decorated")
class TestResolution:
    def test_a_preflight_resolves_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.urls import URLResolver

        calls: list[str] = []
        resolve = URLResolver.resolve

        def counting(self: URLResolver, path: Any) -> Any:
            calls.append(str(path))
            return resolve(self, path)

        monkeypatch.setattr(URLResolver, "resolve", counting)
        Client().options("/included/decorated/", headers=preflight_headers(PARTNER, "PUT"))
        assert calls.count("/included/decorated/") == 1

    def test_an_actual_request_is_not_resolved_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(*args: Any) -> Any:
            raise AssertionError("Django has chosen the view already")

        monkeypatch.setattr(resolution, "_resolve", never)
        response = Client().get("/function/", headers={"origin": PARTNER})
        assert response["Access-Control-Allow-Origin"] == PARTNER

    def test_nothing_is_resolved_where_nothing_is_decorated(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("django_cors_policy.decorators.any_view_decorated", False)
        monkeypatch.setattr(resolution, "_resolve", None)
        response = Client().options("/plain/", headers=preflight_headers(APP, "PUT"))
        assert response.status_code == 204

    def test_a_view_that_cannot_be_hashed(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.urls_routes"
        check_sync("/unhashable/", "PUT", {APP})

    def test_the_very_first_answer_of_an_inner_middleware(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before the URLconf is imported, nobody knows whether any view is decorated."""
        monkeypatch.setattr("django_cors_policy.decorators.any_view_decorated", False)
        monkeypatch.delitem(sys.modules, "tests.urls_unprefixed", raising=False)
        monkeypatch.delitem(sys.modules, "tests.urls_decorated")
        clear_url_caches()
        settings.ROOT_URLCONF = "tests.urls_decorated"
        settings.MIDDLEWARE += ["tests.middleware.Unauthorized"]
        response = Client().get("/same-origin/", headers={"origin": APP})
        assert response.status_code == 401
        assert "Access-Control-Allow-Origin" not in response

    def test_a_path_without_a_view_is_not_searched_again_for_the_page_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        response = Client().get("/nothing-here/", headers={"origin": APP})
        assert response.status_code == 404
        assert response["Access-Control-Allow-Origin"] == APP
        monkeypatch.setattr(resolution, "_resolve_again", None)
        assert Client().get("/nothing-here/").status_code == 404

    def test_a_404_of_an_inner_middleware_follows_the_view(self, settings: Any) -> None:
        settings.MIDDLEWARE += ["tests.middleware.Hides"]
        response = Client().get("/same-origin/", headers={"origin": APP})
        assert response.status_code == 404
        assert "Access-Control-Allow-Origin" not in response

    def test_an_answer_of_an_inner_middleware_follows_the_view(self, settings: Any) -> None:
        settings.MIDDLEWARE += ["tests.middleware.Unauthorized"]
        response = Client().put("/function/", headers={"origin": PARTNER})
        assert response.status_code == 401
        assert response["Access-Control-Allow-Origin"] == PARTNER

    def test_the_path_is_judged_as_it_came(self, settings: Any) -> None:
        settings.MIDDLEWARE += ["tests.middleware.RewritesPath"]
        response = Client().get("/by-path/plain/", headers={"origin": STRANGER})
        assert response.content == b"GET plain"
        assert response["Access-Control-Allow-Origin"] == STRANGER

    def test_urlconf_of_an_earlier_middleware(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.urls"
        settings.MIDDLEWARE = ["tests.middleware.ChoosesUrlconf", *settings.MIDDLEWARE]
        check_sync("/function/", "PUT", {PARTNER})

    def test_urlconf_of_a_later_middleware_is_seen_by_actual_requests_alone(
        self, settings: Any
    ) -> None:
        settings.ROOT_URLCONF = "tests.urls"
        settings.MIDDLEWARE += ["tests.middleware.ChoosesUrlconf"]
        response = Client().put("/function/", headers={"origin": PARTNER})
        assert response["Access-Control-Allow-Origin"] == PARTNER
        response = Client().options("/function/", headers=preflight_headers(PARTNER, "PUT"))
        assert response.status_code == 403

    @pytest.mark.parametrize("active", ["en", "de"])
    @pytest.mark.parametrize("path", ["/de/translated/", "/en/translated/"])
    def test_languages_are_matched_whatever_is_active(self, path: str, active: str) -> None:
        with translation.override(active):
            response = Client().options(path, headers=preflight_headers(PARTNER, "PUT"))
            assert response.status_code == 204
            assert translation.get_language() == active

    def test_languages_without_a_prefix_for_the_default(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.urls_unprefixed"
        settings.LANGUAGE_CODE = "en"
        with translation.override("de"):
            check_sync("/translated/", "PUT", {PARTNER})
            check_sync("/de/translated/", "PUT", {PARTNER})

    def test_without_languages(self, settings: Any) -> None:
        settings.USE_I18N = False
        check_sync("/function/", "PUT", {PARTNER})

    @pytest.mark.parametrize(
        ("path", "method", "reason"),
        [
            (
                "/method/",
                "PUT",
                f"@cors_policy(allow_origins=['{PARTNER}']) on tests.urls_decorated.OnMethod.put",
            ),
            ("/closed/", "PUT", "@same_origin_only on tests.urls_decorated.Closed"),
            (
                "/around-closed/",
                "PUT",
                f"@cors_policy(allow_origins=['{PARTNER}']) on tests.urls_decorated.Closed.as",
            ),
            ("/public-max-age/", "GET", "@cors_policy('public', max_age=60) on tests"),
            ("/callable/", "GET", "on tests.urls_decorated.Callable"),
            ("/around-partial/", "GET", "on tests.urls_decorated.plain"),
            ("/callable-class/", "GET", "on tests.urls_decorated.DecoratedCallable"),
            ("/by-path/plain/", "GET", "CORS_POLICIES['by-path']['PATHS'][0]"),
            ("/plain/", "GET", "CORS_POLICIES['default']"),
        ],
    )
    def test_the_reason_is_remembered(
        self, path: str, method: str, reason: str, rf: Any, decorated: None
    ) -> None:
        request = rf.generic(method, path, headers={"access-control-request-method": method})
        request.resolver_match = None
        for ruling in (
            resolution.rule_preflight(policy_book(), request),
            resolution.rule_actual(policy_book(), request, path, 200),
        ):
            assert ruling is not None
            assert reason in ruling.reason

    def test_policies_are_compiled_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compiled = []

        def counting(*args: Any, **kwargs: Any) -> Any:
            compiled.append(args)
            return compile_policy(*args, **kwargs)

        monkeypatch.setattr(view_policies, "compile_policy", counting)
        for _ in range(3):
            check_sync("/class/", "PUT", {PARTNER})
            check_sync("/class/", "GET", {PARTNER})
            check_sync("/function/", "PUT", {PARTNER})  # the same decorator, on another view
        assert len(compiled) == 1

    @pytest.mark.parametrize(
        ("path", "told"),
        [
            ("/unknown/", "'pubic' is not an alias in CORS_POLICIES. Did you mean 'public'?"),
            ("/contradiction/", "'*' allows any site, and credentials are allowed"),
        ],
    )
    def test_what_cannot_be_meant_allows_nobody_and_is_logged_once(
        self, path: str, told: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR, "django_cors_policy"):
            for _ in range(3):
                response = Client().options(path, headers=preflight_headers(APP, "PUT"))
                assert response.status_code == 403
        [record] = [record for record in caplog.records if record.name == "django_cors_policy"]
        assert told in record.getMessage()


def some_view(request: Any) -> None:
    """Never called."""


class TestArguments:
    """What is wrong fails at import, where it is written."""

    @pytest.mark.parametrize(
        ("arguments", "keywords", "message"),
        [
            ([], {"allow_origin": ["https://a.example"]}, "Did you mean 'allow_origins'?"),
            ([], {"allow_origins": ["https://a.example/"]}, "Write 'https://a.example'."),
            ([], {"allow_origins": "https://a.example"}, "Write ['https://a.example']."),
            ([], {"allow_origins": ["*"], "allow_credentials": True}, "set allow_credentials to"),
            ([], {"max_age": -1}, "@cors_policy(max_age=-1): max_age: -1 is negative."),
            ([], {"paths": ["/api/"]}, "Remove paths."),
            (
                ["https://a.example"],
                {},
                (
                    "Write the alias of a policy, or "
                    "@cors_policy(allow_origins=['https://a.example'])."
                ),
            ),
            (["*"], {}, "@cors_policy(allow_origins=['*'])"),
            (["a.example"], {}, "@cors_policy(allow_origins=['a.example'])"),
            ([None], {}, "Write @cors_policy('default'), or the alias of another policy."),
            ([], {"alias": "public"}, "Pass it first, without a keyword: @cors_policy('public')."),
            (
                [],
                {"ALLOW_ORIGINS": ["https://a.example"]},
                "'ALLOW_ORIGINS' is not a policy key. Did you mean 'allow_origins'?",
            ),
            ([["https://a.example"]], {}, "@cors_policy(allow_origins=['https://a.example'])"),
            (
                [],
                {"report_only": {"ALLOW_ORIGINS": ["https://a.example/"]}},
                "@cors_policy(report_only={'ALLOW_ORIGINS': ['https://a.example/']}): "
                "report_only['ALLOW_ORIGINS'][0]: 'https://a.example/' has a path",
            ),
            ([], {"report_only": {"allow_origins": []}}, "Did you mean 'ALLOW_ORIGINS'?"),
            (
                [],
                {"report_only": {"PATHS": ["/a/"]}},
                "report_only: 'PATHS' is not allowed in REPORT_ONLY",
            ),
            ([], {"report_only": ["https://a.example"]}, "report_only: ['https://a.example'] is"),
        ],
    )
    def test_refused(self, arguments: list[Any], keywords: dict[str, Any], message: str) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            cors_policy(*arguments, **keywords)
        assert message in str(caught.value)

    def test_all_that_is_wrong_is_said(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="3 problems"):
            cors_policy("https://a.example", paths=["/a/"], max_age="x")  # type: ignore[arg-type]

    @pytest.mark.parametrize("view", [(["a", "list"], None, None), "name", object(), object])
    @pytest.mark.parametrize("decorator", [cors_policy("public"), same_origin_only])
    def test_what_is_no_view(self, decorator: Any, view: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match="is not a view"):
            decorator(view)

    def test_same_origin_only_with_parentheses(self) -> None:
        decorated = same_origin_only()(some_view)
        [mark] = marks_on(decorated)
        assert mark.declaration.name == "@same_origin_only"

    def test_a_dotted_path_is_imported_later(self) -> None:
        assert cors_policy(allow_origin_func="not.yet.imported")(some_view)
        assert cors_policy(report_only={"ALLOW_ORIGIN_FUNC": "not.yet.imported"})(some_view)

    def test_the_function_handed_in_is_not_written_on(self) -> None:
        before = dict(vars(some_view))
        decorated = cors_policy("public")(some_view)
        assert vars(some_view) == before
        assert decorated.__name__ == "some_view"
        assert decorated.__doc__ == some_view.__doc__


@pytest.mark.usefixtures("decorated")
class TestChecks:
    def test_every_decorated_view_is_named(self) -> None:
        messages = {message.obj: message for message in check_views()}
        unknown = messages["@cors_policy('pubic') on tests.urls_decorated.plain"]
        assert unknown.id == "django_cors_policy.E019"
        assert unknown.hint == "Did you mean 'public'?"
        contradiction = messages[
            "@cors_policy('members', allow_origins=['*']) on tests.urls_decorated.plain: "
            "allow_origins[0]"
        ]
        assert contradiction.id == "django_cors_policy.E007"
        assert contradiction.hint.endswith("set allow_credentials to False.")
        others = {message.obj for message in messages.values() if message.id[-4:] != "E020"}
        assert others == {
            unknown.obj,
            contradiction.obj,
            "tests.urls_decorated.OverridesMethod.put",
        }

    def test_below_api_view(self, decorated_drf: None, settings: Any) -> None:
        assert check_views() == []
        settings.ROOT_URLCONF = "tests.urls_drf_hidden"
        [message] = check_views()
        assert message.id == "django_cors_policy.E020"
        name = f"@cors_policy(allow_origins=['{PARTNER}'])"
        order = f"    {name}\n    @api_view(...)\n    def below_api_view(request): ..."
        assert order in message.hint

    def test_nothing_while_the_settings_are_wrong(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["*", "*"]}}
        assert check_views() == []

    def test_nothing_without_urls(self, settings: Any) -> None:
        del settings.ROOT_URLCONF
        assert check_views() == []
