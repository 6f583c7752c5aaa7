"""W002 to W004: the middleware is missing, stands there twice, or behind one that answers."""

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
            text = f"{path!r} answers cross-origin requests too, by other rules."
            messages.append(warning("W003", place, text, "Leave one of the two out."))
        elif not is_middleware(path, OURS):
            continue
        elif ours is None:
            ours = index
        else:
            text = f"{path!r} stands there a second time."
            hint = f"Leave it out; MIDDLEWARE[{ours}] does the work."
            messages.append(warning("W003", place, text, hint))
    if ours is None:
        text = f"{OURS!r} is missing, so the policies have no effect."
        messages.append(warning("W002", "MIDDLEWARE", text, "Put it first in MIDDLEWARE."))
    for index, consequence in find_misplaced():
        text = f"{settings.MIDDLEWARE[index]!r} stands before {OURS!r} and {consequence}"
        hint = f"Move {OURS!r} to the top of MIDDLEWARE."
        messages.append(warning("W004", f"MIDDLEWARE[{index}]", text, hint))
    return messages
