"""Every way to decorate an operation of Django Ninja."""

from __future__ import annotations

import functools
from typing import Any

from django.http import HttpRequest
from django.urls import path
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view

from django_cors_policy.decorators import cors_policy, same_origin_only

api = NinjaAPI(urls_namespace="tests")
router = Router()


def hide(view: Any) -> Any:
    """Copies names, for Ninja wants them, and nothing else."""

    def inner(request: HttpRequest) -> Any:
        return view(request)

    inner.__name__ = view.__name__
    return inner


@api.put("/plain")
def plain(request: HttpRequest) -> str:
    return "plain"


@api.put("/below")
@same_origin_only
def below(request: HttpRequest) -> str:
    return "below"


@same_origin_only
@api.put("/above")
def above(request: HttpRequest) -> str:
    return "above"


@api.put("/decorated-view")
@decorate_view(same_origin_only)
def decorated_view(request: HttpRequest) -> str:
    return "decorated view"


@decorate_view(same_origin_only)
@api.put("/decorated-view-above")
def decorated_view_above(request: HttpRequest) -> str:
    return "decorated view"


@api.put("/audited")
@hide
@same_origin_only
def audited(request: HttpRequest) -> str:
    return "audited"


def hide_view(view: Any) -> Any:
    def inner(request: HttpRequest, **kwargs: Any) -> Any:
        return view(request, **kwargs)

    return inner


@same_origin_only
def audited_view(request: HttpRequest) -> str:
    return "held by the decorator of the view alone"


def hide_another(view: Any) -> Any:
    def inner(request: HttpRequest, other: Any = audited_view, **kwargs: Any) -> Any:
        return view(request, **kwargs)

    return inner


@api.put("/audited-view")
@decorate_view(hide_another)
def audited_by_view(request: HttpRequest) -> str:
    return "audited"


@api.put("/async")
@same_origin_only
async def asynchronous(request: HttpRequest) -> str:
    return "async"


@api.put("/by-method")
@same_origin_only
def put(request: HttpRequest) -> str:
    return "put"


@api.get("/by-method")
@cors_policy("public")
def get(request: HttpRequest) -> str:
    return "get"


@api.post("/by-method")
def post(request: HttpRequest) -> str:
    return "post"


@cors_policy("public")
@same_origin_only
@api.put("/outermost")
def outermost(request: HttpRequest) -> str:
    return "outermost"


def version(new: Any, old: Any) -> Any:
    """Shows one view and calls another."""

    @functools.wraps(new)
    def inner(request: HttpRequest) -> Any:
        return (old if "old" in request.GET else new)(request)

    return inner


@cors_policy("public")
def public(request: HttpRequest) -> str:
    return "public"


@same_origin_only
def secret(request: HttpRequest) -> str:
    return "secret"


api.put("/version")(version(public, secret))


@router.put("/below")
@same_origin_only
def below_router(request: HttpRequest) -> str:
    return "below"


@same_origin_only
@router.put("/above")
def above_router(request: HttpRequest) -> str:
    return "above"


api.add_router("/router", router)
api.add_router("/again", router, url_name_prefix="again")

urlpatterns = [path("api/", api.urls)]
