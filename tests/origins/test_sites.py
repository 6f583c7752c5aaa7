from __future__ import annotations

import pytest

from django_cors_policy.origins.sites import (
    ip_address,
    is_loopback,
    is_public_suffix,
    registrable_domain,
    shared_suffix,
)


@pytest.mark.parametrize(
    "host", ["localhost", "app.localhost", "a.b.localhost", "127.0.0.1", "127.255.255.254", "[::1]"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "notlocalhost",
        "localhost.example.com",
        "128.0.0.1",
        "0.0.0.1",
        "192.168.0.1",
        "[::]",
        "[::2]",
        # Secure Contexts trusts ::1/128 of IPv6, and nothing else; Pythons differ about this one.
        "[::ffff:7f00:1]",
    ],
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
        ("example.com", None),
        ("1.2.3", None),
        ("", None),
        ("[", None),
    ],
)
def test_ip_address(host: str, address: str | None) -> None:
    found = ip_address(host)
    assert (found and str(found)) == address


@pytest.mark.parametrize(
    "host", ["com", "co.uk", "github.io", "vercel.app", "xn--p1ai", "unheard-of"]
)
def test_public_suffix(host: str) -> None:
    assert is_public_suffix(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.co.uk",
        "shop.github.io",
        "localhost",
        "app.localhost",
        "",
        "127.0.0.1",
    ],
)
def test_no_public_suffix(host: str) -> None:
    assert not is_public_suffix(host)


@pytest.mark.parametrize(
    ("host", "registered"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("a.shop.github.io", "shop.github.io"),
        ("a.xn--bcher-kva.example", "xn--bcher-kva.example"),
        # what has none stands for itself
        ("com", "com"),
        ("localhost", "localhost"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "[::1]"),
    ],
)
def test_registrable_domain(host: str, registered: str) -> None:
    assert registrable_domain(host) == registered


@pytest.mark.parametrize(
    ("host", "suffix"),
    [
        ("me.github.io", "github.io"),
        ("a.me.github.io", "github.io"),
        ("github.io", ""),
        ("example.com", ""),
        ("app.example.co.uk", ""),
        ("com", ""),
        ("localhost", ""),
        ("127.0.0.1", ""),
        ("[::1]", ""),
    ],
)
def test_shared_suffix(host: str, suffix: str) -> None:
    assert shared_suffix(host) == suffix
