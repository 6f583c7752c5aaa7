from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cors_policy.origins import MAX_ORIGIN_LENGTH, parse_origin, split_origin

from .test_parser import LONG_NAME, origin_like


@pytest.mark.parametrize(
    ("text", "exact", "subdomains", "insecure"),
    [
        ("https://app.example.com", True, False, False),
        ("https://app.example.com:8443", True, False, False),
        ("https://app.example.com:*", False, False, False),
        ("https://*.example.com", False, True, False),
        ("http://app.example.com", True, False, True),
        ("http://10.0.0.1:8000", True, False, True),
        ("http://*.example.com", False, True, True),
        ("http://localhost:3000", True, False, False),
        ("http://*.localhost", False, True, False),
        ("http://127.0.0.2", True, False, False),
        ("http://[::1]", True, False, False),
        ("capacitor://localhost", True, False, False),
    ],
)
def test_what_an_entry_is(text: str, exact: bool, subdomains: bool, insecure: bool) -> None:
    entry = parse_origin(text)
    assert (entry.is_exact, entry.subdomains, entry.is_insecure) == (exact, subdomains, insecure)


@given(st.text(max_size=MAX_ORIGIN_LENGTH + 9) | origin_like)
def test_split_never_raises(text: str) -> None:
    parts = split_origin(text)
    if parts is not None:
        scheme, host, port = parts
        assert text == f"{scheme}://{host}" + (f":{port}" if port else "")


@pytest.mark.parametrize(
    ("origin", "parts"),
    [
        ("https://app.example.com", ("https", "app.example.com", "")),
        ("http://localhost:3000", ("http", "localhost", "3000")),
        ("http://[::1]:8000", ("http", "[::1]", "8000")),
        (f"{'s' * 64}://{LONG_NAME}:65535", ("s" * 64, LONG_NAME, "65535")),
    ],
)
def test_split(origin: str, parts: tuple[str, str, str]) -> None:
    assert split_origin(origin) == parts


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "*",
        "https://",
        "https://*.example.com",
        "https://app.example.com/",
        "https://App.example.com",
        "https://app.example.com:",
        "https://app.example.com:0",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://app.example.com:08443",
        "https://app.example.com:65536",
        "https://app.example.com:100000",
        "https://app.example.com, https://app.example.com",
        "https://app.example.com\n",
        "https://app.example.com\x00",
        "https://a..example",
        "https://bücher.example",
        "https://xn--bcher-kva.example\u0661",
        "https://me@app.example.com",
        "http://[::1",
        "http://[::G]",
        f"{'s' * 65}://{LONG_NAME}:65535",
        "https://" + "a" * 65536,
    ],
)
def test_split_of_what_no_browser_sends(origin: str) -> None:
    assert split_origin(origin) is None
