"""What the wire table does not show: who is asked, who is not, and at what cost."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, iscoroutinefunction
from django.apps import apps
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.utils.cache import patch_vary_headers

from django_cors_policy import decorators
from django_cors_policy.checks import check_middleware
from django_cors_policy.middleware import CorsPolicyMiddleware

from .wire import APP, CREDENTIALS, ORIGIN, STRANGER, VARY

OURS = "django_cors_policy.middleware.CorsPolicyMiddleware"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
STRANGER_PREFLIGHT = {**PREFLIGHT, "Origin": STRANGER}


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Callable[..., HttpResponse]:
    """One request, ``send(method, path, headers)``, through the stack of either kind."""

    def send_sync(method: str, path: str, headers: dict[str, str]) -> Any:
        return Client(raise_request_exception=False).generic(method, path, headers=headers)

    def send_async(method: str, path: str, headers: dict[str, str]) -> Any:
        client = AsyncClient(raise_request_exception=False)
        return asyncio.run(client.generic(method, path, headers=headers))

    return send_sync if request.param == "sync" else send_async


Send = Callable[[str, str, dict[str, str]], HttpResponse]


# -- Building it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [WSGIHandler, ASGIHandler])
def test_wrong_configuration_does_not_start(settings: Any, handler: Callable[[], object]) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": ["https://app.example.com/"], "MAX_AGE": "1"},
        "public": {"TYPO": 1},
    }
    with pytest.raises(ImproperlyConfigured) as caught:
        handler()
    assert str(caught.value) == (
        "3 problems:\n"
        "- CORS_POLICIES['default']['ALLOW_ORIGINS'][0]: 'https://app.example.com/' has a path; "
        "an origin has none. Write 'https://app.example.com'.\n"
        "- CORS_POLICIES['default']['MAX_AGE']: '1' is of type str, not a number of seconds. "
        "Write whole seconds or a timedelta. 0 turns caching off, None leaves the header out.\n"
        "- CORS_POLICIES['public']: 'TYPO' is not a policy key. "
        "Choose from ALLOW_ORIGINS, ALLOW_ORIGIN_FUNC, ALLOW_METHODS, ALLOW_HEADERS, "
        "ALLOW_CREDENTIALS, EXPOSE_HEADERS, MAX_AGE, PATHS, ALLOW_PRIVATE_NETWORK, VARY, "
        "ACCEPT_RISKS, REPORT_ONLY."
    )


def test_settings_are_followed(settings: Any) -> None:
    """A running handler, as under the settings fixture or override_settings of anybody's tests."""
    client = Client()
    for origin in (APP, STRANGER):
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [origin]}}
        answers = {o: client.get("/hello/", headers={"Origin": o}) for o in (APP, STRANGER)}
        assert [o for o, answer in answers.items() if answer.has_header(ORIGIN)] == [origin]


# -- Sync and async -------------------------------------------------------------------------------


def finish(coroutine: Coroutine[Any, Any, HttpResponse]) -> HttpResponse:
    """The result of a coroutine that never waits. A thread hop waits."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    response: HttpResponse = stop.value.value
    return response


async def async_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("async")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"Origin": APP}, 200),
        ("GET", {"Origin": STRANGER}, 200),
        ("OPTIONS", PREFLIGHT, 204),
        ("OPTIONS", STRANGER_PREFLIGHT, 403),
    ],
)
def test_async_waits_for_nothing_but_the_view(
    method: str, headers: dict[str, str], status: int
) -> None:
    middleware: Any = CorsPolicyMiddleware(async_view)
    request = RequestFactory().generic(method, "/hello/", headers=headers)
    response = finish(middleware(request))
    assert response.status_code == status
    assert response.has_header(ORIGIN) == (headers.get("Origin") == APP)


async def test_async_func_waits_for_no_thread(settings: Any) -> None:
    async def allow(origin: str, request: HttpRequest) -> bool:
        return True

    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": allow}}
    middleware: Any = CorsPolicyMiddleware(async_view)
    request = RequestFactory().get("/hello/", headers={"Origin": APP})
    coroutine = middleware(request)
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def test_django_adapts_nothing_around_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request with the middleware hops between threads no more than one without."""
    hops = 0
    call = SyncToAsync.__call__

    async def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal hops
        hops += 1
        return await call(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counting)

    async def hops_with(middleware: list[str]) -> int:
        nonlocal hops
        settings.MIDDLEWARE = middleware
        client = AsyncClient()
        await client.get("/async/", headers={"Origin": APP})  # load what is loaded once
        hops = 0
        response = await client.get("/async/", headers={"Origin": APP})
        assert response.has_header(ORIGIN) == bool(middleware)
        return hops

    ours = ["django_cors_policy.middleware.CorsPolicyMiddleware"]
    assert await hops_with(ours) == await hops_with([])


