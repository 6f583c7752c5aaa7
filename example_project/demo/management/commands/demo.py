"""``manage.py demo``: the API and its pages, each on its own port."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import get_internal_wsgi_application
from shop.models import Book

from demo.calls import ROW_ADDED, ROW_REMOVED
from demo.check import Player, Result, table
from demo.pages import Pages
from demo.rows import make_rows
from demo.servers import PortTaken, QuietHandler, free_ports, listening, serving
from demo.wire import Recorder, RecordingHandler

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
USERNAME = "bookseller"

PORTS = {
    "api": (8000, "the API"),
    "page": (settings.PAGE_PORT, "the page whose origin the API allows"),
    "stranger": (8002, "the same page on an origin that the API does not allow"),
    "partner": (8003, "the same page on a partner's origin, allowed by a row of the allowlist"),
}


class Command(BaseCommand):
    help = (
        "Starts the API, and a page on three origins: the front end, a partner and a stranger. "
        "Only this machine can reach them. Press Ctrl-C to stop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name, (default, what) in PORTS.items():
            parser.add_argument(
                f"--{name}-port", type=port, metavar="PORT", help=f"{what}; default: {default}"
            )
        parser.add_argument(
            "--check",
            action="store_true",
            help="make the page's calls without a browser, on free ports and with a temporary "
            "database, and change the allowlist in between; print the expected and the actual "
            "results; exit with 0, or with 1 if they differ",
        )

    def handle(self, *, check: bool, **options: Any) -> None:
        defaults = free_ports(len(PORTS)) if check else [default for default, _ in PORTS.values()]
        ports = {
            name: options[f"{name}_port"] or default
            for name, default in zip(PORTS, defaults, strict=True)
        }
        if len(set(ports.values())) < len(ports):
            raise CommandError(
                "Each server needs its own port: "
                + ", ".join(f"--{name}-port {number}" for name, number in ports.items())
            )
        if check:
            self.check_calls(ports)
        elif ports["page"] != settings.PAGE_PORT:
            self.start_again(ports)
        else:
            self.serve(ports)

    def serve(self, ports: dict[str, int]) -> None:
        stop = threading.Event()
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, lambda *_: stop.set())
        with ExitStack() as stack:
            # Open all ports first: a demo that cannot start should not change the database.
            servers = {}
            for name, number in ports.items():
                handler = RecordingHandler if name == "api" else QuietHandler
                try:
                    servers[name] = stack.enter_context(listening(number, handler))
                except PortTaken as error:
                    raise CommandError(
                        f"Port {number} ({PORTS[name][1]}) cannot be used: {error}. "
                        f"Choose another port with --{name}-port."
                    ) from None
            password = self.prepare_database(partner=url(ports["partner"]))
            recorder = Recorder(StaticFilesHandler(get_internal_wsgi_application()))
            pages = Pages(
                recorder,
                api=url(ports["api"]),
                origins={name: url(ports[name]) for name in PORTS if name != "api"},
                allowed=settings.CORS_ALLOW_ORIGINS,
                memory={
                    "username": USERNAME,
                    "password": password,
                    "partner_token": settings.PARTNER_TOKEN,
                },
            )
            for name, server in servers.items():
                stack.enter_context(serving(server, recorder if name == "api" else pages))
            self.stdout.write(
                f"\n"
                f"  Open   {url(ports['page'])}\n"
                f"\n"
                f"  The page calls the API, {url(ports['api'])}, from its own origin. In frames,\n"
                f"  it also calls it from a partner's origin, {url(ports['partner'])}, which a\n"
                f"  row in the admin allows, and from a stranger's origin,\n"
                f"  {url(ports['stranger'])}, which is not allowed yet.\n"
                f"\n"
                f"  Admin  {url(ports['api'])}/admin/  (user {USERNAME}, password {password})\n"
                f"\n"
                f"  Press Ctrl-C to stop the demo. Requests to the API:\n"
            )
            self.stdout.flush()
            # With a timeout: on Windows, an endless wait ignores Ctrl-C.
            while not stop.wait(0.5):
                pass
        self.stdout.write("Stopped.")

    def prepare_database(self, partner: str) -> str:
        """Create tables, books, allowed origins and a user; return the user's password."""
        call_command("migrate", verbosity=0, interactive=False)
        if not Book.objects.exists():
            call_command("loaddata", "books", verbosity=0)
        make_rows(partner)
        # A new password at each start, because this source code is public.
        password = secrets.token_urlsafe(9)
        user, _ = get_user_model().objects.get_or_create(username=USERNAME)
        user.is_staff = True
        user.set_password(password)
        user.save()
        apps = ["shop", "cors_policy_allowlist"]
        user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=apps))
        return password

    def start_again(self, ports: dict[str, int]) -> NoReturn:
        """Start again with other environment variables: settings are read only at start."""
        os.execve(sys.executable, command_line(ports), environment(ports))  # noqa: S606

    def check_calls(self, ports: dict[str, int]) -> None:
        """Start the demo in another process, and make its calls as a browser does."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the demo's process ends too
        with TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            database = f"sqlite:///{(Path(folder) / 'db.sqlite3').as_posix()}"
            with log.open("wb") as output:
                demo = subprocess.Popen(  # noqa: S603
                    command_line(ports),
                    env={**environment(ports), "DATABASE_URL": database},
                    stdout=output,
                    stderr=output,
                )
            try:
                if not answers(url(ports["page"]), demo):
                    raise CommandError(f"The demo did not start:\n{log.read_text()}")
                player = Player(url(ports["page"]))
                results = player.play_all()
                if all(result.passed for result in results):
                    results += self.change_rows(player, ports, database)
            except KeyboardInterrupt:
                raise CommandError("Stopped before all calls were made.") from None
            finally:
                demo.terminate()
                demo.wait()
        self.stdout.write("\n".join(table(results)))
        failed = [result.call.id for result in results if not result.passed]
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(results)} calls did not go as expected: "
                f"{', '.join(failed)}."
            )
        self.stdout.write(f"All {len(results)} calls went as expected.")

    def change_rows(self, player: Player, ports: dict[str, int], database: str) -> Iterator[Result]:
        """Change the allowlist in another process, and wait until the API uses the change."""
        stranger = url(ports["stranger"])
        for call, change in [(ROW_ADDED, "add"), (ROW_REMOVED, "remove")]:
            command = subprocess.run(  # noqa: S603
                [*MANAGE, "cors_origins", change, stranger],
                check=False,
                env={**environment(ports), "DATABASE_URL": database},
                capture_output=True,
                text=True,
            )
            if command.returncode:
                raise CommandError(f"cors_origins {change} failed:\n{command.stderr}")
            yield player.play_until_passed(call)


def port(text: str) -> int:
    """Return the port number in ``text``, for argparse."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ArgumentTypeError(f"{text!r} is not a port: write a number from 1 to 65535")
    return int(text)


def url(number: int) -> str:
    return f"http://localhost:{number}"


def command_line(ports: dict[str, int]) -> list[str]:
    options = [f"--{name}-port={number}" for name, number in ports.items()]
    return [*MANAGE, "demo", *options]


def environment(ports: dict[str, int]) -> dict[str, str]:
    """Return the environment for the demo: by default, settings allow the page's origin."""
    return {**os.environ, "PAGE_PORT": str(ports["page"])}


def answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until ``address`` responds. Return ``False`` after a timeout or if it ends."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(address, timeout=10).close()  # noqa: S310
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False
