"""One measured process: one middleware (or none) in one project. Started by ``cost.py``.

Told what it is by a JSON object on its command line; answers in lines of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from scenarios import SCENARIOS, Scenario, environs, listed, scopes, settings_of

WARM_UP = 100

Loop = Callable[[Callable[..., Any] | None, list[Any]], None]


def set_up(project: str, variant: str, databases: str) -> None:
    """Configure Django from a module, as projects do.

    ``settings.configure()`` would make each absent setting dearer to ask for.
    """
    names = settings_of(project, variant, databases)
    sys.modules["worker"] = sys.modules[__name__]
    settings_module = types.ModuleType("benchmark_settings")
    vars(settings_module).update(names)
    sys.modules[settings_module.__name__] = settings_module
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module.__name__
    import django

    django.setup()
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"ok")

    async def async_view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"ok")

    decorated = view
    if variant == "ours" and project == "decorators":
        from django_cors_policy.decorators import cors_policy

        decorated = cors_policy(allow_origins=[listed(number) for number in range(3)])(view)
    urlconf = types.ModuleType("benchmark_urls")
    urlconf.urlpatterns = [
        path("", view),
        path("async/", async_view),
        path("plain/", view),
        path("decorated/", decorated),
    ]
    sys.modules[urlconf.__name__] = urlconf


def no_op(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """The middleware that does nothing."""
    from asgiref.sync import iscoroutinefunction

    if iscoroutinefunction(get_response):

        async def async_middleware(request: Any) -> Any:
            return await get_response(request)

        return async_middleware

    def middleware(request: Any) -> Any:
        return get_response(request)

    return middleware


no_op.sync_capable = no_op.async_capable = True


# -- What is called, and the loops that call it --------------------------------------------------
#
# A loop takes each request out of the list, so that it is freed within: what a middleware leaves on
# a request or response has to be freed by somebody.


def run(handler: Callable[..., Any] | None, requests: list[Any]) -> None:
    take = requests.pop
    if handler is None:
        for _ in range(len(requests)):
            take()
    else:
        for _ in range(len(requests)):
            handler(take())


def run_wsgi(handler: Callable[..., Any] | None, requests: list[Any]) -> None:
    assert handler is not None
    take = requests.pop

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        pass

    for _ in range(len(requests)):
        response = handler(take(), start_response)
        for _chunk in response:
            pass
        response.close()


def run_async(handler: Callable[..., Any] | None, requests: list[Any]) -> None:
    async def loop() -> None:
        assert handler is not None
        take = requests.pop
        for _ in range(len(requests)):
            await handler(take())

    runner.run(loop())


def run_asgi(handler: Callable[..., Any] | None, requests: list[Any]) -> None:
    def receiver() -> Callable[[], Awaitable[Any]]:
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            # The client stays; Django gives up waiting for it to go once it has answered.
            return await asyncio.get_running_loop().create_future()

        return receive

    async def send(message: Any) -> None:
        pass

    async def loop() -> None:
        assert handler is not None
        take = requests.pop
        for _ in range(len(requests)):
            await handler(take(), receiver(), send)

    runner.run(loop())


runner = asyncio.Runner() if sys.version_info >= (3, 11) else asyncio


def prepare(scenario: Scenario, variant: str) -> tuple[Loop, Callable[..., Any] | None]:
    """How the scenario's requests are run, and what they are given to."""
    if scenario.mode == "wsgi":
        from django.core.handlers.wsgi import WSGIHandler

        return run_wsgi, WSGIHandler()
    if scenario.mode == "asgi":
        from django.core.handlers.asgi import ASGIHandler

        return run_asgi, ASGIHandler()
    if variant == "nothing" and scenario.preflight:
        # Nobody else would make this answer: all of it is what the middleware costs.
        return run, None
    from django.conf import settings
    from django.urls import resolve
    from django.utils.module_loading import import_string

    match = resolve(scenario.path)

    def answer(request: Any) -> Any:
        request.resolver_match = match
        return request.answer

    async def answer_async(request: Any) -> Any:
        request.resolver_match = match
        return request.answer

    handler = answer_async if scenario.mode == "async" else answer
    for dotted in settings.MIDDLEWARE:
        handler = import_string(dotted)(handler)
    return run_async if scenario.mode == "async" else run, handler


def make_requests(scenario: Scenario, count: int) -> list[Any]:
    """The requests of a scenario, and beside each the answer that it will get."""
    if scenario.mode == "wsgi":
        return environs(scenario, count)
    if scenario.mode == "asgi":
        return scopes(scenario, count)
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpResponse

    requests = []
    for environ in environs(scenario, count):
        request = WSGIRequest(environ)
        if not scenario.preflight:
            request.answer = HttpResponse(b"ok")
        requests.append(request)
    return requests