def test_kind_follows_what_it_wraps() -> None:
    assert CorsPolicyMiddleware.sync_capable
    assert CorsPolicyMiddleware.async_capable
    assert iscoroutinefunction(CorsPolicyMiddleware(async_view))
    assert not iscoroutinefunction(CorsPolicyMiddleware(lambda request: HttpResponse()))


def test_streams_are_not_read(send: Send) -> None:
    """Headers are set on a response whose body nobody has asked for yet."""
    response: Any = send("GET", "/stream/", {"Origin": APP})
    assert isinstance(response, StreamingHttpResponse)
    assert response[ORIGIN] == APP
    assert response.getvalue() == b"one two"


def test_path_is_judged_as_it_came(settings: Any, send: Send) -> None:
    """A middleware may rewrite the path; the preflight was judged by the one that was asked for."""
    settings.MIDDLEWARE = [
        "django_cors_policy.middleware.CorsPolicyMiddleware",
        "tests.test_middleware.rewrite_path",
    ]
    settings.CORS_POLICIES = {"old": {"ALLOW_ORIGINS": [APP], "PATHS": ["/old/"]}}
    assert send("OPTIONS", "/old/", PREFLIGHT).status_code == 204
    response = send("GET", "/old/", {"Origin": APP})
    assert (response.status_code, response.headers.get(ORIGIN)) == (200, APP)


def rewrite_path(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        request.path_info = "/hello/"
        return get_response(request)

    return middleware


def test_script_prefix_is_no_part_of_the_path(settings: Any) -> None:
    settings.CORS_POLICIES = {"api": {"ALLOW_ORIGINS": [APP], "PATHS": ["/hello/"]}}
    response = Client().get("/hello/", headers={"Origin": APP}, SCRIPT_NAME="/mounted")
    assert response[ORIGIN] == APP


# -- Django's cache -------------------------------------------------------------------------------

UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH_FROM_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"


@pytest.mark.parametrize(
    ("middleware", "is_warned_about", "still_reads"),
    [
        ([UPDATE_CACHE, OURS, FETCH_FROM_CACHE], True, True),
        ([OURS, UPDATE_CACHE, FETCH_FROM_CACHE], False, False),
    ],
    ids=["cache outside", "cache inside"],
)
def test_a_cache_outside_keeps_the_headers_of_revoked_origins(
    settings: Any, send: Send, middleware: list[str], is_warned_about: bool, still_reads: bool
) -> None:
    """Why W004 names UpdateCacheMiddleware, which Django's documentation puts first."""
    settings.MIDDLEWARE = middleware
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True}}
    assert send("GET", "/hello/", {"Origin": APP})[ORIGIN] == APP
    assert len(cache._cache) > 0  # type: ignore[attr-defined]

    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [STRANGER]}}
    revoked, allowed = (send("GET", "/hello/", {"Origin": o}) for o in (APP, STRANGER))
    assert revoked.has_header(ORIGIN) == still_reads
    assert revoked.content == b"GET hello"
    assert allowed[ORIGIN] == STRANGER
    assert [warning.id[-4:] for warning in check_middleware()] == ["W004"] * is_warned_about


