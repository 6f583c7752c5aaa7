"""A call as page, browser and server play it, step by step.

The browser's part is that of ``browser``. The server's is played by the middleware that serves
requests, among those of Django's that redirect, in the order of ``MIDDLEWARE``. No view runs, and
no other middleware: what these would answer is not known here.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseNotFound,
    HttpResponseServerError,
)
from django.http.response import HttpResponseBase
from django.urls import (
    Resolver404,
    ResolverMatch,
    get_script_prefix,
    get_urlconf,
    resolve,
    set_urlconf,
)
from django.utils import translation
from django.utils.module_loading import import_string

from django_cors_policy import browser, checks, fetch
from django_cors_policy.browser import Call, Failure
from django_cors_policy.conf import Ruling, policy_book
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.inspection import ViewInspection
from django_cors_policy.middleware import wrap
from django_cors_policy.origins import DEFAULT_PORTS, guess_origin, split_origin
from django_cors_policy.refusals import Audience
from django_cors_policy.resolution import language_of, rule_actual, rule_preflight

# Middleware that redirects, or answers for CORS beside ours. It is played for what it is, because
# it looks at nothing but request, settings and URLconf.
PLAYED = (
    checks.SECURITY_MIDDLEWARE,
    checks.LOCALE_MIDDLEWARE,
    checks.COMMON_MIDDLEWARE,
    checks.CORSHEADERS_MIDDLEWARE,
)
# https://fetch.spec.whatwg.org/#redirect-status
REDIRECTS = (301, 302, 303, 307, 308)
# https://fetch.spec.whatwg.org/#request-body-header-name
BODY_HEADERS = ("content-encoding", "content-language", "content-location", "content-type")

# https://fetch.spec.whatwg.org/#http-redirect-fetch, step 7
MOST_REDIRECTS = 20

Handler = Callable[[HttpRequest], HttpResponseBase]


@dataclass(frozen=True)
class Message:
    """A request or a response, as it goes over the wire: the first line, then headers."""

    line: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. ``kind`` is "preflight" or "request"; ``failure`` says why the
    browser goes no further, empty if it does.
    """

    kind: str
    request: Message
    response: Message
    failure: str = ""


@dataclass(frozen=True)
class Target:
    """Where a call goes. ``path`` and ``query`` are percent-encoded, ``port`` is ``""`` for the
    scheme's default. ``is_guessed``: only a path was told, and the host is assumed.
    """

    scheme: str
    host: str
    port: str
    path: str
    query: str
    is_guessed: bool = False

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def path_and_query(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path_and_query}"

    @property
    def over_https(self) -> Target:
        """The same over https. Who names a port means another one there; which, nobody knows."""
        return replace(self, scheme="https")

    @property
    def with_slash(self) -> Target:
        return replace(self, path=f"{self.path}/")


def read_target(url: str, page: str) -> Target:
    """The target of a URL, or of a path of this server called by a page on the origin ``page``.

    Raises ``PolicyError``.
    """
    hint = (
        "Write a path such as '/api/orders/', or a URL such as 'https://api.example.com/orders/'."
    )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise PolicyError(url, "is no URL", hint, id="") from None
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=", errors="replace")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=?[]", errors="replace")
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        is_http = page.startswith("http://") and not settings.SECURE_SSL_REDIRECT
        scheme = "http" if is_http else "https"
        return Target(scheme, _own_host(), "", path, query, is_guessed=True)
    # As browsers write it: without the default port, in ASCII.
    origin = guess_origin(f"{parts.scheme}://{parts.netloc}") or ""
    pieces = split_origin(origin)
    if parts.scheme not in DEFAULT_PORTS or pieces is None:
        raise PolicyError(url, "is no URL of a server", hint, id="")
    return Target(*pieces, path, query)


def _own_host() -> str:
    hosts = [host.removeprefix(".") for host in settings.ALLOWED_HOSTS if host != fetch.WILDCARD]
    return hosts[0] if hosts else "localhost" if settings.DEBUG else "this-server.invalid"


class _Request(WSGIRequest):
    def get_host(self) -> str:
        """Not judged by ``ALLOWED_HOSTS``: before a proxy, the name may be another."""
        return str(self.META["HTTP_HOST"])


