"""Problems and explanations are not translated, as in Django's own checks. Pages mark them."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.translation import get_language


def in_english(text: str) -> str:
    """Mark a text that is always English, for screen readers and for translating browsers.

    On an English page, return it as it is.
    """
    if (get_language() or "en").startswith("en"):
        return text
    return format_html('<span lang="en">{}</span>', text)
