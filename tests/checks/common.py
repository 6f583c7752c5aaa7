"""What the tests of the checks share."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

from django_cors_policy.checks import check_headers, check_origins, check_policies

OURS = "django_cors_policy.middleware.CorsPolicyMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH_FROM_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"

# The example of the design.
GOOD = {
    "default": {
        "ALLOW_ORIGINS": ["https://app.example.com", "https://*.example.com", "http://localhost:*"],
        "ALLOW_CREDENTIALS": True,
    },
    "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/api/public/"]},
}
CREDENTIALS = {"ALLOW_CREDENTIALS": True}


def ids(messages: list[CheckMessage]) -> list[str]:
    return [str(message.id).removeprefix("django_cors_policy.") for message in messages]


def warning(id: str, place: str, message: str, hint: str) -> checks.Warning:
    return checks.Warning(message, hint=hint, obj=place, id=f"django_cors_policy.{id}")


def warnings_about(settings: Any, **default: Any) -> list[CheckMessage]:
    """What is said about the names and origins in a policy, which starts all the same."""
    settings.CORS_POLICIES = {"default": default}
    assert check_policies() == []
    return [*check_headers(), *check_origins()]
