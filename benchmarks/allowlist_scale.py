"""The allowlist with 100 to 1,000,000 rows: time, memory, and what a refresh does to requests.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/allowlist_scale.py

Makes a database of its own on that server and drops it again. Each size is measured in a process of
its own. Times are medians of several runs; the memory is what the process grew by (resident set).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SIZES = (100, 10_000, 100_000, 1_000_000)
DATABASE = "cors_policy_allowlist_scale"


def set_up(database: str) -> None:
    import django
    import environ
    from django.conf import settings

    config = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    settings.configure(
        ALLOWED_HOSTS=["*"],
        CORS_POLICIES={"default": {"ALLOW_CREDENTIALS": True}},
        CORS_ALLOWLIST={"REFRESH_SECONDS": 3600, "FIRST_WAIT_SECONDS": 600},
        DATABASES={"default": {**config, "NAME": database}},
        INSTALLED_APPS=["django_cors_policy", "django_cors_policy.allowlist"],
        MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="benchmark",
        USE_TZ=True,
    )
    django.setup()


urlpatterns: list[Any] = []


def origin(number: int) -> str:
    return f"https://tenant-{number}.customers.example"


def resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def measure(size: int) -> dict[str, float]:
    set_up(DATABASE)
    from django.core.management import call_command
    from django.db import connection
    from django.test import RequestFactory

    from django_cors_policy.allowlist.models import AllowedOrigin
    from django_cors_policy.allowlist.refresher import allowlist
    from django_cors_policy.conf import policy_book
    from django_cors_policy.middleware import CorsPolicyMiddleware

    call_command("migrate", verbosity=0)
    AllowedOrigin.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cors_policy_allowlist_allowedorigin (policy, origin, allow_credentials, "
            "is_enabled, note, created_at, updated_at) SELECT 'default', 'https://tenant-' || n || "
            "'.customers.example', true, true, '', now(), now() FROM generate_series(1, %s) n",
            [size],
        )
        cursor.execute("ANALYZE cors_policy_allowlist_allowedorigin")
    policy = policy_book().policies["default"]

    gc.collect()
    before = resident()
    started = time.perf_counter()
    allowlist.prepare()
    first = time.perf_counter() - started
    assert allowlist.grant_for(policy, origin(size)) is not None
    gc.collect()
    memory = resident() - before

    refreshes = []
    for _ in range(3):
        AllowedOrigin.objects.filter(origin=origin(1)).update(note="x")
        allowlist.snapshot = replace_token(allowlist.snapshot)
        started = time.perf_counter()
        allowlist._poll()
        refreshes.append(time.perf_counter() - started)

    from django.http import HttpResponse

    middleware = CorsPolicyMiddleware(lambda request: HttpResponse())
    factory = RequestFactory()

    def request(number: int) -> float:
        request = factory.get("/", headers={"origin": origin(number)})
        started = time.perf_counter()
        response = middleware(request)
        elapsed = time.perf_counter() - started
        assert response.has_header("Access-Control-Allow-Origin")
        return elapsed

    quiet = [request(1 + n % size) for n in range(20_000)]
    done = threading.Event()

    def refresh() -> None:
        for _ in range(3):
            allowlist.snapshot = replace_token(allowlist.snapshot)
            allowlist._poll()
        connection.close()
        done.set()

    thread = threading.Thread(target=refresh)
    busy, late = [], []
    thread.start()
    while not done.is_set():
        # From the moment when this thread wanted to wake up: a clock that starts only once the
        # thread has the interpreter's lock does not see how long it waited for it.
        due = time.perf_counter() + 0.001
        time.sleep(0.001)
        busy.append(request(1 + len(busy) % size))
        late.append(time.perf_counter() - due)
    thread.join()
    return {
        "rows": size,
        "first snapshot, s": first,
        "refresh after a change, s": statistics.median(refreshes),
        "memory, bytes a row": memory / size,
        "request, µs (median)": statistics.median(quiet) * 1e6,
        "worst request, ms": max(quiet) * 1e3,
        "request while refreshing, µs (median)": statistics.median(busy) * 1e6,
        "answer late while refreshing, ms (median)": statistics.median(late) * 1e3,
        "answer late while refreshing, ms (worst)": max(late) * 1e3,
    }


def replace_token(snapshot: Any) -> Any:
    import dataclasses

    return dataclasses.replace(snapshot, token="outdated")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, help="measure one size in this process, as JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="ROWS")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    options = parser.parse_args()
    if options.size:
        print(json.dumps(measure(options.size)))
        return
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        results = []
        for size in options.sizes:
            output = subprocess.run(
                [sys.executable, __file__, "--size", str(size)],
                check=True,
                capture_output=True,
                text=True,
                timeout=900,
            ).stdout
            results.append(json.loads(output))
            if not options.json:
                print(f"{size:>9,} rows done", file=sys.stderr)
        connection.execute(f"DROP DATABASE {DATABASE}")
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for name in results[0]:
        print(f"{name:40}", *(f"{result[name]:>12,.3g}" for result in results))


if __name__ == "__main__":
    main()
