"""Views that answer in every way that a view can answer."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.vary import vary_on_headers


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} hello")


async def async_hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} hello")


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("this view always fails")


def own_headers(request: HttpRequest) -> HttpResponse:
    return HttpResponse("own", headers={"Access-Control-Allow-Origin": "https://own.example"})


def stray_credentials(request: HttpRequest) -> HttpResponse:
    return HttpResponse("stray", headers={"Access-Control-Allow-Credentials": "true"})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter(["one ", "two"]))


async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "one "
        yield "two"

    return StreamingHttpResponse(parts())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(b"contents"), filename="file.txt")


@vary_on_headers("Accept-Language", "Cookie")
def vary(request: HttpRequest) -> HttpResponse:
    return HttpResponse("varied")


def vary_star(request: HttpRequest) -> HttpResponse:
    return HttpResponse("never cached", headers={"Vary": "*"})
