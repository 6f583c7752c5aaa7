"""Where a call goes: its URL, as a browser writes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from django.conf import settings

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import DEFAULT_PORTS, guess_origin, split_origin


@dataclass(frozen=True)
class Target:
    """Where a call goes. ``path`` and ``query`` are percent-encoded, ``port`` is ``""`` for the
    scheme's default. ``is_guessed``: only a path was told, and the host is assumed.
    """

    scheme: str
    host: str
    port: str
    path: str
    query: str
    is_guessed: bool = False

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def path_and_query(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path_and_query}"

    @property
    def over_https(self) -> Target:
        """The same over https. Who names a port means another one there; which, nobody knows."""
        return replace(self, scheme="https")

    @property
    def with_slash(self) -> Target:
        return replace(self, path=f"{self.path}/")


def read_target(url: str, page: str) -> Target:
    """The target of a URL, or of a path of this server called by a page on the origin ``page``.

    Raises ``PolicyError``.
    """
    hint = (
        "Write a path such as '/api/orders/', or a URL such as 'https://api.example.com/orders/'."
    )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise PolicyError(url, "is no URL", hint, id="") from None
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=", errors="replace")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=?[]", errors="replace")
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        is_http = page.startswith("http://") and not settings.SECURE_SSL_REDIRECT
        scheme = "http" if is_http else "https"
        return Target(scheme, _own_host(), "", path, query, is_guessed=True)
    # As browsers write it: without the default port, in ASCII.
    origin = guess_origin(f"{parts.scheme}://{parts.netloc}") or ""
    pieces = split_origin(origin)
    if parts.scheme not in DEFAULT_PORTS or pieces is None:
        raise PolicyError(url, "is no URL of a server", hint, id="")
    return Target(*pieces, path, query)


def _own_host() -> str:
    hosts = [host.removeprefix(".") for host in settings.ALLOWED_HOSTS if host != fetch.WILDCARD]
    return hosts[0] if hosts else "localhost" if settings.DEBUG else "this-server.invalid"
