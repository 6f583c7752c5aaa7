"""gunicorn and uvicorn under load: requests per second, beside a middleware that does nothing.

    python benchmarks/servers.py

Needs wrk, gunicorn and uvicorn. All servers are up at the same time and are asked in turn, in
rounds: a machine's mood hits all of them. Takes four to five minutes. ``--docs`` renews the table
in the docs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from cost import DOCS, about, quartiles
from scenarios import CHAIN_PATHS, SCENARIOS, VARIANTS, Scenario, headers_of
from tables import tables, write_docs

CASES = ("no-origin", "allowed", "preflight")
SERVERS = {
    "gunicorn": (
        *("gunicorn", "servers:make_wsgi()", "--chdir", str(HERE), "--workers", "1"),
        *("--threads", "4", "--log-level", "error"),
    ),
    "uvicorn": (
        *("uvicorn", "servers:make_asgi", "--factory", "--app-dir", str(HERE), "--workers", "1"),
        *("--no-access-log", "--log-level", "error", "--lifespan", "off"),
    ),
}
PATHS = {"gunicorn": CHAIN_PATHS["wsgi"], "uvicorn": CHAIN_PATHS["asgi"]}


def make_wsgi() -> Any:
    """The application of the variant in ``VARIANT``."""
    from django.core.handlers.wsgi import WSGIHandler
    from worker import set_up

    set_up("origins-3", os.environ["VARIANT"], "")
    return WSGIHandler()


def make_asgi() -> Any:
    """As ``make_wsgi``."""
    from django.core.handlers.asgi import ASGIHandler
    from worker import set_up

    set_up("origins-3", os.environ["VARIANT"], "")
    return ASGIHandler()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def serving(server: str, variant: str) -> Any:
    """A server of a variant; its address."""
    port = free_port()
    bind = ("--bind", f"127.0.0.1:{port}") if server == "gunicorn" else ("--port", str(port))
    process = subprocess.Popen(
        [sys.executable, "-m", *SERVERS[server], *bind], env={**os.environ, "VARIANT": variant}
    )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{server} does not start.")
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def load(address: str, scenario: Scenario, seconds: float, script: Path) -> float:
    """Requests per second that are answered."""
    script.write_text(f'wrk.method = "{"OPTIONS" if scenario.preflight else "GET"}"\n')
    headers = headers_of(scenario, next(scenario.origins()))
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", "8", "--duration", f"{seconds:g}s"),
            *("--script", str(script)),
            # In title case, or wrk adds a Host of its own.
            *(f"--header={name.title()}: {value}" for name, value in headers.items()),
            address,
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(done.stdout)
    match = re.search(r"^Requests/sec: +([0-9.]+)$", done.stdout, re.MULTILINE)
    assert match is not None, done.stdout
    return float(match[1])


def measure(server: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Each case's requests per second, and ratios of each round as quartiles."""
    rates: dict[str, dict[str, list[float]]] = {
        case: {variant: [] for variant in VARIANTS} for case in CASES
    }
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        script = Path(directory, "method.lua")
        addresses = {v: stack.enter_context(serving(server, v)) for v in VARIANTS}
        for address in addresses.values():
            load(address, SCENARIOS["allowed"], 1, script)
        for turn in range(rounds):
            for case in CASES:
                first = turn % len(VARIANTS)
                for variant in VARIANTS[first:] + VARIANTS[:first]:
                    address = addresses[variant] + PATHS[server]
                    rate = load(address, SCENARIOS[case], seconds, script)
                    rates[case][variant].append(rate)
    return {
        case: {
            "requests per second": {
                variant: round(statistics.median(found[variant])) for variant in VARIANTS
            },
            "ratios": {variant: quartiles(found[variant], found["no-op"]) for variant in VARIANTS},
        }
        for case, found in rates.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="how many rounds")
    parser.add_argument("--seconds", type=float, default=1, help="how long each load lasts")
    parser.add_argument("--server", choices=SERVERS, help="this one alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    parser.add_argument("--docs", action="store_true", help="renew docs/_performance")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        parser.error("wrk is missing (Debian: apt install wrk).")
    if options.docs and options.server:
        parser.error("--docs takes both servers.")
    names = [options.server] if options.server else list(SERVERS)
    found = {
        "about": {**about(), "Load": f"{options.rounds} rounds of {options.seconds:g} s each"},
        "cases": {name: measure(name, options.rounds, options.seconds) for name in names},
    }
    empty: dict[str, Any] = {"instructions": {}, "floors": {}, "times": {}, "memory": {}}
    made = list(tables({**empty, "about": found["about"], "servers": found}))
    for table in made:
        print(table.as_text())
    if options.json:
        options.json.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")
    if options.docs:
        # The rest, "about" included, is of cost.py's run.
        write_docs([table for table in made if table.name == "servers"], DOCS)


if __name__ == "__main__":
    main()
