"""Validate items of a policy's lists, and its function. The errors do not have a place yet."""

from __future__ import annotations

import functools
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError, did_you_mean
from django_cors_policy.origins import Entry, parse_origin

from .credentials import RISKS
from .model import OriginFunc


def parse_entry(value: object) -> Entry:
    """Return the parsed item of ``ALLOW_ORIGINS``."""
    if isinstance(value, re.Pattern):
        if not isinstance(value.pattern, bytes):
            return value
        reason = "is a bytes pattern, and origins are strings"
        hint = f"Write re.compile({value.pattern.decode('latin-1')!r})."
    elif not isinstance(value, str):
        reason = f"is of type {type(value).__name__}, not an origin"
        hint = "Write a string such as 'https://app.example.com', or re.compile(r'...')."
    else:
        return value if value in (fetch.WILDCARD, fetch.NULL) else parse_origin(value)
    raise PolicyError(value, reason, hint, id="E003")


def read_risk(name: str) -> str:
    """Return the validated item of ``ACCEPT_RISKS``."""
    if name in RISKS:
        return name
    raise PolicyError(name, "is not a known risk", did_you_mean(name, RISKS), id="E016")


def read_method(method: str) -> str:
    """Return the validated HTTP method, or ``"*"``."""
    if not fetch.is_token(method):
        reason, hint = "is not an HTTP method", "Write a method such as 'PUT'."
    elif fetch.is_forbidden_method(method):
        reason = "is forbidden by the Fetch standard: browsers do not let scripts use it"
        hint = "Leave it out."
    elif method.upper() in fetch.WELL_KNOWN_METHODS and method != method.upper():
        reason = "is not in upper case, and methods are case-sensitive"
        hint = f"Write {method.upper()!r}."
    else:
        return method
    raise PolicyError(method, reason, hint, id="E010")


def read_header_name(name: str) -> str:
    """Return the validated header name in lower case, or ``"*"``."""
    if fetch.is_token(name):
        return name.lower()
    hint = "Write one name, such as 'x-total-count'."
    raise PolicyError(name, "is not a header name", hint, id="E011")


def read_vary(name: str) -> str:
    """Return the validated item of ``VARY``."""
    if name != fetch.WILDCARD:
        return read_header_name(name)
    reason = "stops every cache from storing the response"
    hint = "List the request headers that ALLOW_ORIGIN_FUNC reads."
    raise PolicyError(name, reason, hint, id="E011")


def read_path(path: object) -> str | re.Pattern[str]:
    """Return the validated item of ``PATHS``: a prefix, or a pattern."""
    if isinstance(path, re.Pattern) and isinstance(path.pattern, str):
        pattern = path.pattern.lstrip("^")
        if not pattern[:1].isalnum():
            return path
        reason = "matches no path: every path starts with '/'"
        hint = f"Write re.compile(r'/{pattern}')."
    elif not isinstance(path, str):
        reason = f"is of type {type(path).__name__}, not a path"
        hint = "Write a prefix such as '/api/', or re.compile(r'...')."
    elif re.search(r"[\\^$*+?()|\[\]{}<>]", path):
        reason = "looks like a pattern, and strings are taken literally"
        prefix = re.sub(r"^\^|(\.?\*)?\$?$|<.*", "", path)
        if not re.fullmatch(r"/[\w/.~-]*", prefix):
            prefix = "/api/"
        hint = f"Write the prefix {prefix!r}, which covers every path that starts with it, "
        hint += "or re.compile(r'...')."
    elif "%" in path:
        reason = "is percent-encoded, and Django's paths are not"
        hint = f"Write {unquote(path)!r}."
    elif not path.startswith("/"):
        reason = "does not start with '/'"
        hint = f"Write {'/' + re.sub(r'^[a-z]+://[^/]*', '', path).lstrip('/')!r}."
    else:
        return path
    raise PolicyError(path, reason, hint, id="E014")


def read_func(value: object, hint: str) -> OriginFunc:
    """Return the function of ``ALLOW_ORIGIN_FUNC``, imported if ``value`` is a dotted path."""
    func: Any = value
    if isinstance(value, str):
        try:
            func = pkgutil.resolve_name(value)
        except Exception as error:
            reason = f"cannot be imported ({type(error).__name__}: {error})"
            hint = "Write the dotted path of a function, such as 'shop.cors.is_partner'."
            raise PolicyError(value, reason, hint, id="E013") from error
    if not callable(func):
        reason = "is not a function"
    elif _makes_generator(func):
        reason = "is a generator function: calling it does not run its code"
        hint = "Write 'return' instead of 'yield'."
    elif not _takes_origin_and_request(func):
        reason = "does not take the two arguments (origin, request)"
    else:
        return func  # type: ignore[no-any-return]
    raise PolicyError(value, reason, hint, id="E013")


def _makes_generator(func: Any) -> bool:
    """Return whether a call of ``func`` returns a generator, which never equals True."""
    while isinstance(func, functools.partial):
        func = func.func
    return any(
        inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called)
        for called in (func, type(func).__call__)
    )


def _takes_origin_and_request(func: Callable[..., Any]) -> bool:
    try:
        inspect.signature(func).bind("https://app.example.com", None)
    except TypeError:
        return False
    except ValueError:  # some functions written in C have no signature
        return True
    return True
