"""Translate the settings of django-cors-headers into a policy."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

# Setting of django-cors-headers -> its replacement in CORS_POLICIES.
REPLACEMENTS = {
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
_LISTS = {
    "ALLOW_METHODS": "CORS_ALLOW_METHODS",
    "ALLOW_HEADERS": "CORS_ALLOW_HEADERS",
    "EXPOSE_HEADERS": "CORS_EXPOSE_HEADERS",
}
_PREFIX = re.compile(r"\^?(/[\w/~-]*)(\.\*\$?)?")
_ALL_PATHS = ("", "^", "^.*$", "^.*", ".*", ".*$", "/", "^/")


def translate_settings() -> dict[str, Any]:
    """Return the policy that means the same as the project's settings of django-cors-headers.

    It has no ``ALLOW_ORIGINS`` if they allow no origin, and no ``PATHS`` if they apply to all
    paths. The caller compiles it: some values of django-cors-headers are refused here.
    """
    policy: dict[str, Any] = {}
    origins = _list("CORS_ALLOWED_ORIGINS", "CORS_ORIGIN_WHITELIST")
    regexes = _list("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST")
    if _first("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"):
        policy["ALLOW_ORIGINS"] = ["*"]
    elif origins or regexes:
        policy["ALLOW_ORIGINS"] = [*origins, *map(_compile, regexes)]
    if _first("CORS_ALLOW_CREDENTIALS"):
        policy["ALLOW_CREDENTIALS"] = True
    for key, name in _LISTS.items():
        if values := _list(name):
            policy[key] = values
    max_age = _first("CORS_PREFLIGHT_MAX_AGE")
    if max_age is not None:
        # There, 0 leaves the header out.
        policy["MAX_AGE"] = max_age or None
    if _first("CORS_ALLOW_PRIVATE_NETWORK"):
        policy["ALLOW_PRIVATE_NETWORK"] = True
    urls = _first("CORS_URLS_REGEX")
    if urls is not None and getattr(urls, "pattern", urls) not in _ALL_PATHS:
        prefix = _PREFIX.fullmatch(urls) if isinstance(urls, str) else None
        policy["PATHS"] = [prefix[1] if prefix is not None else _compile(urls)]
    return policy


def as_code(value: object) -> str:
    """Return ``value`` as Python code, complete, however long it is. It may use ``re``."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {as_code(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_code, value))}]"
    if isinstance(value, re.Pattern):
        flags = re.RegexFlag(value.flags & ~re.UNICODE)
        names = "|".join(f"re.{flag.name}" for flag in re.RegexFlag if flag and flag in flags)
        return f"re.compile({_as_raw(value.pattern)}{', ' if names else ''}{names})"
    return repr(value)


def _as_raw(text: str) -> str:
    """Return a string literal in which backslashes stay single, if that is possible."""
    raw = f"r'{text}'"
    with contextlib.suppress(SyntaxError, ValueError):
        if ast.literal_eval(raw) == text:
            return raw
    return repr(text)


def _first(*names: str) -> Any:
    """Return the value of the first of these settings that is set, None without one."""
    return next((getattr(settings, name) for name in names if hasattr(settings, name)), None)


def _list(*names: str) -> list[Any]:
    value = _first(*names)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return list(value) if isinstance(value, (list, tuple)) else []


def _compile(regex: Any) -> Any:
    """Return ``regex`` as a pattern. A wrong one stays as it is, so that the policy is refused."""
    with contextlib.suppress(re.error, TypeError):
        return re.compile(regex)
    return regex
