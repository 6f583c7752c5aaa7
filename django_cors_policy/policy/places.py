"""The place where a policy is written, for messages."""

from __future__ import annotations


class Place:
    """A policy in ``CORS_POLICIES``."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def __str__(self) -> str:
        return f"CORS_POLICIES[{self.alias!r}]"

    def locate(self, key: str, index: int | None = None) -> str:
        """Return the place of a key's value, or of one item of it."""
        item = "" if index is None else f"[{index}]"
        return f"{self}[{key!r}]{item}"

    def spell(self, key: str) -> str:
        """Return the key as users write it at this place."""
        return key

    def written_at(self, key: str) -> Place:
        """Return the place that sets ``key``: for a decorator, it may be the policy in settings."""
        return self


class RehearsalPlace(Place):
    """The ``REPORT_ONLY`` of a policy."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.alias)
        self._outer = place

    def __str__(self) -> str:
        return self._outer.locate("REPORT_ONLY")

    def written_at(self, key: str) -> Place:
        # Without its own REPORT_ONLY, a decorator replaces keys in the REPORT_ONLY of settings.
        writer = self._outer.written_at("REPORT_ONLY")
        if writer is self._outer:
            return self
        return self._outer if self._outer.written_at(key) is self._outer else RehearsalPlace(writer)
