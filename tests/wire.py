"""What goes over the wire, written once and sent through every transport.

A case says which policies there are, what a browser sends, and every header of the answer that CORS
or a cache looks at. A header that the case does not name must not be there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.utils.decorators import sync_and_async_middleware

APP = "https://app.example.com"
STRANGER = "https://stranger.example"

ORIGIN = "Access-Control-Allow-Origin"
CREDENTIALS = "Access-Control-Allow-Credentials"
METHODS = "Access-Control-Allow-Methods"
HEADERS = "Access-Control-Allow-Headers"
MAX_AGE = "Access-Control-Max-Age"
EXPOSE = "Access-Control-Expose-Headers"
PRIVATE_NETWORK = "Access-Control-Allow-Private-Network"
VARY = "Vary"

VARY_PREFLIGHT = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
DEFAULT_METHODS = "GET, HEAD, POST, DELETE, OPTIONS, PATCH, PUT"
DEFAULT_HEADERS = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
DEFAULT_MAX_AGE = "3600"

# What an allowed preflight answers under the defaults, but for the origin.
DEFAULTS = {
    METHODS: DEFAULT_METHODS,
    HEADERS: DEFAULT_HEADERS,
    MAX_AGE: DEFAULT_MAX_AGE,
    VARY: VARY_PREFLIGHT,
}
REFUSED = {VARY: VARY_PREFLIGHT}


@dataclass(frozen=True)
class Case:
    """``policies`` is ``CORS_POLICIES``, ``headers`` the request's; ``answer`` is all that CORS and
    caches read of the response.
    """

    name: str
    policies: Mapping[str, Any]
    method: str
    headers: Mapping[str, str]
    status: int
    answer: Mapping[str, str]
    path: str = "/hello/"
    async_path: str = ""  # where a view has to answer in another way under ASGI


@dataclass(frozen=True)
class Seen:
    """A response as a browser sees it. ``headers`` holds the names in the case of the wire."""

    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes

    @property
    def answer(self) -> dict[str, str]:
        """What CORS and caches read. Headers sent twice show as a list that no case expects."""
        seen: dict[str, Any] = {}
        for name, value in self.headers:
            if name.lower().startswith("access-control-") or name.lower() == "vary":
                key = name.title()
                seen[key] = value if key not in seen else [seen[key], value]
        return seen


def preflight(
    name: str,
    policy: Mapping[str, Any],
    answer: Mapping[str, str],
    *,
    origin: str = APP,
    method: str = "PUT",
    headers: str | None = None,
    status: int = 204,
    private_network: bool = False,
    path: str = "/hello/",
) -> Case:
    sent = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        sent["Access-Control-Request-Headers"] = headers
    if private_network:
        sent["Access-Control-Request-Private-Network"] = "true"
    return Case(f"preflight-{name}", {"default": policy}, "OPTIONS", sent, status, answer, path)


def actual(
    name: str,
    policy: Mapping[str, Any],
    answer: Mapping[str, str],
    *,
    origin: str | None = APP,
    method: str = "GET",
    status: int = 200,
    path: str = "/hello/",
    async_path: str = "",
) -> Case:
    sent = {} if origin is None else {"Origin": origin}
    policies = {"default": policy}
    return Case(f"actual-{name}", policies, method, sent, status, answer, path, async_path)


def yes(origin: str, request: HttpRequest) -> bool:
    return True


ONE = {"ALLOW_ORIGINS": [APP]}
ANY = {"ALLOW_ORIGINS": ["*"]}
WITH_CREDENTIALS = {**ONE, "ALLOW_CREDENTIALS": True}

PROTOCOL_CASES = [
    # -- Preflights of an allowed origin: 204, the full lists, whatever was asked for --------------
    preflight("allowed", ONE, {ORIGIN: APP, **DEFAULTS}),
    preflight("allowed-for-get", ONE, {ORIGIN: APP, **DEFAULTS}, method="GET"),
    # The browser compares, and its console names what is missing.
    preflight("method-not-allowed", ONE, {ORIGIN: APP, **DEFAULTS}, method="PURGE"),
    preflight("header-not-allowed", ONE, {ORIGIN: APP, **DEFAULTS}, headers="x-unknown"),
    preflight("method-is-no-token", ONE, {ORIGIN: APP, **DEFAULTS}, method="G(T"),
    preflight("credentials", WITH_CREDENTIALS, {ORIGIN: APP, CREDENTIALS: "true", **DEFAULTS}),
    preflight("any-origin", ANY, {ORIGIN: "*", **DEFAULTS}, origin=STRANGER),
    preflight("null", {"ALLOW_ORIGINS": ["null"]}, {ORIGIN: "null", **DEFAULTS}, origin="null"),
    preflight(
        # Without the header, an upload with listeners would pass: its method needs no permission.
        "no-methods-are-still-the-safelisted",
        {**ONE, "ALLOW_METHODS": []},
        {ORIGIN: APP, **DEFAULTS, METHODS: "GET, HEAD, POST"},
    ),
    preflight(
        "any-method", {**ONE, "ALLOW_METHODS": ["*"]}, {ORIGIN: APP, **DEFAULTS, METHODS: "*"}
    ),
    preflight(
        "any-method-with-credentials",
        {**WITH_CREDENTIALS, "ALLOW_METHODS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **DEFAULTS, METHODS: "GET, HEAD, POST, PURGE"},
        method="PURGE",
    ),
    preflight(
        "any-method-with-credentials-asked-for-a-safelisted-one",
        {**WITH_CREDENTIALS, "ALLOW_METHODS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **DEFAULTS, METHODS: "GET, HEAD, POST"},
        method="HEAD",
    ),
    preflight(
        "any-method-with-credentials-echoes-no-forbidden-one",
        {**WITH_CREDENTIALS, "ALLOW_METHODS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **DEFAULTS, METHODS: "GET, HEAD, POST"},
        method="TRACE",
    ),
    preflight(
        "any-method-with-credentials-echoes-no-two",
        {**WITH_CREDENTIALS, "ALLOW_METHODS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **DEFAULTS, METHODS: "GET, HEAD, POST"},
        method="PUT, DELETE",
    ),
    preflight(
        # "Authorization" is never covered by a wildcard.
        "any-header",
        {**ONE, "ALLOW_HEADERS": ["*"]},
        {ORIGIN: APP, **DEFAULTS, HEADERS: "*, authorization"},
        headers="x-whatever",
    ),
    preflight(
        "any-header-with-credentials",
        {**WITH_CREDENTIALS, "ALLOW_HEADERS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **DEFAULTS, HEADERS: "content-type,x-whatever"},
        headers="content-type,x-whatever",
    ),
    preflight(
        "any-header-with-credentials-asked-for-none",
        {**WITH_CREDENTIALS, "ALLOW_HEADERS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **{k: v for k, v in DEFAULTS.items() if k != HEADERS}},
    ),
    preflight(
        "any-header-with-credentials-echoes-no-junk",
        {**WITH_CREDENTIALS, "ALLOW_HEADERS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **{k: v for k, v in DEFAULTS.items() if k != HEADERS}},
        headers="x-a; <script>",
    ),
    preflight(
        "any-header-with-credentials-echoes-no-novel",
        {**WITH_CREDENTIALS, "ALLOW_HEADERS": ["*"]},
        {ORIGIN: APP, CREDENTIALS: "true", **{k: v for k, v in DEFAULTS.items() if k != HEADERS}},
        headers=",".join(f"x-{number}" for number in range(1000)),
    ),
    preflight(
        "no-headers",
        {**ONE, "ALLOW_HEADERS": []},
        {ORIGIN: APP, **{k: v for k, v in DEFAULTS.items() if k != HEADERS}},
        headers="content-type",
    ),
    preflight("max-age-0", {**ONE, "MAX_AGE": 0}, {ORIGIN: APP, **DEFAULTS, MAX_AGE: "0"}),
    preflight(
        "max-age-none",
        {**ONE, "MAX_AGE": None},
        {ORIGIN: APP, **{k: v for k, v in DEFAULTS.items() if k != MAX_AGE}},
    ),
    preflight(
        "private-network",
        {**ONE, "ALLOW_PRIVATE_NETWORK": True},
        {ORIGIN: APP, PRIVATE_NETWORK: "true", **DEFAULTS},
        private_network=True,
    ),
    preflight(
        "private-network-not-asked-for",
        {**ONE, "ALLOW_PRIVATE_NETWORK": True},
        {ORIGIN: APP, **DEFAULTS},
    ),
    preflight("private-network-not-allowed", ONE, {ORIGIN: APP, **DEFAULTS}, private_network=True),
    preflight(
        "vary",
        {**ONE, "VARY": ["X-Tenant"]},
        {ORIGIN: APP, **DEFAULTS, VARY: f"{VARY_PREFLIGHT}, x-tenant"},
    ),
    preflight(
        "exposes-nothing-yet", {**ONE, "EXPOSE_HEADERS": ["x-total"]}, {ORIGIN: APP, **DEFAULTS}
    ),
    # -- Refused: 403, no Access-Control-* at all --------------------------------------------------
    preflight("refused", ONE, REFUSED, origin=STRANGER, status=403),
    preflight("refused-with-credentials", WITH_CREDENTIALS, REFUSED, origin=STRANGER, status=403),
    preflight("refused-null", ONE, REFUSED, origin="null", status=403),
    preflight("refused-other-scheme", ONE, REFUSED, origin="http://app.example.com", status=403),
    preflight("refused-other-port", ONE, REFUSED, origin=f"{APP}:8443", status=403),
    preflight("refused-upper-case", ONE, REFUSED, origin="HTTPS://APP.EXAMPLE.COM", status=403),
    preflight("refused-two-origins", ONE, REFUSED, origin=f"{APP}, {APP}", status=403),
    preflight("refused-too-long", ONE, REFUSED, origin=APP + "m" * 10_000, status=403),
    preflight("refused-by-no-origins", {}, REFUSED, status=403),
    preflight(
        "refused-private-network",
        {**ONE, "ALLOW_PRIVATE_NETWORK": True},
        REFUSED,
        origin=STRANGER,
        private_network=True,
        status=403,
    ),
    # -- Actual requests ---------------------------------------------------------------------------
    actual("allowed", ONE, {ORIGIN: APP, VARY: "Origin"}),
    actual("allowed-post", ONE, {ORIGIN: APP, VARY: "Origin"}, method="POST"),
    actual("refused", ONE, {VARY: "Origin"}, origin=STRANGER),
    actual("no-origin", ONE, {VARY: "Origin"}, origin=None),
    actual("any-origin", ANY, {ORIGIN: "*"}),
    actual("any-origin-without-one", ANY, {ORIGIN: "*"}, origin=None),
    actual("any-origin-is-never-echoed", ANY, {ORIGIN: "*"}, origin="https://a, https://b"),
    actual("credentials", WITH_CREDENTIALS, {ORIGIN: APP, CREDENTIALS: "true", VARY: "Origin"}),
    actual("credentials-refused", WITH_CREDENTIALS, {VARY: "Origin"}, origin=STRANGER),
    actual("credentials-no-origin", WITH_CREDENTIALS, {VARY: "Origin"}, origin=None),
    actual(
        "null",
        {"ALLOW_ORIGINS": ["null"]},
        {ORIGIN: "null", VARY: "Origin"},
        origin="null",
    ),
    actual("refused-null", ONE, {VARY: "Origin"}, origin="null"),
    actual(
        "exposes",
        {**ONE, "EXPOSE_HEADERS": ["X-Total", "x-page"]},
        {ORIGIN: APP, EXPOSE: "x-total, x-page", VARY: "Origin"},
    ),
    actual("exposes-all", {**ANY, "EXPOSE_HEADERS": ["*"]}, {ORIGIN: "*", EXPOSE: "*"}),
    actual(
        "exposes-nothing-to-refused",
        {**ONE, "EXPOSE_HEADERS": ["x-total"]},
        {VARY: "Origin"},
        origin=STRANGER,
    ),
    actual(
        "vary",
        {**ONE, "VARY": ["X-Tenant"]},
        {VARY: "Origin, x-tenant"},
        origin=None,
    ),
    actual(
        "wildcard",
        {"ALLOW_ORIGINS": ["https://*.example.com:*"]},
        {ORIGIN: "https://a.b.example.com:8443", VARY: "Origin"},
        origin="https://a.b.example.com:8443",
    ),
    actual(
        "wildcard-is-not-the-apex",
        {"ALLOW_ORIGINS": ["https://*.example.com"]},
        {VARY: "Origin"},
        origin="https://example.com",
    ),
    actual(
        "custom-scheme",
        {"ALLOW_ORIGINS": ["capacitor://localhost"]},
        {ORIGIN: "capacitor://localhost", VARY: "Origin"},
        origin="capacitor://localhost",
    ),
]

# What needs a whole Django around it: other views, errors, other middleware, no policy at all.
DJANGO_CASES = [
    # Any other OPTIONS is an actual request like any other.
    actual("options", ONE, {ORIGIN: APP, VARY: "Origin"}, method="OPTIONS"),
    Case(
        "actual-options-without-origin",
        {"default": ONE},
        "OPTIONS",
        {"Access-Control-Request-Method": "PUT"},
        200,
        {VARY: "Origin"},
    ),
    Case(
        "actual-get-that-looks-like-a-preflight",
        {"default": ONE},
        "GET",
        {"Origin": APP, "Access-Control-Request-Method": "PUT"},
        200,
        {ORIGIN: APP, VARY: "Origin"},
    ),
    # No policy governs the path: request and response are left alone.
    Case(
        "no-policy-options",
        {},
        "OPTIONS",
        {"Origin": APP, "Access-Control-Request-Method": "PUT"},
        200,
        {},
    ),
    Case("no-policy-actual", {}, "GET", {"Origin": APP}, 200, {}),
    Case(
        "no-policy-for-this-path",
        {"public": {**ANY, "PATHS": ["/public/"]}},
        "GET",
        {"Origin": APP},
        200,
        {},
    ),
    Case(
        "policy-of-the-path",
        {"default": ONE, "public": {**ANY, "PATHS": ["/public/"]}},
        "GET",
        {"Origin": STRANGER},
        200,
        {ORIGIN: "*"},
        "/public/hello/",
    ),
    # A preflight needs no view: it is answered before one is looked for.
    preflight("of-no-view", ONE, {ORIGIN: APP, **DEFAULTS}, path="/nowhere/"),
    preflight("before-other-middleware", ONE, {ORIGIN: APP, **DEFAULTS}, path="/members/"),
    # Errors are as readable as success.
    actual("404", ONE, {ORIGIN: APP, VARY: "Origin"}, path="/nowhere/", status=404),
    actual("500", ONE, {ORIGIN: APP, VARY: "Origin"}, path="/fail/", status=500),
    actual("401", ONE, {ORIGIN: APP, VARY: "Origin"}, path="/members/", status=401),
    actual(
        "stream",
        ONE,
        {ORIGIN: APP, VARY: "Origin"},
        path="/stream/",
        async_path="/async-stream/",
    ),
    actual("file", ONE, {ORIGIN: APP, VARY: "Origin"}, path="/file/"),
    actual("async-view", ONE, {ORIGIN: APP, VARY: "Origin"}, path="/async/"),
    actual(
        "vary-merged",
        ONE,
        {ORIGIN: APP, VARY: "Accept-Language, Cookie, Origin"},
        path="/vary/",
    ),
    # "*" says more than any list, and says it alone.
    actual("vary-star", ONE, {ORIGIN: APP, VARY: "*"}, path="/vary-star/"),
    # A view that sets the header itself knows better.
    actual(
        "view-knows-better",
        WITH_CREDENTIALS,
        {ORIGIN: "https://own.example", VARY: "Origin"},
        path="/own-headers/",
    ),
    actual(
        "view-knows-better-than-any-origin",
        ANY,
        {ORIGIN: "https://own.example"},
        path="/own-headers/",
    ),
    actual("stray-credentials", ONE, {ORIGIN: APP, VARY: "Origin"}, path="/stray-credentials/"),
    actual("stray-credentials-any-origin", ANY, {ORIGIN: "*"}, path="/stray-credentials/"),
    # "Never for a refused origin", says the design.
    # Browsers look for Allow-Origin first, and who is not allowed is not to pay for the rest.
    actual(
        "stray-credentials-refused",
        ONE,
        {CREDENTIALS: "true", VARY: "Origin"},
        origin=STRANGER,
        path="/stray-credentials/",
    ),
    actual(
        "stray-credentials-without-origin",
        WITH_CREDENTIALS,
        {CREDENTIALS: "true", VARY: "Origin"},
        origin=None,
        path="/stray-credentials/",
    ),
    # ALLOW_ORIGIN_FUNC grants what the policy grants; credentials never to "null".
    actual(
        "func",
        {"ALLOW_ORIGIN_FUNC": yes, "ALLOW_CREDENTIALS": True},
        {ORIGIN: STRANGER, CREDENTIALS: "true", VARY: "Origin"},
        origin=STRANGER,
    ),
    actual(
        "func-null",
        {"ALLOW_ORIGIN_FUNC": yes, "ALLOW_CREDENTIALS": True},
        {ORIGIN: "null", VARY: "Origin"},
        origin="null",
    ),
    preflight(
        "func",
        {"ALLOW_ORIGIN_FUNC": yes, "ALLOW_CREDENTIALS": True, "ALLOW_METHODS": ["*"]},
        {ORIGIN: STRANGER, CREDENTIALS: "true", **DEFAULTS, METHODS: "GET, HEAD, POST, PUT"},
        origin=STRANGER,
    ),
    preflight(
        "func-null",
        {"ALLOW_ORIGIN_FUNC": yes, "ALLOW_CREDENTIALS": True, "ALLOW_METHODS": ["*"]},
        {ORIGIN: "null", **DEFAULTS, METHODS: "*"},
        origin="null",
    ),
]

CASES = [*PROTOCOL_CASES, *DJANGO_CASES]


@sync_and_async_middleware
def unauthorized(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """An inner middleware that answers instead of the view: nobody is a member."""

    def refuse(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(status=401) if request.path_info == "/members/" else None

    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> Any:
            return refuse(request) or await get_response(request)

    else:

        def middleware(request: HttpRequest) -> Any:
            return refuse(request) or get_response(request)

    return middleware


MIDDLEWARE = ["django_cors_policy.middleware.CorsPolicyMiddleware", "tests.wire.unauthorized"]


def send_sync(case: Case) -> Seen:
    client = Client(raise_request_exception=False)
    response = client.generic(case.method, case.path, headers=dict(case.headers))
    return Seen(response.status_code, list(response.items()), response.getvalue())


async def send_async(case: Case) -> Seen:
    client = AsyncClient(raise_request_exception=False)
    path = case.async_path or case.path
    response: Any = await client.generic(case.method, path, headers=dict(case.headers))
    if response.streaming and response.is_async:
        body = b"".join([part async for part in response])
    else:
        body = response.getvalue()
    return Seen(response.status_code, list(response.items()), body)


def send_over_http(case: Case, address: tuple[str, int], *, asgi: bool = False) -> Seen:
    connection = HTTPConnection(*address, timeout=10)
    try:
        path = (asgi and case.async_path) or case.path
        connection.request(case.method, path, headers=dict(case.headers))
        response = connection.getresponse()
        return Seen(response.status, response.getheaders(), response.read())
    finally:
        connection.close()
