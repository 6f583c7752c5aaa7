from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_cors_policy.origins import ExactOrigins, OriginCollector
from django_cors_policy.origins import pages as module
from django_cors_policy.origins.pages import OriginPages

ORIGINS = [f"https://tenant-{number}.customers.example" for number in range(3000)]
# Texts around the origins, and texts that could fool a search for a text between line breaks.
NEAR = [
    "",
    "\n",
    "\n\n",
    "https://tenant-1.customers.exampl",
    "https://tenant-1.customers.example ",
    "https://tenant-1.customers.example\n",
    "\nhttps://tenant-1.customers.example",
    "ttps://tenant-1.customers.example",
    "https://tenant-1.customers.example\nhttps://tenant-2.customers.example",
    "HTTPS://TENANT-1.CUSTOMERS.EXAMPLE",
    "https://tenant-3000.customers.example",
    "https://t\u00e9nant-1.customers.example",
    "https://tenant-1.customers.example\udc80",
    "https://tenant-1.customers.example\x00",
]


def collect(origins: Iterable[str]) -> ExactOrigins:
    collector = OriginCollector()
    for origin in origins:
        collector.add(origin)
    return collector.collect()


@pytest.fixture(params=["a set", "one page", "many pages"])
def pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ExactOrigins:
    if request.param != "a set":
        monkeypatch.setattr(module, "FEW", 10)
    if request.param == "one page":
        # All hashes collide: only the text decides.
        monkeypatch.setattr(module, "PAGES", 1)
    collected = collect(ORIGINS)
    assert isinstance(collected, frozenset if request.param == "a set" else OriginPages)
    return collected


def test_what_is_there(pages: ExactOrigins) -> None:
    assert all(origin in pages for origin in ORIGINS)


@pytest.mark.parametrize("text", NEAR, ids=ascii)
def test_what_is_not_there(pages: ExactOrigins, text: str) -> None:
    assert text not in pages


@given(st.sets(st.from_regex(r"https?://[a-z0-9.-]{1,9}", fullmatch=True)), st.text())
@example({"https://a", "https://b"}, "https://a\nhttps://b")
@example(set(), "")
@example(set(), "https://a")
def test_as_a_set(origins: set[str], text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", 2)
        pages = collect(origins)
    for candidate in (text, *origins, *(f"{origin}{text}" for origin in origins)):
        assert (candidate in pages) == (candidate in origins)


def test_memory() -> None:
    origins = [f"https://tenant-{number}.example" for number in range(200_000)]
    pages = collect(origins)
    assert isinstance(pages, OriginPages)
    assert sum(map(sys.getsizeof, pages._pages)) / len(origins) < 60
