"""The URL that a script calls, as a browser writes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from django.conf import settings

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import DEFAULT_PORTS, guess_origin, split_origin


@dataclass(frozen=True)
class Target:
    """The URL of a call. ``path`` and ``query`` are percent-encoded. ``port`` is ``""`` for the
    scheme's default port. ``is_guessed``: only a path was given; scheme and host are assumed.
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
        """The same URL over https. It keeps an explicit port, which may be wrong for https."""
        return replace(self, scheme="https")

    @property
    def with_slash(self) -> Target:
        return replace(self, path=f"{self.path}/")


def read_target(url: str, page: str) -> Target:
    """Return the target of ``url``: a whole URL, or a path of this server.

    ``page`` is the origin of the page that calls. Raises ``PolicyError`` if ``url`` is invalid.
    """
    hint = (
        "Write a path such as '/api/orders/', or a URL such as 'https://api.example.com/orders/'."
    )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise PolicyError(url, "is not a valid URL", hint, id="") from None
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=", errors="replace")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=?[]", errors="replace")
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        is_http = page.startswith("http://") and not settings.SECURE_SSL_REDIRECT
        scheme = "http" if is_http else "https"
        return Target(scheme, _own_host(), "", path, query, is_guessed=True)
    # Browsers write the host in ASCII and leave out the default port.
    origin = guess_origin(f"{parts.scheme}://{parts.netloc}") or ""
    pieces = split_origin(origin)
    if parts.scheme not in DEFAULT_PORTS or pieces is None:
        raise PolicyError(url, "is not an absolute path or an http(s) URL", hint, id="")
    return Target(*pieces, path, query)


def _own_host() -> str:
    hosts = [host.removeprefix(".") for host in settings.ALLOWED_HOSTS if host != fetch.WILDCARD]
    return hosts[0] if hosts else "localhost" if settings.DEBUG else "this-server.invalid"
