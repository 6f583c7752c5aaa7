"""Why a call from another origin is blocked, and what would let it through.

The browser's part is played against the very middleware that serves requests: the preflight, the
request, and what the script may read. Everything else here puts that into words: for a terminal,
a page of the admin, or a script.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotFound,
    HttpResponsePermanentRedirect,
)
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, get_script_prefix, resolve
from django.utils import translation
from django.utils.http import is_same_domain

from . import browser, checks, fetch, reasons, sources
from .browser import Call, Failure
from .conf import Ruling, policy_book
from .decorators import DecoratorPlace
from .exceptions import PolicyError, PolicyErrors
from .inspection import name_of
from .middleware import wrap
from .origins import DEFAULT_PORTS, Entry, split_origin
from .policy import DEFAULTS, Policy, compile_policy, parse_entry
from .refusals import Audience
from .resolution import language_of, rule_actual, rule_preflight
from .sites import is_loopback, registrable_domain

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


@dataclass(frozen=True)
class Fix:
    """What to change. ``where``: "settings" (Python lines that stand at its end), "shell",
    "decorator" (the view's), "script" (the page's) or "server".
    """

    where: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that blocks, or that may surprise. ``code`` is its name for scripts."""

    code: str
    text: str
    fixes: tuple[Fix, ...] = ()


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
class Explanation:
    """What becomes of a call, and why.

    ``causes`` block it, the true one first; ``notes`` do not, and matter all the same.
    ``may_send``: whether the request itself is sent (a preflight that fails prevents it);
    ``may_read``: whether the script sees the answer. ``row``: the primary key of the row that
    allows the origin.
    """

    call: Call
    url: str
    path: str
    view: str
    policy: str
    because_of: str
    preflight_needed_for: tuple[str, ...]
    allowed_by: str
    row: int | None
    exchanges: tuple[Exchange, ...]
    may_send: bool
    may_read: bool
    readable_headers: tuple[str, ...]
    cookies: str
    causes: tuple[Finding, ...]
    notes: tuple[Finding, ...] = field(default=())

    @property
    def is_allowed(self) -> bool:
        """Whether the call does what its author meant: nothing blocks it."""
        return not self.causes

    @property
    def verdict(self) -> str:
        """The outcome in a sentence."""
        if self.is_allowed:
            return "Allowed: the request is sent, and the script may read the answer."
        if self.may_read:
            return "Blocked: the request does not reach the view as it was meant."
        if self.may_send:
            return "Blocked: the request is sent, and the script may not read the answer."
        return "Blocked: the browser does not send the request."

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "is_allowed": self.is_allowed, "verdict": self.verdict}


def explain(
    origin: str,
    method: str,
    url: str,
    *,
    headers: Iterable[str] = (),
    content_type: str = "",
    credentials: bool = False,
) -> Explanation:
    """What becomes of a call by a script of a page on ``origin``.

    ``url`` is the whole URL that the script calls, or a path of this server; ``headers`` names the
    request headers that the script sets.

    Raises ``PolicyError`` if ``origin``, ``method``, ``url`` or a header's name is none, and
    ``PolicyErrors`` if ``CORS_POLICIES`` is wrong.
    """
    notes: list[Finding] = []
    meant = _read_origin(origin)
    if meant != origin:
        text = f"{origin!r} is no origin; it was taken for {meant!r}."
        notes.append(Finding("taken-for", text))
    call = Call.of(meant, method, headers, content_type, credentials=credentials)
    for name in (call.method, *call.headers):
        if not fetch.is_token(name):
            raise PolicyError(name, "is no method or header name", "Write one word.", id="")
    return _Conversation(call, _read_target(url, meant), notes).explain()


def _read_origin(text: str) -> str:
    if text == fetch.NULL or split_origin(text) is not None:
        return text
    suggestion = reasons.suggest(text)
    if suggestion is None or "*" in suggestion:
        hint = "Write what location.origin shows in the browser's console."
        raise PolicyError(text, "is no origin", hint, id="")
    return suggestion


