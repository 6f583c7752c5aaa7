"""W007, W011, W013, W018 and W019: origins and patterns that are too wide, too slow or untested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from django_cors_policy import fetch
from django_cors_policy.exceptions import short_repr
from django_cors_policy.origins import Entry, OriginPattern, is_loopback, regexes
from django_cors_policy.policy import Place, Policy

from .messages import warning
from .policies import all_policies, is_written_in, policies_and_rehearsals


@register(Tags.security)
def check_origins(**kwargs: Any) -> list[CheckMessage]:
    """W007, W011, W013 and W018."""
    return [
        found
        for place, policy in policies_and_rehearsals()
        for found in (
            *_null_origin(place, policy),
            *_origin_patterns(place, policy),
            *_path_patterns(place, policy),
        )
    ]


@register(Tags.security, deploy=True)
def check_local_origins(**kwargs: Any) -> list[CheckMessage]:
    """W019: credentials for origins on the user's own device."""
    if settings.DEBUG:
        return []
    return [found for place, policy in all_policies() for found in _local_origins(place, policy)]


def samples_of(entry: Entry) -> tuple[OriginPattern, ...]:
    """Return origins that an entry allows: itself, or some that its regular expression matches."""
    if isinstance(entry, re.Pattern):
        return regexes.samples(entry)
    return (entry,) if isinstance(entry, OriginPattern) else ()


def _null_origin(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "ALLOW_ORIGINS"
    if is_written_in(policy, key) and fetch.NULL in policy.origins:
        yield warning(
            "W018",
            place.locate(key, policy.origins.index(fetch.NULL)),
            f"{fetch.NULL!r} allows any site: every site can send it from a sandboxed frame.",
            f"Write ['*'] if every site may read the responses. If not, remove {fetch.NULL!r} and "
            "serve your own page from an origin such as 'http://localhost:3000'.",
        )


def _origin_patterns(place: Place, policy: Policy) -> Iterator[Warning]:
    for index, entry in enumerate(policy.origins):
        if not isinstance(entry, re.Pattern):
            continue
        where = place.locate("ALLOW_ORIGINS", index)
        if why_untried := regexes.why_untried(entry):
            yield warning(
                "W011",
                where,
                f"{short_repr(entry)} could not be tested, because {why_untried}.",
                "Origins are in lower case and have no path and no trailing slash. If the pattern "
                "matches only origins that you trust, silence this check. A list of origins or a "
                "wildcard is easier to check.",
            )
        if regexes.is_slow(entry):
            instead = "a wildcard such as 'https://*.example.com'"
            yield _slow_pattern(where, entry, "origins", instead)
        elif found := regexes.lookalike(entry):
            meant, other, why = found
            yield warning(
                "W007",
                where,
                f"{short_repr(entry)} matches {meant!r}, but also {other!r}: {why}.",
                r"Escape each dot of the name (\.) and end the pattern with the name. Or write a "
                "wildcard such as 'https://*.example.com', which needs neither.",
            )


def _path_patterns(place: Place, policy: Policy) -> Iterator[Warning]:
    for index, path in enumerate(policy.paths or ()):
        if not isinstance(path, re.Pattern):
            continue
        where = place.locate("PATHS", index)
        is_slow = regexes.is_slow_on_paths(path)
        if is_slow is None:
            yield warning(
                "W011",
                where,
                f"{short_repr(path)} could not be tested: it is too large, or has parts that the "
                "check cannot analyze. It may take very long for some paths.",
                "Write a prefix such as '/api/'. If you know that the pattern is fast, silence "
                "this check.",
            )
        elif is_slow:
            yield _slow_pattern(where, path, "paths", "a prefix such as '/api/'")


def _slow_pattern(where: str, pattern: re.Pattern[str], subjects: str, instead: str) -> Warning:
    return warning(
        "W013",
        where,
        f"{short_repr(pattern)} takes more than {regexes.SLOW_STEPS:,} steps to reject some "
        f"{subjects}.",
        f"An attacker can slow your server down with such {subjects}. Avoid adjacent or nested "
        f"repetitions that can match the same characters, or write {instead}.",
    )


def _local_origins(place: Place, policy: Policy) -> Iterator[Warning]:
    is_own = is_written_in(policy, "ALLOW_ORIGINS") or is_written_in(policy, "ALLOW_CREDENTIALS")
    if not policy.allow_credentials or not is_own:
        return
    # With any scheme: the web views of apps use capacitor://localhost, https://localhost and more.
    local = [
        short_repr(entry if isinstance(entry, re.Pattern) else str(entry))
        for entry in policy.origins
        if any(is_loopback(origin.host) for origin in samples_of(entry))
    ]
    if local:
        yield warning(
            "W019",
            str(place),
            f"Credentials are allowed for {', '.join(local)}: any program on a user's device can "
            "use such an origin and act as that user.",
            "For development, add such origins only if DEBUG is True, or read the list from the "
            "environment. In an app, send a token instead of cookies. If you accept the risk, "
            "silence this check.",
        )
