"""A small API with every kind of answer that a cross-origin script may meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO

from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.views import View

from django_cors_policy.decorators import cors_policy, same_origin_only


def items(request: HttpRequest) -> HttpResponse:
    response = JsonResponse({"method": request.method, "received": request.body.decode()})
    response["X-Total-Count"] = "2"
    response["X-Internal"] = "not meant for scripts"
    return response


decorated = cors_policy("partner")(items)


class Orders(View):
    """Anybody may read; the partner alone may write."""

    @cors_policy("public")
    def get(self, request: HttpRequest) -> HttpResponse:
        return items(request)

    @cors_policy("partner")
    def post(self, request: HttpRequest) -> HttpResponse:
        return items(request)


class Transfer(View):
    """Nothing is handled but PUT, and that is closed."""

    @same_origin_only
    def put(self, request: HttpRequest) -> HttpResponse:
        return items(request)


class Shared(View):
    """Two policies, and the page is allowed the same by both."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return items(request)

    @cors_policy("partner")
    def put(self, request: HttpRequest) -> HttpResponse:
        return items(request)


class ClosedDelete(View):
    """Open, but for DELETE and for OPTIONS."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return items(request)

    put = get
    delete = options = same_origin_only(get)


def audit(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def inner(request: HttpRequest) -> HttpResponse:
        return view(request)

    return inner


hidden = audit(same_origin_only(items))


def login(request: HttpRequest) -> HttpResponse:
    """Set the cookie that the query asks for, attribute by attribute.

    Written by hand: ``http.cookies`` knows ``Partitioned`` only from Python 3.14 on.
    """
    return HttpResponse("welcome", headers={"Set-Cookie": request.GET["cookie"] + "; Path=/"})


def failing(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("this view always fails")


def moved(request: HttpRequest) -> HttpResponse:
    """To wherever the query says; 307, so that method and body go along."""
    return HttpResponse(status=307, headers={"Location": request.GET["to"]})


def cacheable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("kept for a minute", headers={"Cache-Control": "max-age=60"})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "one,"
        yield "two,"
        yield "three"

    return StreamingHttpResponse(parts(), content_type="text/csv")


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(BytesIO(b"from a file"), filename="report.txt", as_attachment=True)


def require_token(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware that answers by itself: no view runs."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "Authorization" in request.headers:
            return get_response(request)
        return JsonResponse({"detail": "log in first"}, status=401)

    return middleware
