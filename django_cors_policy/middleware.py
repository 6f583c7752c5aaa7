"""The middleware: takes Django's requests, and answers preflights or adds CORS headers."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, Protocol

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from . import conf, decorators, fetch
from .conf import policy_book
from .hooks import hooks
from .policy import Grant, Policy, PolicyBook, RehearsalPlace, Ruling
from .protocol import answer_preflight, write_actual_headers
from .refusal_log import debug_body, log_refused_actual, log_refused_preflight
from .resolution import rule_actual, rule_preflight

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

logger = logging.getLogger("django_cors_policy")

FUNC_FAILED = "ALLOW_ORIGIN_FUNC of the CORS policy %r raised an exception; the origin %s."
FUNC_ANSWERED = (
    "ALLOW_ORIGIN_FUNC of the CORS policy %r returned a value of type %s; the origin %s. Return "
    "True to allow an origin and False to refuse it."
)
LONGEST_TYPE = 100
NOT_INSTALLED = (
    "MIDDLEWARE has 'django_cors_policy.middleware.CorsPolicyMiddleware', but INSTALLED_APPS lacks "
    "'django_cors_policy', so 'manage.py check' does not check your policies. Add "
    "'django_cors_policy' to INSTALLED_APPS."
)


class HasBook(Protocol):
    """Holds the policies in force: ``conf``, or an explanation that tries other policies."""

    @property
    def book(self) -> PolicyBook | None:
        """None before the first use."""


@sync_and_async_middleware
def CorsPolicyMiddleware(  # noqa: N802 -- MIDDLEWARE names classes
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], Any]:
    """Answer preflights, and add CORS headers to the responses of actual requests.

    List it first in ``MIDDLEWARE``, or close to the top: if another middleware responds before this
    one runs, the response has no CORS headers. Raises ``ImproperlyConfigured`` with all problems of
    ``CORS_POLICIES`` at start, so a project with a wrong configuration does not run. Also raises it
    if the app is not in ``INSTALLED_APPS``, because then no system check reports anything.

    Actual requests are never blocked: CORS controls which scripts can read a response. It is not
    access control.
    """
    if not apps.is_installed("django_cors_policy"):
        raise ImproperlyConfigured(NOT_INSTALLED)
    policy_book()
    if hooks.origin_source is not None:
        hooks.origin_source.validate()
    # Return a function: calling an instance takes as long as calling three functions.
    build = awrap if iscoroutinefunction(get_response) else wrap
    # Read once: reading a setting takes a twentieth of the time of a refused preflight.
    is_logged = logger.isEnabledFor(logging.WARNING if settings.DEBUG else logging.INFO)
    return build(get_response, is_debug=settings.DEBUG, is_logged=is_logged)


def wrap(
    get_response: Handler,
    *,
    is_debug: bool,
    is_logged: bool,
    is_recorded: bool = True,
    books: HasBook = conf,
) -> Handler:
    """Return the middleware around ``get_response``.

    ``is_debug``: whether refused preflights explain the reason. ``is_logged`` and ``is_recorded``:
    whether refusals go to the log and to the recorder. ``books``: has the policies in force.
    """

    def cors_policy_middleware(request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN")
        # https://fetch.spec.whatwg.org/#cors-preflight-request. The view answers any other OPTIONS.
        if (
            origin is not None
            and request.method == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
            and (ruling := rule_preflight(books.book or policy_book(), request)) is not None
        ):
            policy = ruling.policy
            grant = _grant_for(policy, origin, request)
            if grant is not None and ruling.others:
                others = [_grant_for(other, origin, request) for other in ruling.others]
                grant = _limit(grant, ruling, others)
            if (grant is None or policy.rehearsal) and (
                is_logged or (hooks.recorder and is_recorded)
            ):
                rehearsal_grant = _grant_for(policy.rehearsal, origin, request)
                log_refused_preflight(request, ruling, origin, grant, rehearsal_grant, is_logged)
            return _preflight_response(request, ruling, grant, origin, is_debug)
        path = request.path_info
        response = get_response(request)
        book = books.book or policy_book()
        # A shortcut for projects with one policy for all paths.
        if (
            decorators.any_view_decorated
            or request.resolver_match is None
            or (ruling := book.only_ruling) is None
        ):
            ruling = rule_actual(book, request, path, response.status_code)
            if ruling is None:
                return response
        policy = ruling.policy
        if origin is None:
            grant = policy.grant_to_all
        else:
            grant = policy.grant_for(origin)
            if grant is None and (policy.allow_origin_func or hooks.origin_source):
                grant = _ask_others(policy, origin, request)
            if (
                (grant is None or policy.rehearsal)
                and (is_logged or (hooks.recorder and is_recorded))
                and fetch.ALLOW_ORIGIN not in response.headers  # the view set it
            ):
                rehearsal_grant = _grant_for(policy.rehearsal, origin, request)
                log_refused_actual(request, path, ruling, origin, grant, rehearsal_grant, is_logged)
        _add_headers(response, policy, grant, origin)
        return response

    return cors_policy_middleware


def awrap(
    get_response: AsyncHandler,
    *,
    is_debug: bool,
    is_logged: bool,
    is_recorded: bool = True,
    books: HasBook = conf,
) -> AsyncHandler:
    """Return the async middleware; see ``wrap``."""

    async def cors_policy_middleware(request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN")
        # https://fetch.spec.whatwg.org/#cors-preflight-request. The view answers any other OPTIONS.
        if (
            origin is not None
            and request.method == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
            and (ruling := rule_preflight(books.book or policy_book(), request)) is not None
        ):
            policy = ruling.policy
            grant = await _agrant_for(policy, origin, request)
            if grant is not None and ruling.others:
                others = [await _agrant_for(other, origin, request) for other in ruling.others]
                grant = _limit(grant, ruling, others)
            if (grant is None or policy.rehearsal) and (
                is_logged or (hooks.recorder and is_recorded)
            ):
                rehearsal_grant = await _agrant_for(policy.rehearsal, origin, request)
                log_refused_preflight(request, ruling, origin, grant, rehearsal_grant, is_logged)
            return _preflight_response(request, ruling, grant, origin, is_debug)
        path = request.path_info
        response = await get_response(request)
        book = books.book or policy_book()
        # A shortcut for projects with one policy for all paths.
        if (
            decorators.any_view_decorated
            or request.resolver_match is None
            or (ruling := book.only_ruling) is None
        ):
            ruling = rule_actual(book, request, path, response.status_code)
            if ruling is None:
                return response
        policy = ruling.policy
        if origin is None:
            grant = policy.grant_to_all
        else:
            grant = policy.grant_for(origin)
            if grant is None and (policy.allow_origin_func or hooks.origin_source):
                grant = await _aask_others(policy, origin, request)
            if (
                (grant is None or policy.rehearsal)
                and (is_logged or (hooks.recorder and is_recorded))
                and fetch.ALLOW_ORIGIN not in response.headers  # the view set it
            ):
                rehearsal_grant = await _agrant_for(policy.rehearsal, origin, request)
                log_refused_actual(request, path, ruling, origin, grant, rehearsal_grant, is_logged)
        _add_headers(response, policy, grant, origin)
        return response

    return cors_policy_middleware


def _limit(grant: Grant, ruling: Ruling, others: Sequence[Grant | None]) -> Grant:
    """Return ``grant``, not to be cached if the other methods of the URL have different grants.

    Browsers cache a preflight for the URL, not for the method
    (https://fetch.spec.whatwg.org/#concept-cache). They then send other methods, and headers with
    them, without a new preflight.
    """
    policies = (ruling.policy, *filter(None, ruling.others))
    if all(other is not None and grant.allows_as(other) for other in others) and (
        len({policy.allow_private_network for policy in policies}) == 1
    ):
        return grant
    return ruling.policy.narrowed_grant(credentials=grant.credentials, seconds=0)


def _preflight_response(
    request: HttpRequest, ruling: Ruling, grant: Grant | None, origin: str, is_debug: bool
) -> HttpResponse:
    meta = request.META
    status, answer = answer_preflight(
        ruling.policy,
        grant,
        origin,
        method=meta["HTTP_ACCESS_CONTROL_REQUEST_METHOD"],
        headers=meta.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""),
        private_network=meta.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true",
    )
    # Positional arguments are a tenth faster here. The empty content type keeps Django from
    # computing its default.
    response = HttpResponse(b"", "", status)
    headers = response.headers
    for name, value in answer:
        headers[name] = value
    if grant is None and is_debug:
        response.content = debug_body(request, ruling, origin)
        headers["Content-Length"] = str(len(response.content))
        headers["Content-Type"] = "text/plain; charset=utf-8"
        headers["X-Content-Type-Options"] = "nosniff"
    else:
        headers.pop("Content-Type")
    if grant is None:
        # Otherwise Django logs each 403 as a warning, so that strangers could fill a log. The
        # refusal log names each refusal once. Django's log_response() would set this mark too, but
        # costs a third of such a request. Without the mark, the warnings would only come back.
        response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _add_headers(
    response: HttpResponseBase, policy: Policy, grant: Grant | None, origin: str | None
) -> None:
    # pop() finds out whether a header is set. For a missing header, the common case, "in" and get()
    # cost four times as much, because they raise and catch an exception inside.
    headers = response.headers
    if vary := policy.vary_joined:
        old = headers.pop("Vary", None)
        headers["Vary"] = vary if old is None else _merge_vary(old[1], policy.vary_actual)
    if grant is None:
        # Other CORS headers from the view have no effect without Allow-Origin.
        return
    if not grant.credentials:
        # Remove the view's own Allow-Credentials: together with our Allow-Origin, it would allow
        # credentials that the policy does not allow.
        stray = headers.pop(fetch.ALLOW_CREDENTIALS, None)
        if stray is not None and fetch.ALLOW_ORIGIN in headers:
            headers[fetch.ALLOW_CREDENTIALS] = stray[1]
    own = headers.pop(fetch.ALLOW_ORIGIN, None)
    if own is not None:
        # The view's own header takes precedence, as with Django's CSP.
        headers[fetch.ALLOW_ORIGIN] = own[1]
        return
    write_actual_headers(headers, grant, origin or "")


@functools.lru_cache(maxsize=256)
def _merge_vary(vary: str, added: tuple[str, ...]) -> str:
    """Return the header ``vary`` with the names in ``added``. Few values occur in a project."""
    response = HttpResponse(headers={"Vary": vary})
    patch_vary_headers(response, added)
    return response.headers["Vary"]


def _grant_for(policy: Policy | None, origin: str, request: HttpRequest) -> Grant | None:
    """Return what ``policy`` grants ``origin``, None if it is not allowed or there is no policy."""
    if policy is None:
        return None
    grant = policy.grant_for(origin)
    return grant if grant is not None else _ask_others(policy, origin, request)


async def _agrant_for(policy: Policy | None, origin: str, request: HttpRequest) -> Grant | None:
    """Do the same as ``_grant_for``."""
    if policy is None:
        return None
    grant = policy.grant_for(origin)
    return grant if grant is not None else await _aask_others(policy, origin, request)


def _ask_others(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """Return what the database rows grant, or else ``ALLOW_ORIGIN_FUNC``."""
    grant = None
    if policy.rows_alias is not None and (source := hooks.origin_source) is not None:
        if monotonic() >= source.ready_until and not source.is_ready():
            source.prepare()
        grant = source.grant_for(policy, origin)
    if grant is None and policy.allow_origin_func and policy.may_ask_func(origin):
        grant = _ask(policy, origin, request)
    return grant


async def _aask_others(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """Do the same as ``_ask_others``."""
    grant = None
    if policy.rows_alias is not None and (source := hooks.origin_source) is not None:
        if monotonic() >= source.ready_until and not source.is_ready():
            await source.aprepare()
        grant = source.grant_for(policy, origin)
    if grant is None and policy.allow_origin_func and policy.may_ask_func(origin):
        grant = await _aask(policy, origin, request)
    return grant


def _ask(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """Return what ``ALLOW_ORIGIN_FUNC`` grants. An exception is logged and grants nothing."""
    func: Any = policy.allow_origin_func
    try:
        answer = func(origin, request)
        if inspect.isawaitable(answer):
            answer = async_to_sync(_wait_for)(answer)
    except Exception:
        logger.exception(FUNC_FAILED, policy.alias, _outcome(policy))
        return None
    return _grant_by_answer(policy, origin, answer)


async def _aask(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """Do the same as ``_ask``. Sync functions run in a thread, as they may use the database."""
    func: Any = policy.allow_origin_func
    try:
        if iscoroutinefunction(func) or iscoroutinefunction(type(func).__call__):
            answer = func(origin, request)
        else:
            answer = await sync_to_async(func)(origin, request)
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception:
        logger.exception(FUNC_FAILED, policy.alias, _outcome(policy))
        return None
    return _grant_by_answer(policy, origin, answer)


def _grant_by_answer(policy: Policy, origin: str, answer: object) -> Grant | None:
    """Return the grant if ``answer`` of ``ALLOW_ORIGIN_FUNC`` is True, else None.

    Other true values, such as the string "false" or a generator, are mistakes.
    """
    if answer is True:
        return policy.grant_by_func(origin)
    if answer is not False:
        # Log only the type: the value may contain untrusted text from the request.
        _log_answer(policy, type(answer).__qualname__[:LONGEST_TYPE])
    return None


# The cache logs each type once for a policy, not once for each request.
@functools.lru_cache(maxsize=256)
def _log_answer(policy: Policy, kind: str) -> None:
    logger.error(FUNC_ANSWERED, policy.alias, kind, _outcome(policy))


def _outcome(policy: Policy) -> str:
    is_rehearsal = isinstance(policy.place, RehearsalPlace)
    return "would be refused by its REPORT_ONLY" if is_rehearsal else "is refused"


async def _wait_for(awaitable: Awaitable[bool]) -> bool:
    return await awaitable
