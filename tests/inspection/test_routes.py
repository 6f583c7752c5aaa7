"""The URL patterns of a URLconf."""

from __future__ import annotations

from django_cors_policy.inspection import walk_urls


def test_urls_that_are_none_are_django_s_to_name() -> None:
    assert list(walk_urls([("not/", "a path")])) == []
