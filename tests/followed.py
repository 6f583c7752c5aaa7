"""A new project, set up by doing literally what a page of the docs says."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent

CODE_BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>python|console)\n\n"
    r"(?P<code>(?:(?P=indent) +\S.*\n|\n)+)",
    re.MULTILINE,
)
VIEWS = """
from django.contrib import admin
from django.http import JsonResponse
from django.urls import path

def items(request):
    return JsonResponse({"items": 3})

urlpatterns = [path("admin/", admin.site.urls), path("api/items/", items)]
"""


def part(page: str, heading: str | None = None) -> str:
    """The text below a heading, or below the title, up to the next heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    start = rf"\n{heading}\n=+\n" if heading else r"\A=+\n.+\n=+\n"
    _, after = re.split(start, text, maxsplit=1)
    return re.split(r"^(?:\.\. _.+:\n\n)?.+\n=+$", after, maxsplit=1, flags=re.MULTILINE)[0]


@dataclass
class Project:
    """What ``django-admin startproject`` makes, in ``folder``."""

    folder: Path

    @classmethod
    def start(cls, folder: Path) -> Project:
        project = cls(folder)
        project.run("-m", "django", "startproject", "mysite", ".")
        (folder / "mysite" / "urls.py").write_text(VIEWS)
        return project

    def environment(self) -> dict[str, str]:
        """No setting of the developer who runs the tests."""
        inherited = {n: v for n, v in os.environ.items() if n != "DJANGO_SETTINGS_MODULE"}
        return inherited | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def write_settings(self, code: str) -> None:
        with (self.folder / "mysite" / "settings.py").open("a") as settings:
            settings.write(f"\n{code}")

    def follow(self, text: str) -> list[str]:
        """Append each Python block to the settings, run each command; the commands that ran.

        The package is there already, so ``pip install`` is not run.
        """
        ran = []
        for block in CODE_BLOCK.finditer(text):
            code = textwrap.dedent(block["code"])
            if block["language"] == "python":
                self.write_settings(code)
                continue
            for command in re.findall(r"^\$ python (.+)", code, re.MULTILINE):
                if not command.startswith("-m pip install"):
                    # Django's own deployment checks complain about every new project.
                    deploy = command.endswith("--deploy")
                    done = self.run(*shlex.split(command), check=not deploy)
                    assert "django_cors_policy." not in done.stdout + done.stderr
                    ran.append(command)
        return ran


@contextmanager
def serving(project: Project, console: int | IO[str] = subprocess.DEVNULL) -> Iterator[int]:
    """``runserver`` for the project; its port on loopback. ``console`` gets what it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment(),
        stdout=console,
        stderr=subprocess.STDOUT,
    ) as server:
        try:
            for _ in range(600):
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None, "runserver has ended"
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()
