"""What is measured: the projects, the requests that they get, and the scenarios made of both.

A project is a settings module: the same rules written for this package and for django-cors-headers
("the peer"). No figure is taken here; see ``cost.py``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VARIANTS = ("nothing", "no-op", "ours", "peer")
# A middleware that does nothing does not answer preflights.
ANSWERING = ("nothing", "ours", "peer")
OTHERS = "https://elsewhere.example"
SIZES = (3, 100, 1_000, 10_000, 100_000, 1_000_000)
# Beyond that, a request takes the peer seconds.
PEER_MOST = 10_000
# Rows of the project whose allowlist is fresh, and grants nothing to the origins that ask.
BYSTANDERS = 100
HOSTILE_LENGTH = 8 * 1024
BATCH = 200
# A view that fits the handler.
CHAIN_PATHS = {"wsgi": "/", "asgi": "/async/"}


def listed(number: int) -> str:
    """An origin of a list. All are of one length, so that only their number differs."""
    return f"https://tenant-{number:07}.customers.example"


@dataclass(frozen=True)
class Scenario:
    """One kind of request to one kind of project.

    ``mode``: "alone" calls the middleware itself, "async" does so in an event loop; "wsgi" and
    "asgi" call Django's handler with the middleware in it.
    """

    name: str
    title: str
    project: str = "origins-3"
    origin: str = "listed"
    preflight: bool = False
    asked_headers: str = "content-type,x-csrftoken"
    path: str = "/"
    mode: str = "alone"
    variants: tuple[str, ...] = VARIANTS
    group: str = "main"

    @property
    def size(self) -> int:
        """How many origins the project allows, where it is their number that matters."""
        kind, _, size = self.project.partition("-")
        return int(size) if kind in {"origins", "rows"} else 0

    def batch(self, variant: str) -> int:
        """How many requests are one measurement; fewer where each takes long."""
        if variant == "peer" and self.size >= 1_000:
            return max(2, 4_000 // self.size)
        if self.mode == "asgi":
            return BATCH // 5  # threads take turns slowly under callgrind
        if self.group == "hostile":
            return 4 if variant == "peer" else 40
        return BATCH

    def origins(self) -> Iterator[str | None]:
        """The ``Origin`` of one request after the other, without end."""
        number = 0
        while True:
            match self.origin:
                case "":
                    yield None
                case "listed":
                    # A step that is prime to all sizes, so that all places of the list are asked.
                    yield listed(number * 7919 % max(3, self.size))
                case "pattern":
                    yield "https://shop-17.region-9.example"
                case "wildcard":
                    yield f"https://shop.region-{number * 7919 % 100:03}.example"
                case "refused":
                    yield OTHERS
                case "hostile":
                    yield "x" * HOSTILE_LENGTH
                case "hostile-host":
                    yield "https://" + "a." * (HOSTILE_LENGTH // 2 - 8) + "example"
            number += 1


def _scenarios() -> Iterator[Scenario]:
    yield Scenario("no-origin", "No ``Origin``", origin="")
    yield Scenario("allowed", "Allowed actual request, 3 origins")
    yield Scenario("refused", "Refused actual request", origin="refused")
    yield Scenario("preflight", "Allowed preflight", preflight=True, variants=ANSWERING)
    yield Scenario(
        "preflight-refused",
        "Refused preflight",
        origin="refused",
        preflight=True,
        variants=ANSWERING,
    )
    yield Scenario("patterns-10", "The last of 10 patterns", "patterns-10", "pattern")
    yield Scenario("origins-1000", "1,000 origins", "origins-1000")
    for size in SIZES:
        variants = VARIANTS if size <= PEER_MOST else VARIANTS[:3]
        if size not in {3, 1_000}:
            yield Scenario(
                f"origins-{size}",
                f"{size:,} origins in settings",
                f"origins-{size}",
                variants=variants,
                group="sizes",
            )
        yield Scenario(
            f"rows-{size}",
            f"{size:,} origins in the database",
            f"rows-{size}",
            variants=VARIANTS[:3],
            group="sizes",
        )
    yield Scenario("wildcards-100", "100 wildcards", "wildcards-100", "wildcard", group="more")
    yield Scenario("credentials", "Allowed, with credentials", "credentials", group="more")
    yield Scenario(
        "credentials-preflight",
        "Allowed preflight, with credentials",
        "credentials",
        preflight=True,
        variants=ANSWERING,
        group="more",
    )
    yield Scenario("any", "``*``", "any", "refused", group="more")
    yield Scenario("any-no-origin", "``*``, no ``Origin``", "any", "", group="more")
    yield Scenario("hostile", "``Origin`` of 8 KB", origin="hostile", group="hostile")
    yield Scenario(
        "hostile-host",
        "``Origin`` of 8 KB, labels and dots",
        origin="hostile-host",
        group="hostile",
    )
    yield Scenario(
        "hostile-wildcards",
        "the same, and 100 wildcards",
        "wildcards-100",
        "hostile-host",
        group="hostile",
    )
    yield Scenario(
        "hostile-headers",
        "``Access-Control-Request-Headers`` of 8 KB",
        preflight=True,
        asked_headers="x-a," * (HOSTILE_LENGTH // 4),
        variants=ANSWERING,
        group="hostile",
    )
    yield Scenario(
        "hostile-echo",
        'the same, ``ALLOW_HEADERS: ["*"]`` with credentials',
        "echo",
        preflight=True,
        asked_headers="x-a," * (HOSTILE_LENGTH // 4),
        variants=ANSWERING,
        group="hostile",
    )
    for name, origin in (("no-origin", ""), ("refused", "refused"), ("allowed", "listed")):
        yield Scenario(
            f"allowlist-{name}",
            f"Allowlist installed and fresh, {name.replace('-', ' ')}",
            "allowlist",
            origin,
            variants=VARIANTS[:3],
            group="allowlist",
        )
    for name, path in (("undecorated", "/plain/"), ("decorated", "/decorated/")):
        yield Scenario(
            name,
            f"{name.capitalize()} view, allowed",
            "decorators",
            path=path,
            variants=VARIANTS[:3],
            group="decorators",
        )
    for name, origin in (("no-origin", ""), ("allowed", "listed"), ("refused", "refused")):
        yield Scenario(
            f"async-{name}",
            f"Async, {name.replace('-', ' ')}",
            origin=origin,
            mode="async",
            group="async",
        )
    for mode, path in CHAIN_PATHS.items():
        for name, origin in (("no-origin", ""), ("allowed", "listed"), ("refused", "refused")):
            yield Scenario(
                f"{mode}-{name}",
                f"{mode.upper()} handler, {name.replace('-', ' ')}",
                origin=origin,
                path=path,
                mode=mode,
                group="chain",
            )
    for mode, path in CHAIN_PATHS.items():
        yield Scenario(
            f"{mode}-preflight",
            f"{mode.upper()} handler, allowed preflight",
            preflight=True,
            path=path,
            mode=mode,
            group="chain",
        )


SCENARIOS = {scenario.name: scenario for scenario in _scenarios()}


# -- Projects ------------------------------------------------------------------------------------


def settings_of(project: str, variant: str, databases: str) -> dict[str, Any]:
    """The settings module of a project. ``databases``: the directory that holds them."""
    names: dict[str, Any] = {
        "ALLOWED_HOSTS": ["*"],
        "INSTALLED_APPS": [],
        "MIDDLEWARE": [],
        "ROOT_URLCONF": "benchmark_urls",
        "SECRET_KEY": "benchmark",
        "USE_TZ": True,
    }
    if variant == "no-op":
        names["MIDDLEWARE"] = ["worker.no_op"]
    elif variant == "ours":
        names["MIDDLEWARE"] = ["django_cors_policy.middleware.CorsPolicyMiddleware"]
        names |= _ours(project, databases)
    elif variant == "peer":
        names["MIDDLEWARE"] = ["corsheaders.middleware.CorsMiddleware"]
        names["INSTALLED_APPS"] = ["corsheaders"]
        names |= _peer(project)
    return names


def _ours(project: str, databases: str) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    names: dict[str, Any] = {
        "INSTALLED_APPS": ["django_cors_policy"],
        "CORS_POLICIES": {"default": policy},
    }
    kind, _, size = project.partition("-")
    match kind:
        case "origins":
            policy["ALLOW_ORIGINS"] = [listed(number) for number in range(int(size))]
        case "patterns":
            policy["ALLOW_ORIGINS"] = [re.compile(pattern) for pattern in _patterns(int(size))]
        case "wildcards":
            policy["ALLOW_ORIGINS"] = [
                f"https://*.region-{number:03}.example" for number in range(int(size))
            ]
        case "any":
            policy["ALLOW_ORIGINS"] = ["*"]
        case "credentials":
            policy |= {"ALLOW_ORIGINS": _three(), "ALLOW_CREDENTIALS": True}
        case "echo":
            policy |= {"ALLOW_ORIGINS": _three(), "ALLOW_CREDENTIALS": True, "ALLOW_HEADERS": ["*"]}
        case "decorators":
            policy["ALLOW_ORIGINS"] = _three()
        case "rows" | "allowlist":
            rows = int(size) if size else BYSTANDERS
            # With the default interval, and with one in which no thread wakes while it is counted.
            freshness = {"REFRESH_SECONDS": 3600, "FULL_RELOAD_SECONDS": 86400} if size else {}
            names |= {
                "INSTALLED_APPS": ["django_cors_policy", "django_cors_policy.allowlist"],
                "CORS_ALLOWLIST": {**freshness, "FIRST_WAIT_SECONDS": 1800},
                "DATABASES": {"default": database(databases, rows)},
            }
            if not size:
                policy["ALLOW_ORIGINS"] = _three()
    return names


def _three() -> list[str]:
    return [listed(number) for number in range(3)]


def database(databases: str, rows: int) -> dict[str, Any]:
    """The database with so many rows."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{databases}/rows-{rows}.sqlite3"}