# -- PATHS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "origins"),
    [
        ("/hello/", ["https://default.example"]),
        ("/public/hello/", ["https://deep.example"]),
        ("/public/other/", ["https://public.example"]),
        ("/feed.json", ["https://json.example"]),
        ("/v1/feed.json", ["https://v1.example"]),
    ],
)
def test_paths(settings: Any, send: Send, path: str, origins: list[str]) -> None:
    def policy(name: str, *paths: Any) -> dict[str, Any]:
        more = {"PATHS": paths} if paths else {}
        return {"ALLOW_ORIGINS": [f"https://{name}.example"], **more}

    settings.CORS_POLICIES = {
        "default": policy("default"),
        "v1": policy("v1", re.compile(r"/v\d+/")),
        "json": policy("json", re.compile(r".*\.json")),
        "public": policy("public", "/public/"),
        "deep": policy("deep", "/public/hello/"),
    }
    names = ("default", "v1", "json", "public", "deep")
    for method, extra in (("OPTIONS", {"Access-Control-Request-Method": "GET"}), ("GET", {})):
        allowed = [
            origin
            for origin in (f"https://{name}.example" for name in names)
            if send(method, path, {"Origin": origin, **extra}).has_header(ORIGIN)
        ]
        assert allowed == origins


# -- ALLOW_ORIGIN_FUNC ----------------------------------------------------------------------------


