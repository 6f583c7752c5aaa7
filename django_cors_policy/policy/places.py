"""Where a policy is written, as messages name it."""

from __future__ import annotations


class Place:
    """Where a policy is written: settings, unless a subclass says otherwise."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def __str__(self) -> str:
        return f"CORS_POLICIES[{self.alias!r}]"

    def locate(self, key: str, index: int | None = None) -> str:
        """The place of a key's value, or of one item of it."""
        item = "" if index is None else f"[{index}]"
        return f"{self}[{key!r}]{item}"

    def spell(self, key: str) -> str:
        """A key as one writes it at this place."""
        return key

    def written_at(self, key: str) -> Place:
        """The place that says what ``key`` is: this one, unless it leaves it to another."""
        return self


class RehearsalPlace(Place):
    """What a policy's ``REPORT_ONLY`` holds."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.alias)
        self._outer = place

    def __str__(self) -> str:
        return self._outer.locate("REPORT_ONLY")

    def written_at(self, key: str) -> Place:
        # A decorator that leaves the rehearsal to settings replaces its own keys in it.
        writer = self._outer.written_at("REPORT_ONLY")
        if writer is self._outer:
            return self
        return self._outer if self._outer.written_at(key) is self._outer else RehearsalPlace(writer)
