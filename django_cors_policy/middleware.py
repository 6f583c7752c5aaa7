"""The middleware: Django's request in, the protocol's answer out."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeGuard

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from . import fetch, sources
from .conf import Ruling, policy_book
from .policy import Grant, Policy
from .protocol import actual_headers, answer_preflight
from .resolution import rule_actual, rule_preflight

logger = logging.getLogger("django_cors_policy")

FUNC_FAILED = "ALLOW_ORIGIN_FUNC of the CORS policy %r failed; the origin is refused."


class CorsPolicyMiddleware:
    """Answers preflights and tells browsers which origins may read a response.

    It goes first in ``MIDDLEWARE``, or nearly: an answer that another middleware gives before this
    one carries no CORS headers. Building it raises ``ImproperlyConfigured`` with every problem of
    ``CORS_POLICIES``, so that a wrong configuration does not start.

    Actual requests are never blocked: CORS tells browsers who may read, it is no access control.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        policy_book()
        if sources.source is not None:
            sources.source.validate()
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        origin = request.META.get("HTTP_ORIGIN")
        if _is_preflight(origin, request) and (ruling := rule_preflight(policy_book(), request)):
            grant = ruling.policy.judge(origin)
            if grant is None and origin is not None:
                grant = _ask_others(ruling.policy, origin, request)
            return _preflight_response(request, ruling, grant, origin)
        path = request.path_info
        response: HttpResponseBase = self.get_response(request)
        ruling = rule_actual(policy_book(), request, path, response.status_code)
        if ruling is not None:
            grant = ruling.policy.judge(origin)
            if grant is None and origin is not None:
                grant = _ask_others(ruling.policy, origin, request)
            _add_headers(response, ruling.policy, grant, origin)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN")
        if _is_preflight(origin, request) and (ruling := rule_preflight(policy_book(), request)):
            grant = ruling.policy.judge(origin)
            if grant is None and origin is not None:
                grant = await _aask_others(ruling.policy, origin, request)
            return _preflight_response(request, ruling, grant, origin)
        path = request.path_info
        response: HttpResponseBase = await self.get_response(request)
        ruling = rule_actual(policy_book(), request, path, response.status_code)
        if ruling is not None:
            grant = ruling.policy.judge(origin)
            if grant is None and origin is not None:
                grant = await _aask_others(ruling.policy, origin, request)
            _add_headers(response, ruling.policy, grant, origin)
        return response


def _is_preflight(origin: str | None, request: HttpRequest) -> TypeGuard[str]:
    """https://fetch.spec.whatwg.org/#cors-preflight-request. Any other OPTIONS is the view's."""
    return (
        origin is not None
        and request.method == "OPTIONS"
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
    )


def _preflight_response(
    request: HttpRequest, ruling: Ruling, grant: Grant | None, origin: str
) -> HttpResponse:
    answer = answer_preflight(
        ruling.policy,
        grant,
        origin,
        method=request.META["HTTP_ACCESS_CONTROL_REQUEST_METHOD"],
        headers=request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""),
        private_network=request.META.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true",
        is_split=ruling.is_split,
    )
    response = HttpResponse(status=answer.status, headers=dict(answer.headers))
    if grant is None and settings.DEBUG:
        # What comes from the request is quoted and cut, and nobody may take it for HTML.
        response.content = (
            f"Preflight refused: the origin {origin[:200]!r} is not allowed here.\n"
            f"The policy is {ruling.policy.alias!r}, because of {ruling.reason}.\n"
        )
        response["Content-Type"] = "text/plain; charset=utf-8"
        response["X-Content-Type-Options"] = "nosniff"
    else:
        del response["Content-Type"]
    if grant is None:
        response["Content-Length"] = str(len(response.content))
    return response


def _add_headers(
    response: HttpResponseBase, policy: Policy, grant: Grant | None, origin: str | None
) -> None:
    if policy.vary_actual:
        if response.has_header("Vary"):
            patch_vary_headers(response, policy.vary_actual)
        else:
            response["Vary"] = policy.vary_joined
    # A view that sets the header itself knows better, as with Django's CSP.
    if response.has_header(fetch.ALLOW_ORIGIN):
        return
    # Credentials are the policy's to allow, and a stray header of the view's would do it alone.
    if (grant is None or not grant.credentials) and response.has_header(fetch.ALLOW_CREDENTIALS):
        del response[fetch.ALLOW_CREDENTIALS]
    if grant is not None:
        for name, value in actual_headers(grant, origin or ""):
            response[name] = value


def _ask_others(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """What the database's rows grant, else ``ALLOW_ORIGIN_FUNC``: the list of settings did not."""
    grant = None
    if policy.rows_alias is not None and (source := sources.source) is not None:
        if not source.is_ready():
            source.prepare()
        grant = source.judge(policy, origin)
    if grant is None and policy.asks_about(origin):
        grant = _ask(policy, origin, request)
    return grant


async def _aask_others(policy: Policy, origin: str, request: HttpRequest) -> Grant | None:
    """As ``_ask_others``."""
    grant = None
    if policy.rows_alias is not None and (source := sources.source) is not None:
        if not source.is_ready():
            await source.aprepare()
        grant = source.judge(policy, origin)
    if grant is None and policy.asks_about(origin):
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
