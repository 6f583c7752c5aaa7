"""Middleware that does to requests what projects' middleware does."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


class Unauthorized:
    """Answers before the view."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("Who are you?", status=401)


class Hides:
    """Says of everything that it is not there, as some do to strangers."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("Nothing here.", status=404)


class RewritesPath:
    """Strips a prefix, as a gateway's middleware might."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.path_info = request.path_info.replace("/by-path/", "/")
        return self.get_response(request)


class ChoosesUrlconf:
    """Serves another URLconf, as projects with several hosts do."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.urlconf = "tests.urls_decorated"
        return self.get_response(request)