@dataclass(frozen=True)
class _Target:
    """Where the call goes. ``is_guessed``: only a path was told, and the host is assumed."""

    scheme: str
    host: str
    port: str
    path: str
    query: str
    is_guessed: bool

    @property
    def origin(self) -> str:
        port = f":{self.port}" if self.port and self.port != DEFAULT_PORTS[self.scheme] else ""
        return f"{self.scheme}://{self.host}{port}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")


def _read_target(url: str, origin: str) -> _Target:
    hint = (
        "Write a path such as '/api/orders/', or a URL such as 'https://api.example.com/orders/'."
    )
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError:
        raise PolicyError(url, "is no URL", hint, id="") from None
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        scheme = "http" if origin.startswith("http://") else "https"
        host = next((host for host in settings.ALLOWED_HOSTS if host[:1] not in ".*"), "")
        if not host:
            host = "localhost" if settings.DEBUG else "this-server.invalid"
        return _Target(scheme, host, "", parts.path, parts.query, is_guessed=True)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise PolicyError(url, "is no URL of a server", hint, id="")
    return _Target(parts.scheme, parts.hostname, port, parts.path or "/", parts.query, False)


class _Conversation:
    """Page, browser and server, played through once."""

    def __init__(self, call: Call, target: _Target, notes: list[Finding]) -> None:
        self.call = call
        self.target = target
        self.notes = notes
        self.causes: list[Finding] = []
        self.exchanges: list[Exchange] = []
        self.ruling: Ruling | None = None
        self.match: ResolverMatch | None = None
        self.has_middleware = checks.has_middleware()
        self.may_read = False
        self.may_send = True
        self.answer: Mapping[str, str] = {}

    @property
    def path(self) -> str:
        """The path as URLconfs and ``PATHS`` know it."""
        prefix = get_script_prefix()
        path = unquote(self.target.path)
        return f"/{path.removeprefix(prefix)}" if path.startswith(prefix) else path

    def explain(self) -> Explanation:
        call, target = self.call, self.target
        if not target.is_guessed and target.origin == call.origin:
            return self._tell_same_origin()
        if self._look_at_script() and self._look_at_redirect_to_https():
            preflight = call.is_preflighted
            if not preflight or self._play_preflight():
                self._play_request()
        self._look_at_middleware()
        self._look_at_csrf()
        cookies = self._judge_cookies()
        return self._tell(cookies)

    # -- What the browser does before it asks anyone.

    def _look_at_script(self) -> bool:
        call, target = self.call, self.target
        if fetch.is_forbidden_method(call.method):
            text = f"No script may use the method {call.method}: fetch() throws a TypeError."
            self._block("forbidden-method", text, may_send=False)
            return False
        if (
            call.origin.startswith("https://")
            and target.scheme == "http"
            and not is_loopback(target.host)
        ):
            text = (
                f"The page came over https and calls {target.origin}, which is http: browsers "
                "block it as mixed content before CORS is asked."
            )
            better = target.url.replace("http://", "https://", 1)
            self._block("mixed-content", text, Fix("script", (better,)), may_send=False)
            return False
        for name in call.dropped_headers:
            text = f"No script can set the header {name!r}: browsers leave it out without a word."
            self.notes.append(Finding("forbidden-header", text))
        upper = call.method.upper()
        if call.method != upper and upper in fetch.WELL_KNOWN_METHODS:
            text = (
                f"The method is written {call.method!r}. Browsers put only some methods into upper "
                f"case, and a server knows no {call.method!r}."
            )
            fix = Fix("script", (f'method: "{upper}"',))
            self._block("method-case", text, fix, may_send=False)
            return False
        return True

    def _look_at_redirect_to_https(self) -> bool:
        """Whether the call gets past ``SECURE_SSL_REDIRECT``."""
        target = self.target
        if (
            target.is_guessed
            or target.scheme != "http"
            or not settings.SECURE_SSL_REDIRECT
            or not checks.has_middleware(checks.SECURITY_MIDDLEWARE)
        ):
            return True
        better = target.url.replace("http://", "https://", 1)
        text = f"SECURE_SSL_REDIRECT sends {target.url} to {better}. "
        is_stopped = self.call.is_preflighted and checks.stands_outside(checks.SECURITY_MIDDLEWARE)
        if is_stopped:
            text += "Browsers follow no redirect of a preflight."
        else:
            text += "After a redirect to another origin, browsers send Origin: null."
        self._block("https-redirect", text, Fix("script", (better,)), may_send=not is_stopped)
        return False

    # -- What the server answers.

    def _play_preflight(self) -> bool:
        call = self.call
        request = self._request("OPTIONS", call.preflight_headers)
        if self.has_middleware:
            self.ruling = rule_preflight(policy_book(), request)
        response = self._respond(request)
        failure = browser.check_preflight(call, response.status_code, _cors_headers(response))
        said = self._say(failure, response) if failure is not None else ""
        self._note_exchange("preflight", request, response, said)
        if failure is None:
            return True
        self._block_by(failure, said, may_send=False)
        return False

    def _play_request(self) -> None:
        call = self.call
        headers = {fetch.ORIGIN: call.origin}
        for name in call.headers:
            if name not in call.dropped_headers:
                headers[name.title()] = call.content_type if name == "content-type" else "..."
        request = self._request(call.method, headers)
        response = self._respond(request)
        if self.has_middleware:
            ruling = rule_actual(policy_book(), request, self.path, response.status_code)
            self.ruling = ruling
        self.answer = _cors_headers(response)
        failure = browser.check_response(call, self.answer)
        said = self._say(failure, response) if failure is not None else ""
        self._note_exchange("request", request, response, said)
        if failure is not None:
            self._block_by(failure, said, may_send=True)
            return
        self.may_read = True
        self._look_at_status(response)

    def _look_at_status(self, response: HttpResponseBase) -> None:
        if response.status_code == 404:
            text = f"No view has the path {self.path}: the script may read a 404."
            self.notes.append(Finding("not-found", text))
        elif response.status_code == 301:
            better = f"{self.target.path}/"
            fix = Fix("script", (self.target.url.replace(self.target.path, better, 1),))
            text = f"APPEND_SLASH sends {self.path} to {self.path}/. "
            if self.call.method in ("GET", "HEAD"):
                text += "Browsers follow, after another preflight if one is needed."
                self.notes.append(Finding("append-slash", text, (fix,)))
            else:
                text += "A redirect loses the body: browsers repeat a POST as GET, and with DEBUG "
                text += "Django answers 500."
                self._block("append-slash", text, fix, may_send=True)

    def _respond(self, request: WSGIRequest) -> HttpResponseBase:
        if not self.has_middleware:
            return self._answer(request)
        # The same middleware, but nobody is told: this is no visitor.
        return wrap(self._answer, is_debug=False, audience=Audience())(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        """What comes from behind the middleware, as far as can be told without running a view."""
        language = language_of(request)
        with translation.override(language or translation.get_language()):
            try:
                request.resolver_match = resolve(self.path)
            except Resolver404:
                try:
                    resolve(f"{self.path}/")
                except Resolver404:
                    return HttpResponseNotFound()
                if settings.APPEND_SLASH and checks.has_middleware(checks.COMMON_MIDDLEWARE):
                    return HttpResponsePermanentRedirect(f"{self.path}/")
                return HttpResponseNotFound()
        self.match = request.resolver_match
        return HttpResponse()

    def _request(self, method: str, headers: Mapping[str, str]) -> WSGIRequest:
        target = self.target
        port = target.port or DEFAULT_PORTS[target.scheme]
        host = target.origin.partition("://")[2]
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": get_script_prefix().rstrip("/"),
            "PATH_INFO": self.path.encode().decode("latin-1"),
            "QUERY_STRING": target.query,
            "SERVER_NAME": target.host,
            "SERVER_PORT": port,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": host,
            "wsgi.url_scheme": target.scheme,
            "wsgi.input": io.BytesIO(),
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return WSGIRequest(environ)

    def _note_exchange(
        self, kind: str, request: WSGIRequest, response: HttpResponseBase, failure: str
    ) -> None:
        method = request.META["REQUEST_METHOD"]
        headers = [("Host", request.META["HTTP_HOST"])]
        if kind == "preflight":
            headers += self.call.preflight_headers.items()
        else:
            headers.append((fetch.ORIGIN, self.call.origin))
            if self.call.content_type:
                headers.append(("Content-Type", self.call.content_type))
            headers += [
                (name.title(), "…")
                for name in self.call.headers
                if name != "content-type" and name not in self.call.dropped_headers
            ]
        query = f"?{self.target.query}" if self.target.query else ""
        asked = Message(f"{method} {self.target.path}{query} HTTP/1.1", tuple(headers))
        line = f"HTTP/1.1 {response.status_code} {response.reason_phrase}"
        shown = [
            (name, value)
            for name, value in response.items()
            if name.startswith("Access-Control-") or name in {"Vary", "Location"}
        ]
        self.exchanges.append(Exchange(kind, asked, Message(line, tuple(shown)), failure))

    # -- What blocks, and what to change.

    def _block(self, code: str, text: str, *fixes: Fix, may_send: bool) -> None:
        self.may_send = self.may_send and may_send
        self.causes.append(Finding(code, text, fixes))

    def _block_by(self, failure: Failure, said: str, *, may_send: bool) -> None:
        self.may_send = self.may_send and may_send
        self.causes.append(self._cause(failure, said))

    def _cause(self, failure: Failure, said: str) -> Finding:
        if not self.has_middleware:
            text = f"{checks.MIDDLEWARE!r} is not in MIDDLEWARE, so nobody answers for CORS."
            fix = Fix("settings", (f'MIDDLEWARE = ["{checks.MIDDLEWARE}", *MIDDLEWARE]',))
            return Finding("no-middleware", text, (fix,))
        if self.ruling is None:
            return self._no_policy()
        policy = self.ruling.policy
        if failure.step in (browser.ORIGIN, browser.STATUS):
            return self._origin_cause(self.ruling)
        if failure.step == browser.WILDCARD_WITH_CREDENTIALS:
            text = (
                "The script asks with credentials, and the policy answers '*': browsers never "
                "share an answer for anyone with a page that sent cookies."
            )
            change = {"ALLOW_ORIGINS": [self.call.origin], "ALLOW_CREDENTIALS": True}
            fixes = [Fix("script", ('credentials: "omit"',)), *self._fixes(policy, change)]
            return Finding("wildcard-with-credentials", text, tuple(fixes))
        if failure.step == browser.CREDENTIALS:
            return self._credentials_cause(policy)
        if failure.step == browser.METHOD:
            place = policy.place.owner("ALLOW_METHODS").locate("ALLOW_METHODS")
            text = f"The method {failure.what} is not in {place}."
            change = {"ALLOW_METHODS": [*_in_force(policy, "ALLOW_METHODS"), failure.what]}
            return Finding("method", text, self._fixes(policy, change))
        place = policy.place.owner("ALLOW_HEADERS").locate("ALLOW_HEADERS")
        missing = [
            name for name in self.call.asked_headers if name not in set(policy.allow_headers)
        ]
        text = f"The header {failure.what!r} is not in {place}."
        if fetch.WILDCARD in policy.allow_headers:
            text = f"{place} is ['*'], and asking for {failure.what!r} goes beyond it."
        change = {"ALLOW_HEADERS": [*_in_force(policy, "ALLOW_HEADERS"), *missing]}
        return Finding("header", text, self._fixes(policy, change))

    def _no_policy(self) -> Finding:
        book = policy_book()
        text = f"No policy governs the path {self.path}: "
        named = [alias for alias, policy in book.policies.items() if policy.paths is not None]
        if not book.policies:
            text += "CORS_POLICIES has none."
        elif "default" in book.policies:
            text += "'default' names PATHS, and neither it nor another policy names this one."
        else:
            text += f"none of {', '.join(map(repr, named))} names it, and there is no 'default'."
        if "default" in book.policies:
            paths = [*(book.policies["default"].config.get("PATHS") or ()), self.path]
            lines = (f'CORS_POLICIES["default"]["PATHS"] = {_spell(paths)}',)
        else:
            lines = (
                f'CORS_POLICIES["default"] = {{"ALLOW_ORIGINS": {_spell([self.call.origin])}}}',
            )
        return Finding("no-policy", text, (Fix("settings", lines),))

    def _origin_cause(self, ruling: Ruling) -> Finding:
        policy, origin = ruling.policy, self.call.origin
        if isinstance(policy.place, DecoratorPlace) and not policy.config:
            text = f"{ruling.reason} keeps other origins out."
            return Finding("same-origin-only", text, (Fix("decorator", ("@cors_policy",)),))
        rows = list(sources.source.rows(policy, origin)) if sources.source is not None else []
        dead = next((row for row in rows if row.allows and not row.is_live), None)
        add = ["python", "manage.py", "cors_origins", "add", origin]
        if policy.rows_alias not in (None, "default"):
            add += ["--policy", str(policy.rows_alias)]
        if dead is not None:
            text = f"The origin is not allowed: row {dead.key}, {dead.entry!r}, is {dead.state}."
            again = shlex.join([*add, "--expires", "never", "--update"])
            return Finding("row", text, (Fix("shell", (again,)),))
        why = reasons.why_refused(policy, origin)
        code = "origin"
        if origin == fetch.NULL:
            code = "null"
            why = (
                "the page has no origin of its own: it is a file, in a sandboxed frame, or was "
                "redirected from another origin"
            )
        elif reasons.nearest(policy, origin) is None and rows:
            readable = [(row, entry) for row in rows if (entry := _read(row.entry)) is not None]
            if found := reasons.compare([entry for _, entry in readable], origin):
                row, difference = readable[found[0]][0], found[1]
                why = f"row {row.key} is {row.entry!r}, {difference}"
        change = {"ALLOW_ORIGINS": [*_in_force(policy, "ALLOW_ORIGINS"), origin]}
        fixes = self._fixes(policy, change)
        takes_rows = policy.rows_alias is not None and sources.source is not None
        if takes_rows and all(fix.where == "settings" for fix in fixes) and origin != fetch.NULL:
            fixes = (*fixes, Fix("shell", (shlex.join(add),)))
        return Finding(code, f"The origin {origin!r} is not allowed: {why}.", fixes)

    def _credentials_cause(self, policy: Policy) -> Finding:
        if policy.allow_credentials:
            rows = sources.source.rows(policy, self.call.origin) if sources.source else ()
            row = next((row for row in rows if row.allows and row.is_live), None)
            if row is not None:
                text = f"The script asks with credentials, and row {row.key} allows none."
                words = ["python", "manage.py", "cors_origins", "add", row.entry]
                words += ["--policy", policy.alias, "--credentials", "--update"]
                return Finding("row-credentials", text, (Fix("shell", (shlex.join(words),)),))
            text = "The script asks with credentials, and they are never granted to 'null'."
            return Finding("null", text, (Fix("script", ('credentials: "omit"',)),))
        place = policy.place.owner("ALLOW_CREDENTIALS").locate("ALLOW_CREDENTIALS")
        text = f"The script asks with credentials, and {place} is False."
        fixes = self._fixes(policy, {"ALLOW_CREDENTIALS": True})
        return Finding("credentials", text, fixes)

    def _fixes(self, policy: Policy, change: Mapping[str, Any]) -> tuple[Fix, ...]:
        """Lines that make the change, or the reason why a policy would refuse it."""
        try:
            compile_policy(policy.alias, {**policy.config, **change}, policy.place)
        except PolicyErrors as refused:
            hints = tuple(f"{error.message} {error.hint}" for error in refused.errors)
            return (Fix("server", hints),)
        settings_lines = []
        decorator_words = []
        for key, value in change.items():
            owner = policy.place.owner(key)
            if isinstance(owner, DecoratorPlace):
                decorator_words.append(f"{key.lower()}={_spell(value)}")
            else:
                settings_lines.append(
                    f'CORS_POLICIES[{_spell(owner.alias)}]["{key}"] = {_spell(value)}'
                )
        fixes = []
        if decorator_words:
            place = f"# {policy.place}"
            fixes.append(Fix("decorator", (place, f"@cors_policy({', '.join(decorator_words)})")))
        if settings_lines:
            fixes.append(Fix("settings", tuple(settings_lines)))
        return tuple(fixes)

    def _say(self, failure: Failure, response: HttpResponseBase) -> str:
        """The browser's reason, as its console puts it."""
        match failure.step:
            case browser.ORIGIN:
                return f"No {fetch.ALLOW_ORIGIN} header that names {self.call.origin}."
            case browser.WILDCARD_WITH_CREDENTIALS:
                return f"{fetch.ALLOW_ORIGIN} is '*', and the script asks with credentials."
            case browser.CREDENTIALS:
                return f"{fetch.ALLOW_CREDENTIALS} is not 'true'."
            case browser.METHOD:
                return f"{fetch.ALLOW_METHODS} has no {failure.what}."
            case browser.HEADER:
                return f"{fetch.ALLOW_HEADERS} has no {failure.what}."
        return f"The preflight's status is {response.status_code}, and not ok."

    # -- What else is worth knowing.

    def _look_at_middleware(self) -> None:
        for problem in checks.misplaced_middleware():
            hint = problem.hint or ""
            ours = f'"{checks.MIDDLEWARE}"'
            line = f"MIDDLEWARE = [{ours}, *(m for m in MIDDLEWARE if m != {ours})]"
            fix = Fix("settings", (line,))
            self.notes.append(Finding("middleware-order", f"{problem.msg} {hint}".strip(), (fix,)))

    def _look_at_csrf(self) -> None:
        call = self.call
        if (
            not self.may_read
            or call.method in SAFE_METHODS
            or not checks.has_middleware(checks.CSRF_MIDDLEWARE)
            or self.match is None
            or getattr(self.match.func, "csrf_exempt", False)
            or _is_csrf_trusted(call.origin)
        ):
            return
        text = (
            f"Django's CSRF protection answers 403 to a {call.method} from {call.origin}: it is "
            "not in CSRF_TRUSTED_ORIGINS."
        )
        trusted = [*settings.CSRF_TRUSTED_ORIGINS, call.origin]
        fixes = (Fix("settings", (f"CSRF_TRUSTED_ORIGINS = {_spell(trusted)}",)),)
        self.notes.append(Finding("csrf", text, fixes))

    def _judge_cookies(self) -> str:
        """Whether the session cookie travels, in a sentence."""
        call, target = self.call, self.target
        if not call.credentials:
            return "No cookies: the script does not ask with credentials."
        parts = split_origin(call.origin)
        if parts is None:
            return "No cookies that are SameSite: a page without an origin is of no site."
        if not self.may_send:
            return "No cookies: the request is not sent."
        samesite = settings.SESSION_COOKIE_SAMESITE
        is_secure = settings.SESSION_COOKIE_SECURE
        if is_secure and target.scheme == "http" and not is_loopback(target.host):
            text = "The session cookie is Secure, and the call goes over http: it stays behind."
            self.notes.append(Finding("secure-cookie", text))
            return text
        if target.is_guessed:
            return (
                "Cookies: tell the whole URL in place of a path, and they are judged. The session "
                f"cookie is SameSite={samesite}, {'Secure' if is_secure else 'not Secure'}."
            )
        if parts[0] == target.scheme and registrable_domain(parts[1]) == registrable_domain(
            target.host
        ):
            return "Cookies travel: the page and this server are one site."
        lines = ('SESSION_COOKIE_SAMESITE = "None"', "SESSION_COOKIE_SECURE = True")
        # Django takes any case. Without the attribute (False), Chromium acts as if it were Lax.
        if not samesite or samesite.lower() != "none":
            text = (
                f"The session cookie stays behind: it is SameSite={samesite}, and the page is of "
                "another site."
            )
        elif not is_secure:
            text = "The session cookie stays behind: SameSite=None counts only where it is Secure."
        else:
            return "Cookies travel, but for browsers that block those of third parties."
        self.notes.append(Finding("cookies", text, (Fix("settings", lines),)))
        return text

    # -- The whole of it.

    def _needs_preflight_for(self) -> Iterator[str]:
        call = self.call
        if call.method not in fetch.SAFELISTED_METHODS:
            yield f"the method {call.method}"
        for name in call.asked_headers:
            value = f": {call.content_type}" if name == "content-type" else ""
            yield f"the header {name}{value}"

    def _allowed_by(self) -> tuple[str, int | None]:
        """What allows the origin, and the primary key if it is a row."""
        if self.ruling is None:
            return "", None
        policy, origin = self.ruling.policy, self.call.origin
        owner = policy.place.owner("ALLOW_ORIGINS")
        if policy.any_origin:
            return f"{owner.locate('ALLOW_ORIGINS', 0)}: '*'", None
        entry = policy.matcher.match(origin)
        if entry is not None:
            spelled = list(map(str, policy.origins))
            index = spelled.index(str(entry))
            return f"{owner.locate('ALLOW_ORIGINS', index)}: {reasons.spell(entry)!r}", None
        if sources.source is not None and policy.rows_alias is not None:
            for row in sources.source.rows(policy, origin):
                if row.allows and row.is_live:
                    return f"row {row.key} of the allowlist: {row.entry!r}", row.key
        if policy.allow_origin_func is not None:
            return policy.place.owner("ALLOW_ORIGIN_FUNC").locate("ALLOW_ORIGIN_FUNC"), None
        return "", None

    def _tell_same_origin(self) -> Explanation:
        text = "The page and the URL have one origin, so CORS is not asked."
        self.notes.append(Finding("same-origin", text))
        self.may_read = True
        return self._tell("Cookies travel: the page and this server are one origin.")

    def _tell(self, cookies: str) -> Explanation:
        origin_is_refused = any(
            cause.code in {"origin", "null", "row", "same-origin-only"} for cause in self.causes
        )
        allowed_by, row = ("", None) if origin_is_refused else self._allowed_by()
        is_same_origin = any(note.code == "same-origin" for note in self.notes)
        return Explanation(
            call=self.call,
            url=self.target.url,
            path=self.path,
            view=name_of(self.match.func) if self.match is not None else self._view_at_path(),
            policy=self.ruling.policy.alias if self.ruling is not None else "",
            because_of=self.ruling.reason if self.ruling is not None else "",
            preflight_needed_for=() if is_same_origin else tuple(self._needs_preflight_for()),
            allowed_by=allowed_by,
            row=row,
            exchanges=tuple(self.exchanges),
            may_send=self.may_send,
            may_read=self.may_read,
            readable_headers=(
                browser.readable_headers(self.call, self.answer) if self.may_read else ()
            ),
            cookies=cookies,
            causes=tuple(self.causes),
            notes=tuple(self.notes),
        )

    def _view_at_path(self) -> str:
        self._answer(self._request("GET", {}))
        return name_of(self.match.func) if self.match is not None else ""


def _cors_headers(response: HttpResponseBase) -> dict[str, str]:
    return dict(response.items())


def _in_force(policy: Policy, key: str) -> list[Any]:
    """The list that ``key`` holds, to be written with more in it."""
    value = policy.config.get(key, DEFAULTS[key])
    # "*" and "null" stand alone, or for nobody in particular.
    return [item for item in value if item != fetch.WILDCARD]


def _spell(value: object) -> str:
    """``value`` as one writes it in Python, patterns included, with double quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_spell, value))}]"
    text = repr(value)
    if isinstance(value, str) and '"' not in text and "\\" not in text:
        return f'"{text[1:-1]}"'
    return text


def _read(text: str) -> Entry | None:
    try:
        return parse_entry(text)
    except PolicyError:
        return None


def _is_csrf_trusted(origin: str) -> bool:
    """As Django judges: the list holds origins, and hosts that begin with ``*.``."""
    scheme, _, host = origin.partition("://")
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
        trusted_scheme, _, trusted_host = trusted.partition("://")
        if scheme == trusted_scheme and is_same_domain(host, trusted_host.removeprefix("*")):
            return True
    return False
