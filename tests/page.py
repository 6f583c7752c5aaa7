"""A page's script that calls this project's server, through a browser that nobody has to install.

Whether it asks first, and what it may read, is decided by ``django_cors_policy.browser``; redirects
and cookies are written down here. ``tests/browsers`` holds such conversations with real browsers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.test import Client
from django.utils import translation

from django_cors_policy.browser import Call, check_preflight, check_response, readable_headers
from django_cors_policy.origins import is_loopback, registrable_domain

CSRF_TOKEN = "a" * 32


@dataclass
class Fetched:
    """What was sent (kind, status and headers of each answer), and what the script may read."""

    exchanges: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    response: Any = None
    readable: tuple[str, ...] = ()
    bodies: list[str] = field(default_factory=list)


def fetch_from(
    origin: str,
    url: str,
    method: str = "GET",
    headers: Iterable[str] = (),
    content_type: str = "",
    *,
    credentials: bool = False,
) -> Fetched:
    """What the page on ``origin`` gets for its call; it has a session and a CSRF cookie."""
    fetched = Fetched()
    call = Call(origin, method, tuple(headers), content_type, credentials=credentials)
    is_mixed = origin.startswith("https:") and url.startswith("http:")
    if is_mixed and not is_loopback(str(urlsplit(url).hostname)):
        return fetched
    for _ in range(20):
        if call.is_preflighted:
            answer = _send(fetched, "preflight", call, url, call.preflight_headers)
            if check_preflight(call, answer.status_code, dict(answer.items())) is not None:
                return fetched
        sent = {"Origin": call.origin}
        sent |= {name: "1" for name in call.headers if name not in call.dropped_headers}
        if "x-csrftoken" in sent:
            sent["x-csrftoken"] = CSRF_TOKEN
        if call.credentials and (cookies := _cookies(origin, url)):
            sent["Cookie"] = cookies
        answer = _send(fetched, "request", call, url, sent)
        if check_response(call, dict(answer.items())) is not None:
            return fetched
        if not 300 <= answer.status_code < 400:
            fetched.response = answer
            fetched.readable = readable_headers(call, dict(answer.items()))
            return fetched
        target = urljoin(url, answer["Location"])
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            call = replace(call, origin="null")
        if call.method == "POST" and answer.status_code in (301, 302):
            names = tuple(name for name in call.headers if name != "content-type")
            call = replace(call, method="GET", headers=names, content_type="")
        url = target
    raise AssertionError("redirected for ever")


def _send(fetched: Fetched, kind: str, call: Call, url: str, headers: dict[str, str]) -> Any:
    scheme, host, path, query, _ = urlsplit(url)
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    # LocaleMiddleware leaves its choice behind.
    with translation.override(settings.LANGUAGE_CODE):
        answer: Any = client.generic(
            "OPTIONS" if kind == "preflight" else call.method,
            f"{path}?{query}" if query else path,
            content_type=call.content_type if kind == "request" else "",
            secure=scheme == "https",
            headers={**headers, "Host": host},
        )
    fetched.exchanges.append((kind, answer.status_code, dict(answer.items())))
    fetched.bodies.append(answer.getvalue().decode())
    return answer


def _cookies(origin: str, url: str) -> str:
    """Those that travel, as a browser decides that lets third parties have theirs."""
    page, server = urlsplit(origin), urlsplit(url)
    is_same_site = page.scheme == server.scheme and registrable_domain(
        page.hostname or ""
    ) == registrable_domain(server.hostname or "")
    travelling = []
    for prefix, value in (("SESSION", "somebody"), ("CSRF", CSRF_TOKEN)):
        name, same_site, is_secure = (
            getattr(settings, f"{prefix}_COOKIE_{key}") for key in ("NAME", "SAMESITE", "SECURE")
        )
        is_for_all = same_site == "None" and is_secure
        if (is_same_site or is_for_all) and (server.scheme == "https" or not is_secure):
            travelling.append(f"{name}={value}")
    return "; ".join(travelling)
