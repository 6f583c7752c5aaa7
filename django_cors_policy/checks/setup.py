"""W001 and W005: the setting is missing, or settings of django-cors-headers are left over."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.conf import SETTING, compile_book
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.old_settings import REPLACEMENTS, as_code, translate_settings

from .messages import warning

EXAMPLE = (
    f"Write {SETTING} = {{'default': {{'ALLOW_ORIGINS': ['https://app.example.com'], "
    "'PATHS': ['/api/']}}."
)

PATHS_MISSING = (
    " Your old settings apply to all paths. In PATHS, name those that other origins call."
)


@register(Tags.security)
def check_setup(**kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if not hasattr(settings, SETTING):
        text = "The setting is missing, so no other origin is allowed."
        messages.append(warning("W001", SETTING, text, _translation() or EXAMPLE))
    for name, replacement in REPLACEMENTS.items():
        if hasattr(settings, name):
            text = "This setting of django-cors-headers has no effect here."
            hint = f"Its replacement in {SETTING}: {replacement}. Delete the old setting."
            messages.append(warning("W005", name, text, hint))
    return messages


def _translation() -> str:
    """Say what the settings of django-cors-headers are here; "" if they allow no origin."""
    policy = translate_settings()
    if "ALLOW_ORIGINS" not in policy:
        return ""
    policies = {"default": {**policy, "PATHS": policy.get("PATHS", ["/api/"])}}
    code = f"{SETTING} = {as_code(policies)}"
    paths = "" if "PATHS" in policy else PATHS_MISSING
    try:
        compile_book(policies)
    except PolicyErrors as refused:
        problems = " ".join(f"{e.key}: {e.message} {e.hint}" for e in refused.errors)
        return (
            f"Your settings of django-cors-headers are {code}. This cannot be used as it is, so "
            f"decide what to change. {problems}{paths}"
        )
    return f"Write what your settings of django-cors-headers are here: {code}.{paths}"
