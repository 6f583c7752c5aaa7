"""W002 to W004: the middleware is missing, listed twice, or after one that answers first."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.middleware_list import CORSHEADERS, OURS, find_misplaced, is_middleware

from .messages import warning


@register(Tags.security)
def check_middleware(**kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    ours = None
    for index, path in enumerate(settings.MIDDLEWARE):
        place = f"MIDDLEWARE[{index}]"
        if path == CORSHEADERS:
            text = f"{path!r} also answers CORS requests, with different rules."
            messages.append(warning("W003", place, text, "Remove one of the two."))
        elif not is_middleware(path, OURS):
            continue
        elif ours is None:
            ours = index
        else:
            text = f"{path!r} is listed a second time."
            hint = f"Remove it and keep MIDDLEWARE[{ours}]."
            messages.append(warning("W003", place, text, hint))
    if ours is None:
        text = f"{OURS!r} is missing, so the policies have no effect."
        messages.append(warning("W002", "MIDDLEWARE", text, "Put it first in MIDDLEWARE."))
    for index, consequence in find_misplaced():
        text = f"{settings.MIDDLEWARE[index]!r} comes before {OURS!r} and {consequence}"
        hint = f"Move {OURS!r} to the top of MIDDLEWARE."
        messages.append(warning("W004", f"MIDDLEWARE[{index}]", text, hint))
    return messages
