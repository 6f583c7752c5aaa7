"""The response of this project to a request, found without running a view.

The request goes through the CORS middleware and Django's middleware that redirects, in the order of
``MIDDLEWARE``. Views and other middleware do not run, so their responses are unknown.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

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

from django_cors_policy.inspection import ViewInspection
from django_cors_policy.middleware import wrap
from django_cors_policy.middleware_list import (
    COMMON,
    CORSHEADERS,
    LOCALE,
    OURS,
    SECURITY,
    is_middleware,
)
from django_cors_policy.origins import DEFAULT_PORTS
from django_cors_policy.policy import Ruling
from django_cors_policy.resolution import language_of, rule_actual, rule_preflight

from .project import Changed, project_book, uses
from .target import Target

# Other middleware that redirects or adds CORS headers. It is safe to run, because it reads only the
# request, settings and the URLconf.
PLAYED = (SECURITY, LOCALE, COMMON, CORSHEADERS)

Handler = Callable[[HttpRequest], HttpResponseBase]


@dataclass(frozen=True)
class Answer:
    """The response to a request, and the reason for it.

    ``ruling`` is the policy that governs the request, ``match`` its match in the URLconf; each may
    be None. ``is_ours``: whether the response comes from our middleware, and no middleware above
    replaced it.
    """

    response: HttpResponseBase
    ruling: Ruling | None
    match: ResolverMatch | None
    is_ours: bool


def answer_request(
    request: WSGIRequest, middleware: Sequence[str], *, is_preflight: bool
) -> Answer:
    """Return the answer that this project gives with ``middleware`` as its ``MIDDLEWARE``."""
    path = request.path_info
    with _as_a_request_begins():
        server = _Server(middleware)
        response = server.handle(request)
        ruling = None
        if uses() and is_preflight:
            ruling = rule_preflight(project_book(), request)
        elif uses():
            ruling = rule_actual(project_book(), request, path, response.status_code)
    return Answer(response, ruling, server.match, response is server.ours)


class _Server:
    """The middleware that runs, around a placeholder for the project's views."""

    def __init__(self, middleware: Sequence[str]) -> None:
        self.match: ResolverMatch | None = None
        self.ours: HttpResponseBase | None = None
        self.handle: Handler = self._view
        for path in reversed(middleware):
            if is_middleware(path, OURS):
                # A simulated request must not appear in logs and reports.
                ours = wrap(
                    self.handle,
                    is_debug=False,
                    is_logged=False,
                    is_recorded=False,
                    books=Changed(book=project_book()),
                )
                self.handle = functools.partial(self._remember, ours)
            for known in PLAYED:
                if is_middleware(path, known):
                    self.handle = import_string(known)(self.handle)
            if is_middleware(path, COMMON):
                self.handle = functools.partial(_without_debug_page, self.handle)

    def _view(self, request: HttpRequest) -> HttpResponseBase:
        """Return an empty response with the status that is known without running the view."""
        try:
            self.match = request.resolver_match = resolve(request.path_info)
        except Resolver404:
            return HttpResponseNotFound()
        methods = ViewInspection(self.match.func).methods
        if methods and request.method not in methods:
            return HttpResponseNotAllowed(methods)
        return HttpResponse()

    def _remember(self, ours: Handler, request: HttpRequest) -> HttpResponseBase:
        self.ours = ours(request)
        return self.ours


def _without_debug_page(handler: Handler, request: HttpRequest) -> HttpResponseBase:
    try:
        return handler(request)
    except RuntimeError:  # CommonMiddleware under DEBUG: a redirect would lose the body
        return HttpResponseServerError()


def find_view(target: Target) -> ResolverMatch | None:
    """Return the match of ``target`` in the URLconf, as a GET; None if there is none."""
    with _as_a_request_begins(), contextlib.suppress(Resolver404):
        request = build_request(target, "GET", {})
        with translation.override(language_of(request) or settings.LANGUAGE_CODE):
            return resolve(request.path_info)
    return None


class _Request(WSGIRequest):
    def get_host(self) -> str:
        """Skip the check of ``ALLOWED_HOSTS``: a proxy may change the host name."""
        return str(self.META["HTTP_HOST"])


def build_request(target: Target, method: str, headers: Mapping[str, str]) -> WSGIRequest:
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
    # Proxies overwrite this header, so a script cannot set it.
    of_proxy = (settings.SECURE_PROXY_SSL_HEADER or ("",))[0]
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        if f"HTTP_{key}" == of_proxy:
            continue
        if key == "CONTENT_TYPE":
            # Without parameters, because Django would parse them.
            environ[key] = value.partition(";")[0]
        else:
            environ[f"HTTP_{key}"] = value
    return _Request(environ)


@contextlib.contextmanager
def _as_a_request_begins() -> Iterator[None]:
    """Reset the URLconf and the language: the caller may be handling another request."""
    urlconf = get_urlconf()
    set_urlconf(settings.ROOT_URLCONF)
    try:
        with translation.override(settings.LANGUAGE_CODE):
            yield
    finally:
        set_urlconf(urlconf)