def floors() -> dict[str, Callable[[Any], Any]]:
    """Django's own building blocks; the empty function first, which is taken off the others."""
    from django.http import HttpResponse

    def nothing(request: Any) -> None:
        pass

    def one_lookup(request: Any) -> None:
        request.META.get("HTTP_ORIGIN")

    def one_header(request: Any) -> None:
        request.answer["Vary"] = "Origin"

    def two_headers(request: Any) -> None:
        request.answer["Vary"] = "Origin"
        request.answer["Access-Control-Allow-Origin"] = request.META["HTTP_ORIGIN"]

    def empty_response(request: Any) -> None:
        HttpResponse(status=204)

    class ObjectNoOp:
        def __init__(self, get_response: Callable[[Any], Any]) -> None:
            self.get_response = get_response

        def __call__(self, request: Any) -> Any:
            return self.get_response(request)

    object_no_op = ObjectNoOp(nothing)
    return {
        "nothing": nothing,
        "one_lookup": one_lookup,
        "object_no_op": object_no_op,
        "one_header": one_header,
        "two_headers": two_headers,
        "empty_response": empty_response,
    }


def tell(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


# -- Instructions --------------------------------------------------------------------------------


def count(scenarios: list[Scenario], variant: str, *, with_floors: bool) -> None:
    """Run loops of two lengths, for callgrind to count.

    It dumps its counts whenever ``getppid`` is called, which nobody else does: so each dump holds
    what was executed since the call before. The difference of two lengths is the requests' alone.
    """
    for scenario in scenarios:
        # Event loops and their threads do not survive a fork.
        if scenario.mode in {"alone", "wsgi"}:
            prime(scenario, variant)
    # Counting makes everything fifty times slower, and the start is not counted. The answer to this
    # command is waited for actively, for it is only taken up where instructions are executed.
    command = ["callgrind_control", "--instr=on", str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as control:
        while control.poll() is None:
            pass
    assert control.returncode == 0, "callgrind_control failed"
    for scenario in scenarios:
        fork(lambda scenario=scenario: count_one(scenario.name, scenario, variant, None))
    if with_floors:
        plain = SCENARIOS["allowed"]
        for name, floor in floors().items():
            fork(lambda name=name, floor=floor: count_one(f"floor-{name}", plain, variant, floor))


def fork(function: Callable[[], None]) -> None:
    """Call it in a process of its own: what the interpreter learns there, no other one knows."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        try:
            function()
        except BaseException:  # noqa: BLE001 -- a fork must not go on as its parent
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        sys.exit(1)


def count_one(
    name: str, scenario: Scenario, variant: str, handler: Callable[..., Any] | None
) -> None:
    loop, prepared = prepare(scenario, variant)
    handler = handler or prepared
    batch = scenario.batch(variant)
    loop(handler, make_requests(scenario, min(WARM_UP, batch)))
    lengths = [batch // 2, batch] * 3
    gc.collect()
    gc.freeze()
    gc.disable()
    for length in lengths:
        # Each batch takes the memory that the one before left, and what it came with is kept: to
        # give memory back to the system takes now more instructions, now fewer.
        requests = make_requests(scenario, length)
        kept = [getattr(request, "environ", request) for request in requests]
        os.getppid()
        loop(handler, requests)
        os.getppid()
        kept.clear()
    tell(name=name, pid=os.getpid(), lengths=lengths)


def prime(scenario: Scenario, variant: str) -> None:
    """One request, so that everything is loaded."""
    loop, handler = prepare(scenario, variant)
    loop(handler, make_requests(scenario, 1))


# -- Times ---------------------------------------------------------------------------------------


def take_times(scenarios: list[Scenario], variant: str) -> None:
    """Time what is asked for on standard input: the name of a scenario, and how many requests."""
    prepared = {}
    for scenario in scenarios:
        loop, handler = prepared[scenario.name] = prepare(scenario, variant)
        loop(handler, make_requests(scenario, min(WARM_UP, scenario.batch(variant))))
    gc.collect()
    gc.freeze()
    gc.disable()
    tell(ready=True)
    for line in sys.stdin:
        name, length = line.split()
        requests = make_requests(SCENARIOS[name], int(length))
        loop, handler = prepared[name]
        started = time.perf_counter_ns()
        loop(handler, requests)
        tell(nanoseconds=(time.perf_counter_ns() - started) / int(length))
        gc.collect()


# -- Memory --------------------------------------------------------------------------------------


def resident() -> int:
    """The resident set of this process, in bytes."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


# -- Databases -----------------------------------------------------------------------------------


def fill_database(databases: str, rows: int) -> None:
    """Make the database with so many rows."""
    set_up(f"rows-{rows}", "ours", databases)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cors_policy_allowlist_allowedorigin (policy, origin, allow_credentials, "
            "is_enabled, note, created_at, updated_at) "
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE "
            "n + 1 < %s) SELECT 'default', replace(%s, '0000000', printf('%%07d', n)), true, true, "
            "'', '2026-01-01', '2026-01-01' FROM numbers",
            [rows, listed(0)],
        )


def main() -> None:
    task = json.loads(sys.argv[1])
    # A fork takes no threads along; the allowlist starts its own anew, and all else waits.
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
    if task["do"] == "fill":
        fill_database(task["databases"], task["rows"])
        return
    scenarios = [SCENARIOS[name] for name in task["scenarios"]]
    set_up(scenarios[0].project, task["variant"], task["databases"])
    if task["do"] == "count":
        count(scenarios, task["variant"], with_floors=task["floors"])
    elif task["do"] == "time":
        take_times(scenarios, task["variant"])
    elif task["do"] == "memory":
        prime(scenarios[0], task["variant"])
        tell(resident=resident())


if __name__ == "__main__":
    main()
