"""The middleware: Django's request in, the protocol's answer out."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from . import conf, decorators, fetch, sources
from .conf import Ruling, policy_book
from .policy import Grant, Policy
from .protocol import answer_preflight, write_actual_headers
from .resolution import rule_actual, rule_preflight

logger = logging.getLogger("django_cors_policy")

FUNC_FAILED = "ALLOW_ORIGIN_FUNC of the CORS policy %r failed; the origin is refused."


@sync_and_async_middleware
def CorsPolicyMiddleware(  # noqa: N802 -- as MIDDLEWARE names its like
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], Any]:
    """Answers preflights and tells browsers which origins may read a response.

    It goes first in ``MIDDLEWARE``, or nearly: an answer that another middleware gives before this
    one carries no CORS headers. Building it raises ``ImproperlyConfigured`` with every problem of
    ``CORS_POLICIES``, so that a wrong configuration does not start.

    Actual requests are never blocked: CORS tells browsers who may read, it is no access control.
    """
    # A function, for an object that is called costs each request as much as three functions.
    policy_book()
    if sources.source is not None:
        sources.source.validate()
    wrap = _awrap if iscoroutinefunction(get_response) else _wrap
    # DEBUG is read once: each look at settings costs a twentieth of a refused preflight.
    return wrap(get_response, settings.DEBUG)


def _wrap(
    get_response: Callable[[HttpRequest], HttpResponseBase], explains: bool
) -> Callable[[HttpRequest], HttpResponseBase]:
    def cors_policy_middleware(request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN")
        # https://fetch.spec.whatwg.org/#cors-preflight-request. Any other OPTIONS is the view's.
        if (
            origin is not None
            and request.method == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
            and (ruling := rule_preflight(conf.book or policy_book(), request)) is not None
        ):
            grant = ruling.policy.judge(origin)
            if grant is None:
                grant = _ask_others(ruling.policy, origin, request)
            return _preflight_response(request, ruling, grant, origin, explains)
        path = request.path_info
        response = get_response(request)
        book = conf.book or policy_book()
        # Most projects have one policy for everything, and nothing to look up.
        if (
            decorators.in_use
            or request.resolver_match is None
            or (ruling := book.everywhere) is None
        ):
            ruling = rule_actual(book, request, path, response.status_code)
        if ruling is not None:
            policy = ruling.policy
            if origin is None:
                grant = policy.grant_to_all
            elif (grant := policy.judge(origin)) is None and (
                policy.allow_origin_func or sources.source
            ):
                grant = _ask_others(policy, origin, request)
            _add_headers(response, policy, grant, origin)
        return response

    return cors_policy_middleware


def _awrap(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]], explains: bool
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """As ``_wrap``."""

    async def cors_policy_middleware(request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN")
        # https://fetch.spec.whatwg.org/#cors-preflight-request. Any other OPTIONS is the view's.
        if (
            origin is not None
            and request.method == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
            and (ruling := rule_preflight(conf.book or policy_book(), request)) is not None
        ):
            grant = ruling.policy.judge(origin)
            if grant is None:
                grant = await _aask_others(ruling.policy, origin, request)
            return _preflight_response(request, ruling, grant, origin, explains)
        path = request.path_info
        response = await get_response(request)
        book = conf.book or policy_book()
        # Most projects have one policy for everything, and nothing to look up.
        if (
            decorators.in_use
            or request.resolver_match is None
            or (ruling := book.everywhere) is None
        ):
            ruling = rule_actual(book, request, path, response.status_code)
        if ruling is not None:
            policy = ruling.policy
            if origin is None:
                grant = policy.grant_to_all
            elif (grant := policy.judge(origin)) is None and (
                policy.allow_origin_func or sources.source
            ):
                grant = await _aask_others(policy, origin, request)
            _add_headers(response, policy, grant, origin)
        return response

    return cors_policy_middleware


def _preflight_response(
    request: HttpRequest, ruling: Ruling, grant: Grant | None, origin: str, explains: bool
) -> HttpResponse:
    meta = request.META
    status, answer = answer_preflight(
        ruling.policy,
        grant,
        origin,
        method=meta["HTTP_ACCESS_CONTROL_REQUEST_METHOD"],
        headers=meta.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""),
        private_network=meta.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true",
        is_split=ruling.is_split,
    )
    # By position: keyword arguments take a tenth longer on their way through two constructors. With
    # no content type at all, Django would work out the default one.
    response = HttpResponse(b"", "", status)
    headers = response.headers
    for name, value in answer:
        headers[name] = value
    if grant is None and explains:
        # What comes from the request is quoted and cut, and nobody may take it for HTML.
        response.content = (
            f"Preflight refused: the origin {origin[:200]!r} is not allowed here.\n"
            f"The policy is {ruling.policy.alias!r}, because of {ruling.reason}.\n"
        )
        headers["Content-Length"] = str(len(response.content))
        headers["Content-Type"] = "text/plain; charset=utf-8"
        headers["X-Content-Type-Options"] = "nosniff"
    else:
        headers.pop("Content-Type")
    return response


def _add_headers(
    response: HttpResponseBase, policy: Policy, grant: Grant | None, origin: str | None
) -> None:
    # Whether a header is there is asked by pop(): "in" and get() raise an exception within where
    # it is not, which is the common case here, and cost four times as much.
    headers = response.headers
    if vary := policy.vary_joined:
        old = headers.pop("Vary", None)
        headers["Vary"] = vary if old is None else _merge_vary(old[1], policy)
    if grant is None and origin is None:
        return
    if grant is None or not grant.credentials:
        # Credentials are the policy's to allow, and a stray header of the view's would do it alone.
        stray = headers.pop(fetch.ALLOW_CREDENTIALS, None)
        if stray is not None and fetch.ALLOW_ORIGIN in headers:
            headers[fetch.ALLOW_CREDENTIALS] = stray[1]
    if grant is None:
        return
    own = headers.pop(fetch.ALLOW_ORIGIN, None)
    if own is not None:
        # A view that sets the header itself knows better, as with Django's CSP.
        headers[fetch.ALLOW_ORIGIN] = own[1]
        return
    write_actual_headers(headers, grant, origin or "")


@functools.lru_cache(maxsize=256)
def _merge_vary(vary: str, policy: Policy) -> str:
    """What a view's ``Vary`` becomes; a project has few of them."""
    response = HttpResponse(headers={"Vary": vary})
    patch_vary_headers(response, policy.vary_actual)
    return response.headers["Vary"]


