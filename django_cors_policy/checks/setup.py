"""W001 and W005: the setting is missing, or settings of django-cors-headers are left over."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.conf import SETTING

from .messages import warning

# Setting of django-cors-headers -> its replacement in CORS_POLICIES.
LEFTOVERS = {
    "CORS_ALLOWED_ORIGINS": "ALLOW_ORIGINS",
    "CORS_ALLOWED_ORIGIN_REGEXES": "ALLOW_ORIGINS, as re.compile(...)",
    "CORS_ALLOW_ALL_ORIGINS": "ALLOW_ORIGINS: ['*']",
    "CORS_ALLOW_CREDENTIALS": "ALLOW_CREDENTIALS",
    "CORS_ALLOW_HEADERS": "ALLOW_HEADERS",
    "CORS_ALLOW_METHODS": "ALLOW_METHODS",
    "CORS_ALLOW_PRIVATE_NETWORK": "ALLOW_PRIVATE_NETWORK",
    "CORS_EXPOSE_HEADERS": "EXPOSE_HEADERS",
    "CORS_ORIGIN_ALLOW_ALL": "ALLOW_ORIGINS: ['*']",
    "CORS_ORIGIN_REGEX_WHITELIST": "ALLOW_ORIGINS, as re.compile(...)",
    "CORS_ORIGIN_WHITELIST": "ALLOW_ORIGINS",
    "CORS_PREFLIGHT_MAX_AGE": "MAX_AGE",
    "CORS_REPLACE_HTTPS_REFERER": "none, use Django's CSRF_TRUSTED_ORIGINS",
    "CORS_URLS_REGEX": "PATHS",
}


@register(Tags.security)
def check_setup(**kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if not hasattr(settings, SETTING):
        text = "The setting is missing, so no other origin is allowed."
        hint = (
            f"Write {SETTING} = {{'default': {{'ALLOW_ORIGINS': ['https://app.example.com'], "
            "'PATHS': ['/api/']}}."
        )
        messages.append(warning("W001", SETTING, text, hint))
    for name, replacement in LEFTOVERS.items():
        if hasattr(settings, name):
            text = "This setting of django-cors-headers has no effect here."
            hint = f"Its replacement in {SETTING}: {replacement}. Delete the old setting."
            messages.append(warning("W005", name, text, hint))
    return messages
