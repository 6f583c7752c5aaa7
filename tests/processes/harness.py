"""A PostgreSQL cluster that can be stopped, a proxy that can hang, servers with several workers."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PASSWORD = "only for these tests"
START_SECONDS = 60


def unavailable(what: str, install: str) -> None:
    """A skip on a developer's machine; a failure in CI, where nobody would notice a skip."""
    message = f"{what} is missing; these tests need it. Install it with: {install}"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Cluster:
    """A PostgreSQL of the test's own, run by an unprivileged user, on a port of its own."""

    def __init__(self, directory: Path) -> None:
        self.programs = self._find_programs()
        self.data = directory / "data"
        self.port = free_port()
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(directory, "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        self.start()

    @staticmethod
    def _find_programs() -> Path:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        executable = shutil.which("pg_ctl") or (str(found[-1]) if found else None)
        if executable is None:
            unavailable("PostgreSQL", "apt-get install postgresql")
        return Path(str(executable)).parent

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "--pgdata", str(self.data), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # No pipe: the server that pg_ctl leaves behind would hold it open for as long as it runs.
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=120,
        )

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off "
        options += "-c unix_socket_directories="
        self._run(
            "pg_ctl", "--wait", "--log", str(self.data / "log"), "--options", options, "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def url(self, port: int | None = None) -> str:
        return f"postgres://postgres@127.0.0.1:{port or self.port}/postgres"

    def execute(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql)


class Proxy:
    """Passes bytes on to the database, until it hangs: then it accepts, and answers nothing."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.flows = threading.Event()
        self.flows.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.flows.wait()
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            ways = [
                threading.Thread(target=self._pass_on, args=way, daemon=True)
                for way in ((client, server), (server, client))
            ]
            for way in ways:
                way.start()
            for way in ways:
                way.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.flows.set()
        self.listener.close()


class Server:
    """gunicorn or uvicorn with several workers, asked over HTTP."""

    def __init__(
        self,
        kind: str,
        workers: int,
        database: str,
        refresh_seconds: float,
        log: Path,
        *,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.workers = workers
        self.port = free_port()
        self.log = log
        address = f"127.0.0.1:{self.port}"
        commands = {
            "gunicorn": ["gunicorn", "tests.processes.application", "--bind", address],
            "uvicorn": [
                *("uvicorn", "tests.processes.application:application"),
                *("--host", "127.0.0.1", "--port", str(self.port), "--lifespan", "off"),
            ],
        }
        output = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *commands[kind], "--workers", str(workers), *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "DJANGO_SETTINGS_MODULE": "tests.processes.settings",
                "DATABASE_URL": database,
                "REFRESH_SECONDS": str(refresh_seconds),
                "SERVE": "asgi" if kind == "uvicorn" else "wsgi",
                **(environment or {}),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output.close()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ask(self, origin: str) -> tuple[int, bool, float]:
        """Which process answered, whether it allowed ``origin``, and after how many seconds."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/worker/", headers={"Origin": origin, "Connection": "close"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        assert response.status == 200, (response.status, body[:2000])
        allowed = response.getheader("Access-Control-Allow-Origin") == origin
        return int(body), allowed, time.monotonic() - started

    def wait_until_up(self) -> None:
        """Until each worker has answered once, and so has its first rows."""
        seen: set[int] = set()
        deadline = time.monotonic() + START_SECONDS
        while len(seen) < self.workers:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, (seen, self.log.read_text())
            try:
                seen.add(self.ask("https://nobody.example")[0])
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)

    def seconds_until(self, origin: str, allowed: bool, limit: float) -> float:
        """How long any worker still answered by the old rule, from now on.

        Over when each worker has answered by the new rule and none by the old one for a while.
        """
        started = time.monotonic()
        last_old = 0.0
        agreeing: set[int] = set()
        answers_since = 0
        while len(agreeing) < self.workers or answers_since < 10 * self.workers:
            pid, is_allowed, _ = self.ask(origin)
            if is_allowed == allowed:
                agreeing.add(pid)
                answers_since += 1
            else:
                last_old = time.monotonic() - started
                agreeing.clear()
                answers_since = 0
            assert time.monotonic() - started < limit, (agreeing, self.log.read_text()[-5000:])
        return last_old

    def slowest(self, origin: str, requests: int) -> float:
        """The seconds that the slowest of some requests took."""
        return max(self.ask(origin)[2] for _ in range(requests))


class Operator:
    """Somebody in the admin, over HTTP."""

    base = "/admin/cors_policy_allowlist/allowedorigin/"

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        self._request("GET", "/admin/login/")
        status, _, _ = self._post(
            "/admin/login/", {"username": "operator", "password": PASSWORD, "next": "/admin/"}
        )
        assert status == 302

    def allow(self, origin: str) -> None:
        fields = {"policy": "default", "origin": origin, "allow_credentials": "on"}
        fields |= {"is_enabled": "on", "note": "", "expires_at_0": "", "expires_at_1": ""}
        status, _, body = self._post(f"{self.base}add/", fields)
        assert status == 302, re.findall(r"(?s)errorlist.*?</ul>", body)

    def revoke(self, origin: str) -> None:
        _, _, body = self._request("GET", f"{self.base}?q={urllib.parse.quote(origin)}")
        [key, *_] = re.findall(rf"{self.base}(\d+)/change/", body)
        status, _, _ = self._post(f"{self.base}{key}/delete/", {"post": "yes"})
        assert status == 302

    def _post(self, path: str, fields: dict[str, str]) -> tuple[int, Any, str]:
        fields = fields | {"csrfmiddlewaretoken": self.cookies["csrftoken"]}
        return self._request("POST", path, urllib.parse.urlencode(fields))

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, Any, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        for header in response.headers.get_all("Set-Cookie") or ():
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return response.status, response.headers, text


@contextlib.contextmanager
def running(start: Callable[[], Any]) -> Iterator[Any]:
    thing = start()
    try:
        yield thing
    finally:
        thing.close()