def _ask_others(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """What the database's rows grant, else ``ALLOW_ORIGIN_FUNC``: the list of settings did not."""
    grant = None
    if policy.rows_alias is not None and (source := sources.source) is not None:
        if monotonic() >= source.ready_until and not source.is_ready():
            source.prepare()
        grant = source.judge(policy, origin)
    if grant is None and policy.allow_origin_func and policy.asks_about(origin):
        grant = _ask(policy, origin, request)
    return grant


async def _aask_others(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """As ``_ask_others``."""
    grant = None
    if policy.rows_alias is not None and (source := sources.source) is not None:
        if monotonic() >= source.ready_until and not source.is_ready():
            await source.aprepare()
        grant = source.judge(policy, origin)
    if grant is None and policy.allow_origin_func and policy.asks_about(origin):
        grant = await _aask(policy, origin, request)
    return grant


def _ask(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """What ``ALLOW_ORIGIN_FUNC`` grants. One that fails grants nothing, and the log says so."""
    func: Any = policy.allow_origin_func
    try:
        answer = func(origin, request)
        if inspect.isawaitable(answer):
            answer = async_to_sync(_wait_for)(answer)
    except Exception:
        logger.exception(FUNC_FAILED, policy.alias)
        return None
    return policy.grant_by_func(origin) if answer else None


async def _aask(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """As ``_ask``; a synchronous function is kept off the event loop, for it may query."""
    func: Any = policy.allow_origin_func
    try:
        if not _is_async(func):
            func = sync_to_async(func)
        answer = await func(origin, request)
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception:
        logger.exception(FUNC_FAILED, policy.alias)
        return None
    return policy.grant_by_func(origin) if answer else None


async def _wait_for(awaitable: Awaitable[bool]) -> bool:
    return await awaitable


def _is_async(func: Any) -> bool:
    return iscoroutinefunction(func) or iscoroutinefunction(type(func).__call__)