@dataclass
class Step:
    """A request that the browser sends for a call, and what came of it.

    ``failure`` is why the browser goes no further, None if it does. ``ruling`` and ``match``: the
    policy that governs the request, and where the URLconf leads to; None if there is none.
    ``is_ours``: whether the answer is the one that left our middleware, and not another's that was
    put in its place. ``location``: where a redirect leads.
    """

    kind: str
    call: Call
    target: Target
    request: WSGIRequest
    sent: Mapping[str, str]
    response: HttpResponseBase = field(default_factory=HttpResponse)
    failure: Failure | None = None
    ruling: Ruling | None = None
    match: ResolverMatch | None = None
    ours: HttpResponseBase | None = None

    @property
    def path(self) -> str:
        """The path as URLconfs and ``PATHS`` know it."""
        return self.request.path_info

    @property
    def is_ours(self) -> bool:
        return self.response is self.ours

    @property
    def location(self) -> Target | None:
        if self.response.status_code not in REDIRECTS or "Location" not in self.response:
            return None
        url = urljoin(self.target.url, self.response["Location"])
        return replace(read_target(url, self.call.origin), is_guessed=self.target.is_guessed)

    def without(self, middleware: str) -> Step:
        """The same, were a middleware not there."""
        others = [path for path in settings.MIDDLEWARE if path != middleware]
        return _ask(self.kind, self.call, self.target, others)

    def as_exchange(self) -> Exchange:
        method = self.request.META["REQUEST_METHOD"]
        asked = Message(
            f"{method} {self.target.path_and_query} HTTP/1.1",
            (("Host", self.target.authority), *self.sent.items()),
        )
        response = self.response
        told = Message(
            f"HTTP/1.1 {response.status_code} {response.reason_phrase}",
            tuple(
                (name, value)
                for name, value in response.items()
                if name.startswith("Access-Control-") or name in {"Vary", "Location"}
            ),
        )
        return Exchange(self.kind, asked, told, self._say())

    def _say(self) -> str:
        """The browser's reason, as its console puts it."""
        if self.failure is None:
            return ""
        match self.failure.step:
            case browser.ORIGIN:
                return f"No {fetch.ALLOW_ORIGIN} header that names {self.call.origin}."
            case browser.WILDCARD_WITH_CREDENTIALS:
                return f"{fetch.ALLOW_ORIGIN} is '*', and the script asks with credentials."
            case browser.CREDENTIALS:
                return f"{fetch.ALLOW_CREDENTIALS} is not 'true'."
            case browser.METHOD:
                return f"{fetch.ALLOW_METHODS} has no {self.failure.what}."
            case browser.HEADER:
                return f"{fetch.ALLOW_HEADERS} has no {self.failure.what}."
            case browser.REDIRECTS:
                return f"More than {MOST_REDIRECTS} redirects."
        return f"The preflight's status is {self.response.status_code}, and not ok."


def play(call: Call, target: Target) -> Iterator[Step]:
    """All that the browser sends for ``call``, until it gives up or the script has its answer.

    https://fetch.spec.whatwg.org/#http-fetch
    """
    redirects = 0
    while True:
        if call.is_preflighted:
            step = _ask("preflight", call, target)
            yield step
            if step.failure is not None:
                return
        step = _ask("request", call, target)
        location = step.location
        if location is not None and step.failure is None and redirects >= MOST_REDIRECTS:
            step.failure = browser.Failure(browser.REDIRECTS)
        yield step
        if step.failure is not None or location is None:
            return
        call = _redirected(call, target, location, step.response.status_code)
        target = location
        redirects += 1


def _redirected(call: Call, target: Target, location: Target, status: int) -> Call:
    """https://fetch.spec.whatwg.org/#http-redirect-fetch, steps 11 and 12."""
    if location.origin != target.origin:
        call = replace(call, origin=fetch.NULL)
    if (status in (301, 302) and call.method == "POST") or (
        status == 303 and call.method not in ("GET", "HEAD")
    ):
        headers = tuple(name for name in call.headers if name not in BODY_HEADERS)
        call = replace(call, method="GET", headers=headers, content_type="")
    return call


