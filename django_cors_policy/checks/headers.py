"""W006, W016 and W017: headers and methods that are missing, useless or misspelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register

from django_cors_policy import fetch
from django_cors_policy.middleware_list import CSRF, csrf_header, has_middleware
from django_cors_policy.policy import Place, Policy

from .messages import warning
from .policies import all_policies, is_written_in, policies_and_rehearsals


@register(Tags.security)
def check_headers(**kwargs: Any) -> list[CheckMessage]:
    token = [found for place, policy in all_policies() for found in _csrf_header(place, policy)]
    names = [
        found
        for place, policy in policies_and_rehearsals()
        for found in (
            *_useless_request_headers(place, policy),
            *_useless_response_headers(place, policy),
            *_misspelled_methods(place, policy),
        )
    ]
    return [*token, *names]


def _csrf_header(place: Place, policy: Policy) -> Iterator[Warning]:
    header = csrf_header()
    if (
        policy.allow_credentials
        and not {header, fetch.WILDCARD} & set(policy.allow_headers)
        and has_middleware(CSRF)
    ):
        yield warning(
            "W006",
            place.locate("ALLOW_HEADERS"),
            f"Credentials are allowed, but the header {header!r} is not: scripts on an allowed "
            "origin cannot send Django's CSRF token in it.",
            f"Add {header!r}. If this policy has no CSRF-protected views, silence this check.",
        )


def _useless_request_headers(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "ALLOW_HEADERS"
    names = policy.allow_headers if is_written_in(policy, key) else ()
    forbidden = [name for name in names if fetch.is_forbidden_request_header(name)]
    of_responses = [name for name in names if name in fetch.CORS_RESPONSE_HEADERS]
    if not forbidden and not of_responses:
        return
    message = _sentences(
        ("Browsers do not let scripts set {}.", forbidden),
        ("Requests do not need {}: the middleware sets such headers on responses.", of_responses),
    )
    hint = _remove(forbidden + of_responses)
    if "cookie" in forbidden and not policy.allow_credentials:
        hint += (
            f" To allow requests with cookies, set {place.spell('ALLOW_CREDENTIALS')} to True: "
            "browsers add the cookies themselves."
        )
    if of_responses:
        hint += " If your front end sets such a header on its requests, remove it there first."
    yield warning("W016", place.locate(key), message, hint)


def _useless_response_headers(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "EXPOSE_HEADERS"
    names = policy.expose_headers if is_written_in(policy, key) else ()
    hidden = [name for name in names if name in fetch.FORBIDDEN_RESPONSE_HEADERS]
    of_requests = [name for name in names if name in fetch.REQUEST_ONLY_HEADERS]
    of_browsers = [name for name in names if name in fetch.CORS_RESPONSE_HEADERS]
    if not hidden and not of_requests and not of_browsers:
        return
    message = _sentences(
        ("Browsers never let scripts read {}.", hidden),
        ("Responses normally do not have {}, only requests do.", of_requests),
        ("Only the browser needs {}.", of_browsers),
    )
    hint = _remove(hidden + of_requests + of_browsers)
    if of_requests:
        hint += " If your views send such a header in responses, silence this check."
    yield warning("W016", place.locate(key), message, hint)


def _sentences(*sentences: tuple[str, list[str]]) -> str:
    """Fill each sentence with its names and join those that have names."""
    return " ".join(
        sentence.format(", ".join(map(repr, names))) for sentence, names in sentences if names
    )


def _remove(names: list[str]) -> str:
    return "Remove it." if len(names) == 1 else "Remove them."


def _misspelled_methods(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "ALLOW_METHODS"
    for index, method in enumerate(policy.config[key] if is_written_in(policy, key) else ()):
        meant = fetch.nearest_method(method)
        if meant is not None:
            yield warning(
                "W017",
                place.locate(key, index),
                f"{method!r} is not a registered HTTP method.",
                f"Did you mean {meant!r}? If not, silence this check.",
            )
