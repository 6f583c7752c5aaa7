"""WSGI and ASGI applications; with USE_BEFORE_FORK, one that has served before its server forks."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.processes.settings")

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

if os.environ.get("SERVE") == "asgi":
    application = get_asgi_application()
else:
    application = get_wsgi_application()

if os.environ.get("USE_BEFORE_FORK"):
    from django.db import connections
    from django.test import Client

    # Starts the allowlist's thread here, in the parent.
    Client().get("/worker/", headers={"origin": "https://nobody.example"})
    connections.close_all()
