"""``settings.CORS_POLICIES`` compiled into a ``PolicyBook``, once for each change of settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from .exceptions import PolicyError, PolicyErrors
from .policy import DEFAULTS, Place, Policy, compile_policy

SETTING = "CORS_POLICIES"
DEFAULT_ALIAS = "default"


@dataclass(frozen=True)
class Ruling:
    """The policy that governs a request, and why, in words that follow "because of".

    ``others``: the policies of the URL's other methods where they differ, None for no policy.
    Browsers keep the answer to a preflight for the URL and not for a method, so such an answer may
    be kept only where all of them give the origin the same.

    ``closed_because``: why no other origin is allowed here, although no policy says so, in a
    sentence. Empty if the policy decides.
    """

    policy: Policy
    reason: str
    others: tuple[Policy | None, ...] = ()
    closed_because: str = ""


class PolicyBook:
    """All policies of a project, and which of them governs which path. Immutable.

    ``derived`` keeps what decorators make of the policies, by what each decorator says; ``views``
    what ``resolution`` has found out about views, by their ``id()``.
    """

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self.policies = policies
        self.derived: dict[object, Policy] = {}
        self.views: dict[int, Any] = {}
        prefixes: dict[str, Ruling] = {}
        patterns: list[tuple[re.Pattern[str], Ruling]] = []
        for alias, policy in policies.items():
            for index, path in enumerate(policy.paths or ()):
                ruling = Ruling(policy, Place(alias).locate("PATHS", index))
                if isinstance(path, str):
                    prefixes[path] = ruling
                else:
                    patterns.append((path, ruling))
        self._prefixes = prefixes
        self._prefix_lengths = tuple(sorted({len(prefix) for prefix in prefixes}, reverse=True))
        self._patterns = tuple(patterns)
        default = policies.get(DEFAULT_ALIAS)
        self.default = (
            Ruling(default, str(Place(DEFAULT_ALIAS)))
            if default is not None and default.paths is None
            else None
        )
        # The ruling for all paths alike, where there is one: most projects name no paths.
        self.everywhere = None if prefixes or patterns else self.default

    def is_sure_below(self, beginning: str) -> bool:
        """Whether all paths that begin so are ruled alike."""
        return not self._patterns and not any(
            prefix.startswith(beginning) and prefix != beginning for prefix in self._prefixes
        )

    def rulings_below(self, beginning: str) -> Iterator[Ruling | None]:
        """The rulings that paths with this beginning can have."""
        yield self.rule_path(beginning)
        for prefix, ruling in self._prefixes.items():
            if prefix.startswith(beginning):
                yield ruling
        yield from (ruling for _, ruling in self._patterns)

    def rule_path(self, path: str) -> Ruling | None:
        """The ruling for ``path`` (without the script prefix), None if no policy governs it.

        The longest prefix over all policies, else the first pattern in the order written, else
        ``default`` if it names no paths. One lookup for each length that prefixes have.
        """
        for length in self._prefix_lengths:
            if (ruling := self._prefixes.get(path[:length])) is not None:
                return ruling
        for pattern, ruling in self._patterns:
            if pattern.match(path):
                return ruling
        return self.default


def compile_book(config: object) -> PolicyBook:
    """Compile the value of ``CORS_POLICIES``.

    Raises ``PolicyErrors`` with everything that is wrong with every policy.
    """
    if not isinstance(config, Mapping):
        error = PolicyError(
            config,
            "is not a dictionary of policies",
            "Write {'default': {'ALLOW_ORIGINS': ['https://app.example.com']}}.",
            id="E001",
        )
        raise PolicyErrors([error.at(SETTING)])
    errors: list[PolicyError] = []
    policies: dict[str, Policy] = {}
    for alias, policy_config in config.items():
        if not isinstance(alias, str) or alias in DEFAULTS:
            error = PolicyError(
                alias,
                "is no alias of a policy",
                "Write the policies by name: {'default': {'ALLOW_ORIGINS': [...]}}.",
                id="E001",
            )
            errors.append(error.at(SETTING))
            continue
        try:
            policies[alias] = compile_policy(alias, policy_config, Place(alias))
        except PolicyErrors as refused:
            errors += refused.errors
    errors += _contested_paths(policies)
    if errors:
        raise PolicyErrors(errors)
    return PolicyBook(policies)


def _contested_paths(policies: Mapping[str, Policy]) -> list[PolicyError]:
    errors = []
    owners: dict[Any, str] = {}
    for alias, policy in policies.items():
        for index, path in enumerate(policy.paths or ()):
            owner = owners.setdefault(path, alias)
            if owner != alias:
                error = PolicyError(
                    path,
                    f"belongs to {Place(owner)} already, and a path has one policy",
                    "Leave it out of one of the two.",
                    id="E015",
                )
                errors.append(error.at(Place(alias).locate("PATHS", index)))
    return errors


# None until somebody asks policy_book() for it. Public, for a call would cost each request as much
# as a whole middleware that does nothing.
book: PolicyBook | None = None


def policy_book() -> PolicyBook:
    """The book of the current settings. Raises ``PolicyErrors`` (an ``ImproperlyConfigured``)."""
    global book
    # Two threads may both compile; both results are right, and one reference is kept.
    if book is None:
        book = compile_book(getattr(settings, SETTING, {}))
    return book


@receiver(setting_changed)
def _forget_book(*, setting: str, **kwargs: Any) -> None:
    global book
    if setting == SETTING:
        book = None
