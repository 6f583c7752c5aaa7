"""A small simulation of CORS in a browser: what ``fetch()`` does before a script sees a response.

It follows the Fetch standard (https://fetch.spec.whatwg.org/) and uses no code of
django_cors_policy, because a check should not have the same bugs as the code that it checks. It
supports what the demo's calls need; it has no caches, redirects or streams.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPMessage
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

SAFELISTED_METHODS = {"GET", "HEAD", "POST"}
SAFELISTED_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
SAFELISTED_REQUEST_HEADERS = {"accept", "accept-language", "content-language"}
SAFELISTED_RESPONSE_HEADERS = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}


class Blocked(Exception):
    """A network error. Scripts learn nothing else about it."""


class Browser:
    """One browser, with the cookies of one host, which all ports of ``localhost`` share."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def fetch(
        self,
        origin: str,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        credentials: bool = False,
    ) -> dict[str, Any]:
        """Return what a script on ``origin`` gets: a status, headers and a body, or an error."""
        own = {name.lower(): value for name, value in (headers or {}).items()}
        data = None
        if json_body is not None:
            own["content-type"], data = "application/json", json.dumps(json_body)
        elif form is not None:
            own["content-type"], data = "application/x-www-form-urlencoded", urlencode(form)
        try:
            unsafe = unsafe_header_names(own)
            if method not in SAFELISTED_METHODS or unsafe:
                self._preflight(origin, url, method, unsafe, credentials)
            status, received, content = self._send(
                method, url, {**own, "Origin": origin}, data, credentials
            )
            cors_check(origin, received, credentials)
        except Blocked as blocked:
            return {"error": str(blocked)}
        return {
            "status": status,
            "headers": exposed(received, credentials),
            "body": parsed(received, content),
        }

    def _preflight(
        self, origin: str, url: str, method: str, unsafe: list[str], credentials: bool
    ) -> None:
        """https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        if unsafe:
            asked["Access-Control-Request-Headers"] = ",".join(unsafe)
        # A preflight has no credentials. If the call has them, the response must allow them.
        status, received, _ = self._send("OPTIONS", url, asked, None, credentials=False)
        cors_check(origin, received, credentials)
        if not 200 <= status <= 299:
            raise Blocked(f"the preflight response has status {status}")
        methods = names(received, "Access-Control-Allow-Methods")
        if method not in {*methods, *SAFELISTED_METHODS} and (credentials or "*" not in methods):
            raise Blocked(f"{method} is not in Access-Control-Allow-Methods")
        allowed = [name.lower() for name in names(received, "Access-Control-Allow-Headers")]
        for name in unsafe:
            by_wildcard = "*" in allowed and not credentials and name != "authorization"
            if name not in allowed and not by_wildcard:
                raise Blocked(f"{name} is not in Access-Control-Allow-Headers")

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], data: str | None, credentials: bool
    ) -> tuple[int, HTTPMessage, bytes]:
        target = urlsplit(url)
        sent = dict(headers)
        if credentials and self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection(target.hostname or "", target.port, timeout=10)
        try:
            connection.request(method, f"{target.path}?{target.query}", data, sent)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise Blocked(f"no response: {error}") from None
        finally:
            connection.close()
        if credentials:
            # Browsers store cookies even if the script may not read the response.
            for line in response.headers.get_all("Set-Cookie", []):
                self._store(line)
        return response.status, response.headers, content

    def _store(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def unsafe_header_names(headers: Mapping[str, str]) -> list[str]:
    """https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names"""
    return sorted(
        name
        for name, value in headers.items()
        if name not in SAFELISTED_REQUEST_HEADERS
        and not (name == "content-type" and value.partition(";")[0] in SAFELISTED_TYPES)
    )


def cors_check(origin: str, received: HTTPMessage, credentials: bool) -> None:
    """https://fetch.spec.whatwg.org/#concept-cors-check"""
    allowed = ", ".join(received.get_all("Access-Control-Allow-Origin", []))
    if not allowed:
        raise Blocked("no Access-Control-Allow-Origin")
    if allowed == "*" and not credentials:
        return
    if allowed != origin:
        raise Blocked(f"Access-Control-Allow-Origin is {allowed}")
    if credentials and received.get("Access-Control-Allow-Credentials") != "true":
        raise Blocked("Access-Control-Allow-Credentials is not true")


def exposed(received: HTTPMessage, credentials: bool) -> dict[str, str]:
    """https://fetch.spec.whatwg.org/#concept-filtered-response-cors"""
    listed = {name.lower() for name in names(received, "Access-Control-Expose-Headers")}
    everything = "*" in listed and not credentials
    return {
        name.lower(): value
        for name, value in received.items()
        if name.lower() != "set-cookie"
        and (everything or name.lower() in SAFELISTED_RESPONSE_HEADERS | listed)
    }


def names(received: HTTPMessage, header: str) -> list[str]:
    value = ",".join(received.get_all(header, []))
    return [name.strip() for name in value.split(",") if name.strip()]


def parsed(received: HTTPMessage, content: bytes) -> Any:
    if content and received.get_content_type() == "application/json":
        return json.loads(content)
    return content.decode("utf-8", "replace")
