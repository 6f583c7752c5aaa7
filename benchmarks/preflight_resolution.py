"""What it costs a preflight to find its view: 10, 1,000 and 5,000 URL patterns.

    python benchmarks/preflight_resolution.py

Django tries URL patterns one after the other, so the place of a pattern matters, and whether an
``include()`` lets it skip the others. Each figure is a whole preflight through Django's handler.
The rounds of all cases are interleaved, and the median is told as a multiple of the same preflight
in a project without decorators, where nothing is resolved.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    CORS_POLICIES={"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}},
    INSTALLED_APPS=["django_cors_policy"],
    MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
    ROOT_URLCONF="urls_flat_10",
    SECRET_KEY="benchmark",
)
django.setup()

from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import include, path

from django_cors_policy import decorators
from django_cors_policy.decorators import cors_policy

SIZES = (10, 1_000, 5_000)
ROUNDS = 41
REPEAT = 20
PER_INCLUDE = 50


@cors_policy(allow_origins=["https://app.example.com"])
def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse()


def add_urlconf(name: str, patterns: list[Any]) -> None:
    module = types.ModuleType(name)
    module.urlpatterns = patterns
    sys.modules[name] = module


def flat(size: int) -> list[Any]:
    return [path(f"resource{number}/<int:pk>/", view) for number in range(size)]


def nested(size: int) -> list[Any]:
    groups = itertools.groupby(range(size), lambda number: number // PER_INCLUDE)
    return [
        path(f"app{group}/", include([path(f"resource{n}/<int:pk>/", view) for n in numbers]))
        for group, numbers in groups
    ]


def preflight(urlconf: str, url: str) -> Callable[[], None]:
    handler = BaseHandler()
    handler.load_middleware()
    factory = RequestFactory()
    headers = {"origin": "https://app.example.com", "access-control-request-method": "PUT"}

    def run() -> None:
        request = factory.options(url, headers=headers)
        request.urlconf = urlconf
        started = time.perf_counter()
        response = handler._middleware_chain(request)
        elapsed.append(time.perf_counter() - started)
        assert response.status_code == 204, response.status_code

    elapsed: list[float] = []
    run.elapsed = elapsed
    return run


def main() -> None:
    cases: dict[str, Callable[[], None]] = {}
    for size in SIZES:
        add_urlconf(f"urls_flat_{size}", flat(size))
        add_urlconf(f"urls_nested_{size}", nested(size))
        last = size - 1
        cases[f"{size:,} patterns, the first"] = preflight(f"urls_flat_{size}", "/resource0/1/")
        cases[f"{size:,} patterns, the last"] = preflight(
            f"urls_flat_{size}", f"/resource{last}/1/"
        )
        cases[f"{size:,} patterns in includes of {PER_INCLUDE}, the last"] = preflight(
            f"urls_nested_{size}", f"/app{last // PER_INCLUDE}/resource{last}/1/"
        )
    baseline = preflight("urls_flat_10", "/resource0/1/")
    for _ in range(ROUNDS):
        for _ in range(REPEAT):
            decorators.any_view_decorated = False
            baseline()
            decorators.any_view_decorated = True
            for case in cases.values():
                case()
    unit = statistics.median(baseline.elapsed)
    print(f"Python {sys.version.split()[0]}, Django {django.__version__}")
    print(f"{'no decorated view (nothing resolved)':55}{1:8.2f}")
    for name, case in cases.items():
        print(f"{name:55}{statistics.median(case.elapsed) / unit:8.2f}")
    print(f"(1.00 was {unit * 1e6:.1f} µs on this machine)")


if __name__ == "__main__":
    main()