class Asked:
    """A function to ask, that remembers what it was asked and in which thread."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.origins: list[str] = []
        self.threads: set[int] = set()
        self.paths: list[str] = []

    def __call__(self, origin: str, request: HttpRequest) -> object:
        self.origins.append(origin)
        self.paths.append(request.path)
        self.threads.add(threading.get_ident())
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class AskedAsync(Asked):
    async def __call__(self, origin: str, request: HttpRequest) -> object:
        await asyncio.sleep(0)
        return super().__call__(origin, request)


class AskedForAwaitable(Asked):
    """Synchronous to look at, asynchronous to ask: as ``lambda o, r: coroutine(o, r)``."""

    def __call__(self, origin: str, request: HttpRequest) -> object:
        ask = super().__call__

        async def later() -> object:
            return ask(origin, request)

        return later()


class AskedForFuture(Asked):
    """Not even a coroutine, only something to wait for."""

    def __call__(self, origin: str, request: HttpRequest) -> object:
        answer = super().__call__(origin, request)

        class Later:
            def __await__(self) -> Any:
                yield from asyncio.sleep(0).__await__()
                return answer

        return Later()


@pytest.fixture(params=[Asked, AskedAsync, AskedForAwaitable, AskedForFuture])
def asked(request: pytest.FixtureRequest, settings: Any) -> Callable[..., Asked]:
    """``asked(answer)``: a policy whose function gives that answer, of every kind there is."""

    def install(answer: object, **policy: Any) -> Asked:
        func: Asked = request.param(answer)
        policy = {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True, **policy}
        settings.CORS_POLICIES = {"default": {**policy, "ALLOW_ORIGIN_FUNC": func}}
        return func

    return install


Install = Callable[..., Asked]


def test_func_allows(asked: Install, send: Send) -> None:
    func = asked(True)
    preflight = send("OPTIONS", "/hello/", STRANGER_PREFLIGHT)
    response = send("GET", "/hello/", {"Origin": STRANGER})
    for answer in (preflight, response):
        assert (answer[ORIGIN], answer[CREDENTIALS]) == (STRANGER, "true")
    assert preflight.status_code == 204
    assert func.origins == [STRANGER, STRANGER]
    assert func.paths == ["/hello/", "/hello/"]


class LikeTrue:
    """As ``numpy.bool_`` does: equal to True, and another object."""

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return other is True

    __hash__ = None  # type: ignore[assignment]


def test_func_refuses(asked: Install, send: Send, caplog: pytest.LogCaptureFixture) -> None:
    asked(False)
    assert send("OPTIONS", "/hello/", STRANGER_PREFLIGHT).status_code == 403
    response = send("GET", "/hello/", {"Origin": STRANGER})
    assert (response.status_code, response.has_header(ORIGIN)) == (200, False)
    assert response[VARY] == "Origin"
    assert logged(caplog) == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, "NoneType"),
        (0, "int"),
        (1, "int"),
        ("", "str"),
        ("false", "str"),
        ({"allowed": False}, "dict"),
        (re.match("a", "a"), "Match"),
        ((item for item in ()), "generator"),
        (LikeTrue(), "LikeTrue"),
        (type("T" * 1000, (), {})(), "T" * 100),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else type(value).__name__,
)
def test_only_true_allows(
    asked: Install, send: Send, caplog: pytest.LogCaptureFixture, answer: object, kind: str
) -> None:
    asked(answer)
    for _ in range(3):
        assert send("OPTIONS", "/hello/", STRANGER_PREFLIGHT).status_code == 403
        assert not send("GET", "/hello/", {"Origin": STRANGER}).has_header(ORIGIN)
    # Once, however many requests come.
    assert logged(caplog) == [
        f"ALLOW_ORIGIN_FUNC of the CORS policy 'default' returned a value of type {kind}; the "
        "origin is refused. Return True to allow an origin and False to refuse it."
    ]


def test_each_policy_is_told_what_its_function_returns(
    settings: Any, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    """What strangers send, and how often, does not lengthen the log."""

    def echo(origin: str, request: HttpRequest) -> object:
        return origin if request.path == "/hello/" else [origin]

    policy = {"ALLOW_ORIGIN_FUNC": echo}
    settings.CORS_POLICIES = {"default": policy, "other": {**policy, "PATHS": ["/other/"]}}
    for number in range(20):
        for path in ("/hello/", "/missing/", "/other/"):
            response = send("GET", path, {"Origin": f"https://{number}.example"})
            assert not response.has_header(ORIGIN)
    records = logged(caplog)
    assert len(records) == 3
    assert not any(".example" in record for record in records)
    assert [("'other'" in record, "type list" in record) for record in records] == [
        (False, False),
        (False, True),
        (True, True),
    ]


def test_only_true_allows_in_rehearsal(
    asked: Install, settings: Any, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    asked("yes")
    rehearsal = settings.CORS_POLICIES["default"]
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": [STRANGER], "REPORT_ONLY": rehearsal}}
    with caplog.at_level(logging.INFO, logger="django_cors_policy"):
        for _ in range(3):
            assert send("GET", "/hello/", {"Origin": STRANGER})[ORIGIN] == STRANGER
    wrong_answer, refusal = logged(caplog)
    assert "type str; the origin would be refused by its" in wrong_answer
    assert "has no similar entry" in refusal


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "django_cors_policy"]


def test_func_that_raises_refuses(
    asked: Install, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    """The view's answer is not lost, and the log says why nobody may read it."""
    asked(RuntimeError("the partners' register is down"))
    with caplog.at_level(logging.ERROR, logger="django_cors_policy"):
        response = send("GET", "/hello/", {"Origin": STRANGER})
        preflight = send("OPTIONS", "/hello/", STRANGER_PREFLIGHT)
    assert (response.status_code, response.content) == (200, b"GET hello")
    assert preflight.status_code == 403
    assert not response.has_header(ORIGIN)
    assert not preflight.has_header(ORIGIN)
    records = [record for record in caplog.records if record.name == "django_cors_policy"]
    assert [record.getMessage() for record in records] == [
        "ALLOW_ORIGIN_FUNC of the CORS policy 'default' raised an exception; the origin is refused."
    ] * 2
    assert all("register is down" in str(record.exc_info) for record in records)


@pytest.mark.parametrize(
    "origin",
    [
        APP,  # the list matched
        None,  # nobody to ask about
        "",
        "https://a.example, https://b.example",
        "https://stranger.example/",
        "https://STRANGER.example",
        "https://stranger.example\x00",
        "https://stränger.example",
        "https://" + "s" * 400,
    ],
)
def test_func_is_not_asked(asked: Install, send: Send, origin: str | None) -> None:
    func = asked(True)
    headers = {} if origin is None else {"Origin": origin}
    send("GET", "/hello/", headers)
    send("OPTIONS", "/hello/", {**headers, "Access-Control-Request-Method": "PUT"})
    assert func.origins == []


def test_func_is_asked_about_null_and_grants_no_credentials(asked: Install, send: Send) -> None:
    func = asked(True)
    response = send("GET", "/hello/", {"Origin": "null"})
    assert func.origins == ["null"]
    assert response[ORIGIN] == "null"
    assert not response.has_header(CREDENTIALS)