def _peer(project: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    kind, _, size = project.partition("-")
    match kind:
        case "origins":
            names["CORS_ALLOWED_ORIGINS"] = [listed(number) for number in range(int(size))]
        case "credentials" | "echo":
            names |= {"CORS_ALLOWED_ORIGINS": _three(), "CORS_ALLOW_CREDENTIALS": True}
        case "patterns":
            names["CORS_ALLOWED_ORIGIN_REGEXES"] = _patterns(int(size))
        case "wildcards":
            names["CORS_ALLOWED_ORIGIN_REGEXES"] = [
                rf"^https://([a-z0-9-]+\.)+region-{number:03}\.example$"
                for number in range(int(size))
            ]
        case "any":
            names["CORS_ALLOW_ALL_ORIGINS"] = True
    return names


def _patterns(count: int) -> list[str]:
    return [rf"^https://[a-z0-9-]+\.region-{number}\.example$" for number in range(count)]


# -- Requests ------------------------------------------------------------------------------------

# What gunicorn hands over for a browser's request, but for what CORS is about.
SERVER = {
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "",
    "RAW_URI": "/",
    "SCRIPT_NAME": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "gunicorn",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
HEADERS = {
    "host": "api.example.com",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate, br",
    "accept-language": "en-GB,en;q=0.9",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "sec-fetch-dest": "empty",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "cross-site",
    "cookie": "sessionid=q7x2m5n8b1v4c6z9; csrftoken=a1s2d3f4g5h6j7k8",
    "connection": "keep-alive",
}


def fresh(text: str) -> str:
    """The same text as a new string, whose hash nobody has asked for yet, as from a socket."""
    return text.encode("ascii").decode("ascii")


def headers_of(scenario: Scenario, origin: str | None) -> dict[str, str]:
    """The headers of one request, in lower case."""
    headers = dict(HEADERS)
    if origin is not None:
        headers["origin"] = origin
    if scenario.preflight:
        headers["access-control-request-method"] = "PUT"
        headers["access-control-request-headers"] = scenario.asked_headers
    return headers


def environs(scenario: Scenario, count: int) -> list[dict[str, Any]]:
    """So many WSGI environments, in which every string of the client's is a new one."""
    made = []
    for _, origin in zip(range(count), scenario.origins(), strict=False):
        environ = {
            **SERVER,
            "PATH_INFO": fresh(scenario.path),
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        if scenario.preflight:
            environ["REQUEST_METHOD"] = fresh("OPTIONS")
        for name, value in headers_of(scenario, origin).items():
            environ[fresh(f"HTTP_{name.upper().replace('-', '_')}")] = fresh(value)
        made.append(environ)
    return made


def scopes(scenario: Scenario, count: int) -> list[dict[str, Any]]:
    """As ``environs``, for ASGI."""
    return [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": fresh("OPTIONS" if scenario.preflight else "GET"),
            "scheme": "http",
            "path": fresh(scenario.path),
            "raw_path": scenario.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (fresh(name).encode(), fresh(value).encode())
                for name, value in headers_of(scenario, origin).items()
            ],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        for _, origin in zip(range(count), scenario.origins(), strict=False)
    ]
