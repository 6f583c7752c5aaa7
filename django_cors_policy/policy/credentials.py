"""Which origins may be allowed credentials: what settings, decorators, forms and rows refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from django_cors_policy import fetch, patterns
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import Entry, OriginPattern
from django_cors_policy.sites import covers_public_suffix

INSECURE_HTTP = "insecure-http"
PUBLIC_SUFFIX = "public-suffix"
UNTRIED_PATTERN = "untried-pattern"
RISKS = (INSECURE_HTTP, PUBLIC_SUFFIX, UNTRIED_PATTERN)


def credential_problems(
    entry: Entry, risks: Iterable[str], spell: Callable[[str], str] = str
) -> Iterator[PolicyError]:
    """Why ``entry`` cannot be trusted with credentials; nothing if it can.

    With credentials, whoever can speak as the origin acts as the user who is logged in. ``spell``
    writes a key as it is written where the entry stands.
    """
    off = f"set {spell('ALLOW_CREDENTIALS')} to False"

    def accept(risk: str) -> str:
        return f"or take the risk knowingly: add {risk!r} to {spell('ACCEPT_RISKS')}"

    value: object
    if isinstance(entry, str):
        value = entry
        who = "any site" if entry == fetch.WILDCARD else "any site, from a sandboxed frame,"
        yield PolicyError(
            value,
            f"stands for {who} and credentials are allowed: it could act as your users",
            f"List the origins that you trust, or {off}.",
            id="E007",
        )
        return
    insecure: str | None
    if isinstance(entry, re.Pattern):
        value = entry
        why_untried = patterns.why_untried(entry)
        if UNTRIED_PATTERN not in risks and why_untried:
            yield PolicyError(
                value,
                f"could not be tried, for {why_untried}, and credentials are allowed",
                "Write a list of origins, a wildcard such as 'https://*.example.com', or a plainer "
                f"pattern, {accept(UNTRIED_PATTERN)}.",
                id="E022",
            )
            return
        if patterns.matches_strangers(entry):
            yield PolicyError(
                value,
                "matches any origin and credentials are allowed: any site could act as your users",
                f"Name the host in the pattern, or {off}.",
                id="E017",
            )
            return
        insecure = patterns.insecure_sample(entry)
        others = patterns.open_name(entry)
        covers = "matches {!r} and {!r}, names that anyone can register,".format(*others or "  ")
        better = "a pattern that begins with 'https://'"
        yours = "a pattern that spells out a name of yours"
    else:
        value = str(entry)
        insecure = value if entry.is_insecure else None
        is_open = entry.subdomains and covers_public_suffix(entry.host)
        others = (entry.host, "") if is_open else None
        covers = f"covers names that anyone can register below {entry.host!r},"
        better = repr(_more_careful(entry, risks))
        yours = f"a name of yours, such as {better}"
    if insecure and INSECURE_HTTP not in risks:
        which = "is http" if insecure == value else f"matches {insecure!r}, which is http"
        yield PolicyError(
            value,
            f"{which}: anyone on the network's path can speak as that origin, and credentials "
            "are allowed",
            f"Write {better}, {accept(INSECURE_HTTP)}.",
            id="E008",
        )
    if others and PUBLIC_SUFFIX not in risks:
        yield PolicyError(
            value,
            f"{covers} and credentials are allowed",
            f"Write {yours}, {accept(PUBLIC_SUFFIX)}.",
            id="E009",
        )


def _more_careful(entry: OriginPattern, risks: Iterable[str]) -> str:
    """``entry`` as it could be allowed credentials."""
    if entry.is_insecure and INSECURE_HTTP not in risks:
        entry = replace(entry, scheme="https")
    while entry.subdomains and PUBLIC_SUFFIX not in risks and covers_public_suffix(entry.host):
        entry = replace(entry, host=f"yours.{entry.host}")
    return str(entry)
