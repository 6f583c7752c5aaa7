"""Which files of the package run on a request: ``python -m tests.audit`` tells it in JSON.

In an interpreter of its own, which no other test and no other tracer disturbs. Each request is sent
twice, and the second one counts: the first one compiles, imports and remembers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.test import AsyncClient, Client, override_settings

import django_cors_policy

PACKAGE = f"{Path(django_cors_policy.__file__).parent}{os.sep}"
LOGGER = logging.getLogger("django_cors_policy")
APP = "https://app.example.com"
ORIGINS = (
    None,
    APP,
    f"{APP}:8443",
    "https://a.example.org",
    "https://stranger.example",
    "null",
    "x" * 999,
)
PREFLIGHT = {"access-control-request-method": "PUT", "access-control-request-headers": "x-token"}
POLICIES = {
    "default": {
        "ALLOW_ORIGINS": [APP, "https://*.example.org", "http://localhost:*"],
        "ALLOW_CREDENTIALS": True,
        "REPORT_ONLY": {"ALLOW_ORIGINS": []},
    },
    "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/public/"]},
    "asks": {"ALLOW_ORIGIN_FUNC": "tests.wire.yes", "PATHS": ["/async/"]},
}
ECHOES = {"default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True, "ALLOW_METHODS": ["*"]}}

ran: set[str] = set()


def trace(frame: Any, event: str, arg: Any) -> None:
    """Note the file of a function that is called; what runs on import is no function's."""
    code = frame.f_code
    if code.co_filename.startswith(PACKAGE) and code.co_name != "<module>":
        ran.add(code.co_filename.removeprefix(PACKAGE).replace(os.sep, "/"))


def send(client: Any, method: str, path: str, headers: dict[str, str]) -> int:
    response = client.generic(method, path, headers=headers)
    return (asyncio.run(response) if asyncio.iscoroutine(response) else response).status_code


def files(*paths: str) -> list[str]:
    """What runs on requests and preflights, allowed and refused, sync and async."""
    found, statuses = set(), set()
    for client in (Client(), AsyncClient()):
        for path in paths:
            for origin in ORIGINS:
                for method, more in (("GET", {}), ("OPTIONS", PREFLIGHT)):
                    headers = ({"origin": origin} if origin else {}) | more
                    send(client, method, path, headers)
                    ran.clear()
                    statuses.add(send(client, method, path, headers))
                    found.update(ran)
    # The requests are what they are meant to be.
    assert {204, 403} <= statuses
    return sorted(found)


def main() -> None:
    settings.configure(
        SECRET_KEY="not secret",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django_cors_policy",
        ],
        MIDDLEWARE=["django_cors_policy.middleware.CorsPolicyMiddleware"],
        ROOT_URLCONF="tests.urls",
        LOGGING_CONFIG=None,
        CORS_POLICIES=POLICIES,
    )
    django.setup()
    logging.getLogger("django").setLevel(logging.CRITICAL)
    LOGGER.addHandler(logging.NullHandler())
    LOGGER.setLevel(logging.WARNING)
    threading.settrace(trace)
    sys.settrace(trace)
    told = {"": files("/hello/", "/public/hello/", "/async/", "/nothing-here/")}
    with override_settings(CORS_POLICIES=ECHOES):
        told["echo"] = files("/hello/")
    with override_settings(DEBUG=True):
        LOGGER.setLevel(logging.INFO)
        told["words"] = files("/hello/")
        LOGGER.setLevel(logging.WARNING)
    with override_settings(ROOT_URLCONF="tests.urls_decorated"):
        told["decorators"] = files("/function/", "/class/", "/plain/", "/nothing-here/")
    sys.settrace(None)
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
