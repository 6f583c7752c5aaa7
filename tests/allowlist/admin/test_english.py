from __future__ import annotations

from django.utils.translation import override

from django_cors_policy.allowlist.admin.english import in_english


def test_a_page_in_english_needs_no_mark() -> None:
    for language in ("en", "en-gb", None):
        with override(language):
            assert in_english("'a' < 'b'") == "'a' < 'b'"


def test_a_page_in_another_language_marks_english() -> None:
    with override("de"):
        assert in_english("1 < 2") == '<span lang="en">1 &lt; 2</span>'