def test_sync_func_is_kept_off_the_event_loop(settings: Any) -> None:
    """It may query the database."""
    func = Asked(True)
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": func}}

    async def get() -> int:
        response = await AsyncClient().get("/async/", headers={"Origin": STRANGER})
        assert response[ORIGIN] == STRANGER
        return threading.get_ident()

    # asyncio.run() in a thread of its own, for the main thread is where asgiref sends sync code.
    loops: list[int] = []
    thread = threading.Thread(target=lambda: loops.append(asyncio.run(get())))
    thread.start()
    thread.join()
    assert func.threads
    assert func.threads.isdisjoint(loops)


@pytest.mark.parametrize(
    "wrap", [functools.partial, lambda func: func.__call__], ids=["partial", "method"]
)
def test_async_func_in_disguise(settings: Any, send: Send, wrap: Callable[..., Any]) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": wrap(AskedAsync(True))}}
    assert send("GET", "/hello/", {"Origin": STRANGER})[ORIGIN] == STRANGER


# -- DEBUG ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", [STRANGER, "<script>alert(1)</script>", "https://ü.example", "x\r\ny: z", "x" * 5000]
)
def test_debug_explains_a_refused_preflight(settings: Any, send: Send, origin: str) -> None:
    settings.DEBUG = True
    response = send("OPTIONS", "/hello/", {**PREFLIGHT, "Origin": origin})
    assert response.status_code == 403
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Length"] == str(len(response.content))
    body = response.content.decode()
    assert repr(origin[:200]) in body
    assert "'default'" in body
    assert "CORS_POLICIES['default']" in body
    assert len(body) < 2000


def test_debug_says_nothing_to_an_allowed_preflight(settings: Any, send: Send) -> None:
    settings.DEBUG = True
    response = send("OPTIONS", "/hello/", PREFLIGHT)
    assert (response.status_code, response.content) == (204, b"")


def test_without_debug_a_refusal_is_empty(send: Send) -> None:
    response = send("OPTIONS", "/hello/", STRANGER_PREFLIGHT)
    assert (response.content, response["Content-Length"]) == (b"", "0")
    assert not response.has_header("Content-Type")


# -- Vary -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vary", ["Cookie", "Accept-Language, Cookie", "origin", "*", "Cookie, *", " Cookie ,X-A", ""]
)
def test_vary_is_merged_as_django_does(vary: str) -> None:
    expected = HttpResponse(headers={"Vary": vary})
    patch_vary_headers(expected, ["Origin"])
    middleware = CorsPolicyMiddleware(lambda request: HttpResponse(headers={"vary": vary}))
    for _ in range(2):  # worked out once, and remembered
        response = middleware(RequestFactory().get("/"))
        assert response["Vary"] == expected["Vary"]


# -- What most requests take ----------------------------------------------------------------------


@pytest.mark.parametrize(("origin", "allowed"), [(APP, True), (STRANGER, False)])
def test_one_policy_and_no_decorators(
    send: Send, monkeypatch: pytest.MonkeyPatch, origin: str, allowed: bool
) -> None:
    """Nothing has to be looked up then. (This process has imported decorated views.)"""
    monkeypatch.setattr(decorators, "any_view_decorated", False)
    response = send("GET", "/hello/", {"Origin": origin})
    assert response.has_header(ORIGIN) == allowed
    assert response[VARY] == "Origin"


def test_credentials_beside_a_views_own_origin_are_its_own() -> None:
    headers = {ORIGIN: "https://own.example", CREDENTIALS: "true"}
    middleware = CorsPolicyMiddleware(lambda request: HttpResponse(headers=headers))
    response = middleware(RequestFactory().get("/hello/", headers={"origin": APP}))
    assert (response[ORIGIN], response[CREDENTIALS]) == ("https://own.example", "true")


def test_it_does_not_start_without_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", "django.contrib.admin".__eq__)
    with pytest.raises(ImproperlyConfigured, match="Add 'django_cors_policy' to INSTALLED_APPS"):
        CorsPolicyMiddleware(lambda request: None)
