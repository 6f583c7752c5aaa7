"""Simulate a call step by step: what the browser sends, and what the server answers.

``browser`` has the browser's rules, and ``server`` finds the responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin

from django.core.handlers.wsgi import WSGIRequest
from django.http.response import HttpResponseBase

from django_cors_policy import browser, fetch
from django_cors_policy.browser import Call, Failure

from .project import setting
from .server import Answer, answer_request, build_request
from .target import Target, read_target

# https://fetch.spec.whatwg.org/#redirect-status
REDIRECTS = (301, 302, 303, 307, 308)
# https://fetch.spec.whatwg.org/#request-body-header-name
BODY_HEADERS = ("content-encoding", "content-language", "content-location", "content-type")
# https://fetch.spec.whatwg.org/#http-redirect-fetch, step 7
MOST_REDIRECTS = 20


@dataclass(frozen=True)
class Message:
    """A request or a response as sent over the network: the first line and the headers."""

    line: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Exchange:
    """A request and its response. ``kind`` is "preflight" or "request". ``failure`` says why the
    browser stops here, and is empty if it continues.
    """

    kind: str
    request: Message
    response: Message
    failure: str = ""


@dataclass(frozen=True)
class Step:
    """A request that the browser sends for a call, with the answer.

    ``kind`` is "preflight" or "request". ``failure`` is None if the browser continues.
    """

    kind: str
    call: Call
    target: Target
    sent: Mapping[str, str]
    request: WSGIRequest
    answer: Answer
    failure: Failure | None

    @property
    def path(self) -> str:
        """The path as URLconfs and ``PATHS`` know it."""
        return self.request.path_info

    @property
    def response(self) -> HttpResponseBase:
        return self.answer.response

    @property
    def location(self) -> Target | None:
        if self.response.status_code not in REDIRECTS or "Location" not in self.response:
            return None
        url = urljoin(self.target.url, self.response["Location"])
        return replace(read_target(url, self.call.origin), is_guessed=self.target.is_guessed)

    def without(self, middleware: str) -> Step:
        """Return the same step without ``middleware`` in ``MIDDLEWARE``."""
        others = [path for path in setting("MIDDLEWARE") if path != middleware]
        return _ask(self.kind, self.call, self.target, others)

    def as_exchange(self) -> Exchange:
        method = self.request.META["REQUEST_METHOD"]
        request = Message(
            f"{method} {self.target.path_and_query} HTTP/1.1",
            (("Host", self.target.authority), *self.sent.items()),
        )
        response = self.response
        answer = Message(
            f"HTTP/1.1 {response.status_code} {response.reason_phrase}",
            tuple(
                (name, value)
                for name, value in response.items()
                if name.startswith("Access-Control-") or name in {"Vary", "Location"}
            ),
        )
        return Exchange(self.kind, request, answer, self._describe_failure())

    def _describe_failure(self) -> str:
        """The browser's reason, similar to the text in its console."""
        if self.failure is None:
            return ""
        match self.failure.step:
            case browser.ORIGIN:
                return f"No {fetch.ALLOW_ORIGIN} header names {self.call.origin}."
            case browser.WILDCARD_WITH_CREDENTIALS:
                return f"{fetch.ALLOW_ORIGIN} is '*', and the script sends credentials."
            case browser.CREDENTIALS:
                return f"{fetch.ALLOW_CREDENTIALS} is not 'true'."
            case browser.METHOD:
                return f"{fetch.ALLOW_METHODS} does not list {self.failure.what}."
            case browser.HEADER:
                return f"{fetch.ALLOW_HEADERS} does not list {self.failure.what}."
            case browser.REDIRECTS:
                return f"More than {MOST_REDIRECTS} redirects."
        return f"The status of the preflight is {self.response.status_code}, not 2xx."


def play(call: Call, target: Target) -> Iterator[Step]:
    """Yield each request that the browser sends for ``call``, until it stops or has the response.

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
            step = replace(step, failure=Failure(browser.REDIRECTS))
        yield step
        if step.failure is not None or location is None:
            return
        call = _redirected(call, target, location, step.response.status_code)
        target = location
        redirects += 1


def _redirected(call: Call, target: Target, location: Target, status: int) -> Call:
    """Apply https://fetch.spec.whatwg.org/#http-redirect-fetch, steps 11 and 12."""
    if location.origin != target.origin:
        call = replace(call, origin=fetch.NULL)
    if (status in (301, 302) and call.method == "POST") or (
        status == 303 and call.method not in ("GET", "HEAD")
    ):
        headers = tuple(name for name in call.headers if name not in BODY_HEADERS)
        call = replace(call, method="GET", headers=headers, content_type="")
    return call


def _ask(kind: str, call: Call, target: Target, middleware: Sequence[str] | None = None) -> Step:
    is_preflight = kind == "preflight"
    sent: dict[str, str]
    if is_preflight:
        method, sent = "OPTIONS", call.preflight_headers
    else:
        method, sent = call.method, {fetch.ORIGIN: call.origin}
        for name in call.headers:
            if name not in call.dropped_headers:
                sent[name.title()] = (name == "content-type" and call.content_type) or "…"
    request = build_request(target, method, sent)
    middleware = setting("MIDDLEWARE") if middleware is None else middleware
    answer = answer_request(request, middleware, is_preflight=is_preflight)
    headers = dict(answer.response.items())
    if is_preflight:
        failure = browser.check_preflight(call, answer.response.status_code, headers)
    else:
        failure = browser.check_response(call, headers)
    return Step(kind, call, target, sent, request, answer, failure)
