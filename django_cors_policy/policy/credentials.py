"""Which origins may be allowed credentials: what settings, decorators, forms and rows refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from django_cors_policy import fetch
from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import Entry, OriginPattern, covers_public_suffix, regexes

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

    if isinstance(entry, str):
        who = "any site" if entry == fetch.WILDCARD else "any site, from a sandboxed frame,"
        reason = f"stands for {who} and credentials are allowed: it could act as your users"
        yield PolicyError(entry, reason, f"List the origins that you trust, or {off}.", id="E007")
        return
    value: object = entry
    if isinstance(entry, re.Pattern):
        why_untried = regexes.why_untried(entry)
        if UNTRIED_PATTERN not in risks and why_untried:
            reason = f"could not be tried, for {why_untried}, and credentials are allowed"
            hint = "Write a list of origins, a wildcard such as 'https://*.example.com', or a "
            hint += f"plainer pattern, {accept(UNTRIED_PATTERN)}."
            yield PolicyError(value, reason, hint, id="E022")
            return
        if regexes.matches_strangers(entry):
            reason = "matches any origin and credentials are allowed: "
            reason += "any site could act as your users"
            yield PolicyError(value, reason, f"Name the host in the pattern, or {off}.", id="E017")
            return
        insecure = regexes.insecure_sample(entry)
        others = regexes.registrable_by_anyone(entry)
        which = f"matches {insecure!r}, which is http"
        covers = "matches {!r} and {!r}, names that anyone can register,".format(*others or "  ")
        better = "a pattern that begins with 'https://'"
        yours = "a pattern that spells out a name of yours"
    else:
        value = str(entry)
        insecure = value if entry.is_insecure else None
        is_open = entry.subdomains and covers_public_suffix(entry.host)
        others = (entry.host, "") if is_open else None
        which = "is http"
        covers = f"covers names that anyone can register below {entry.host!r},"
        better = repr(_more_careful(entry, risks))
        yours = f"a name of yours, such as {better}"
    if insecure and INSECURE_HTTP not in risks:
        reason = f"{which}: anyone on the network's path can speak as that origin, and credentials "
        reason += "are allowed"
        yield PolicyError(value, reason, f"Write {better}, {accept(INSECURE_HTTP)}.", id="E008")
    if others and PUBLIC_SUFFIX not in risks:
        reason = f"{covers} and credentials are allowed"
        yield PolicyError(value, reason, f"Write {yours}, {accept(PUBLIC_SUFFIX)}.", id="E009")


def _more_careful(entry: OriginPattern, risks: Iterable[str]) -> str:
    """``entry`` as it could be allowed credentials."""
    if entry.is_insecure and INSECURE_HTTP not in risks:
        entry = replace(entry, scheme="https")
    while entry.subdomains and PUBLIC_SUFFIX not in risks and covers_public_suffix(entry.host):
        entry = replace(entry, host=f"yours.{entry.host}")
    return str(entry)