def find_view(call: Call, target: Target) -> ResolverMatch | None:
    """Where the URLconf leads to, whether or not anything is sent."""
    with _as_a_request_begins(), contextlib.suppress(Resolver404):
        request = _build_request(target, call.method, {})
        with translation.override(language_of(request) or settings.LANGUAGE_CODE):
            return resolve(request.path_info)
    return None


def _ask(kind: str, call: Call, target: Target, middleware: Sequence[str] | None = None) -> Step:
    sent: dict[str, str]
    if kind == "preflight":
        method, sent = "OPTIONS", call.preflight_headers
    else:
        method, sent = call.method, {fetch.ORIGIN: call.origin}
        for name in call.headers:
            if name not in call.dropped_headers:
                sent[name.title()] = (name == "content-type" and call.content_type) or "…"
    step = Step(kind, call, target, _build_request(target, method, sent), sent)
    with _as_a_request_begins():
        serve = _build_server(step, settings.MIDDLEWARE if middleware is None else middleware)
        step.response = serve(step.request)
        if checks.has_middleware():
            if kind == "preflight":
                step.ruling = rule_preflight(policy_book(), step.request)
            else:
                status = step.response.status_code
                step.ruling = rule_actual(policy_book(), step.request, step.path, status)
    headers = dict(step.response.items())
    if kind == "preflight":
        step.failure = browser.check_preflight(call, step.response.status_code, headers)
    else:
        step.failure = browser.check_response(call, headers)
    return step


def _build_request(target: Target, method: str, headers: Mapping[str, str]) -> WSGIRequest:
    prefix = get_script_prefix()
    path = target.path
    if path.startswith(prefix):
        path = f"/{path.removeprefix(prefix)}"
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": prefix.rstrip("/"),
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": target.query,
        "SERVER_NAME": target.host,
        "SERVER_PORT": target.port or DEFAULT_PORTS[target.scheme],
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": target.authority,
        "wsgi.url_scheme": target.scheme,
        "wsgi.input": io.BytesIO(),
    }
    # A proxy takes it from whoever sends it, and says itself how it was asked.
    of_proxy = (settings.SECURE_PROXY_SSL_HEADER or ("",))[0]
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        if f"HTTP_{key}" == of_proxy:
            continue
        if key == "CONTENT_TYPE":
            # Without parameters, which Django would parse.
            environ[key] = value.partition(";")[0]
        else:
            environ[f"HTTP_{key}"] = value
    return _Request(environ)


@contextlib.contextmanager
def _as_a_request_begins() -> Iterator[None]:
    """Whoever asks for an explanation may be in the middle of another request."""
    urlconf = get_urlconf()
    set_urlconf(settings.ROOT_URLCONF)
    try:
        with translation.override(settings.LANGUAGE_CODE):
            yield
    finally:
        set_urlconf(urlconf)


def _build_server(step: Step, middleware: Sequence[str]) -> Handler:
    def view(request: HttpRequest) -> HttpResponseBase:
        """What comes from behind the middleware, as far as can be told without running a view."""
        try:
            step.match = request.resolver_match = resolve(request.path_info)
        except Resolver404:
            return HttpResponseNotFound()
        methods = ViewInspection(step.match.func).methods
        if methods and request.method not in methods:
            return HttpResponseNotAllowed(methods)
        return HttpResponse()

    handler: Handler = view
    for path in reversed(middleware):
        if checks.is_middleware(path, checks.MIDDLEWARE):
            handler = _build_ours(handler, step)
        for known in PLAYED:
            if checks.is_middleware(path, known):
                handler = import_string(known)(handler)
        if checks.is_middleware(path, checks.COMMON_MIDDLEWARE):
            handler = _without_debug_page(handler)
    return handler


def _build_ours(handler: Handler, step: Step) -> Handler:
    # Nobody is told: this is no visitor.
    ours = wrap(handler, is_debug=False, audience=Audience())

    def handle(request: HttpRequest) -> HttpResponseBase:
        step.ours = ours(request)
        return step.ours

    return handle


def _without_debug_page(handler: Handler) -> Handler:
    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            return handler(request)
        except RuntimeError:  # under DEBUG: the redirect to the slash would lose a body
            return HttpResponseServerError()

    return handle
