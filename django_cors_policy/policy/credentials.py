"""Refuse origins that are not safe with credentials, for settings, decorators, forms and rows."""

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
    """Yield the reasons why ``entry`` is not safe with credentials.

    With credentials, scripts of the origin can act as the logged-in user. ``spell`` returns a key
    as users write it where the entry is: in upper case, or in lower case in decorators.
    """
    off = f"set {spell('ALLOW_CREDENTIALS')} to False"

    def accept(risk: str) -> str:
        return f"or accept the risk: add {risk!r} to {spell('ACCEPT_RISKS')}"

    if isinstance(entry, str):
        who = "any site" if entry == fetch.WILDCARD else "sandboxed frames of any site"
        reason = f"allows {who}, and credentials are allowed: any site could act as your users"
        yield PolicyError(entry, reason, f"List the origins that you trust, or {off}.", id="E007")
        return
    value: object = entry
    if isinstance(entry, re.Pattern):
        why_untried = regexes.why_untried(entry)
        if UNTRIED_PATTERN not in risks and why_untried:
            reason = f"could not be tested ({why_untried}), and credentials are allowed"
            hint = "Write a list of origins, a wildcard such as 'https://*.example.com', or a "
            hint += f"simpler pattern, {accept(UNTRIED_PATTERN)}."
            yield PolicyError(value, reason, hint, id="E022")
            return
        if regexes.matches_strangers(entry):
            reason = "matches any origin, and credentials are allowed: "
            reason += "any site could act as your users"
            yield PolicyError(
                value, reason, f"Write the host name in the pattern, or {off}.", id="E017"
            )
            return
        insecure = regexes.insecure_sample(entry)
        others = regexes.registrable_by_anyone(entry)
        which = f"matches {insecure!r}, which uses http"
        covers = "matches {!r} and {!r}, names that anyone can register,".format(*others or "  ")
        better = "a pattern that starts with 'https://'"
        yours = "a pattern that contains a host name of yours"
    else:
        value = str(entry)
        insecure = value if entry.is_insecure else None
        is_open = entry.subdomains and covers_public_suffix(entry.host)
        others = (entry.host, "") if is_open else None
        which = "uses http"
        covers = f"covers names that anyone can register under {entry.host!r},"
        better = repr(_more_careful(entry, risks))
        yours = f"a host name of yours, such as {better}"
    if insecure and INSECURE_HTTP not in risks:
        reason = f"{which}: an attacker on the network can act as this origin, and credentials "
        reason += "are allowed"
        yield PolicyError(value, reason, f"Write {better}, {accept(INSECURE_HTTP)}.", id="E008")
    if others and PUBLIC_SUFFIX not in risks:
        reason = f"{covers} and credentials are allowed"
        yield PolicyError(value, reason, f"Write {yours}, {accept(PUBLIC_SUFFIX)}.", id="E009")


def _more_careful(entry: OriginPattern, risks: Iterable[str]) -> str:
    """Return the origin most similar to ``entry`` that is safe with credentials."""
    if entry.is_insecure and INSECURE_HTTP not in risks:
        entry = replace(entry, scheme="https")
    while entry.subdomains and PUBLIC_SUFFIX not in risks and covers_public_suffix(entry.host):
        entry = replace(entry, host=f"yours.{entry.host}")
    return str(entry)
