"""How the origin of a row is read, and how people see it."""

from __future__ import annotations

import pytest

from django_cors_policy.allowlist.rows import as_people_write, is_plain, read_row, shown
from django_cors_policy.exceptions import PolicyError


@pytest.mark.parametrize("text", ["https://xn--a.example", "nonsense"])
def test_what_cannot_be_shown_in_unicode_is_shown_as_it_is(text: str) -> None:
    assert as_people_write(text) == text


@pytest.mark.parametrize("text", ["", "https://a\u202e.example", "a\nb"])
def test_what_could_deceive_is_shown_in_quotes(text: str) -> None:
    assert shown(text) == repr(text)


def test_plain_origins_stay_strings() -> None:
    assert read_row("https://a.example") == "https://a.example"
    assert is_plain(read_row("https://a.example"))
    for origin in ("null", "http://a.example", "https://*.a.example"):
        entry = read_row(origin)
        assert str(entry) == origin
        assert not is_plain(entry)


def test_what_was_written_around_the_field_is_not_read() -> None:
    with pytest.raises(PolicyError, match="is not written as browsers send it"):
        read_row("https://münchen.example")
