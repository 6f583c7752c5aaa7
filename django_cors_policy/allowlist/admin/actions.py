"""Admin actions on selected rows: enable, disable, extend."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext_lazy

from ..models import AllowedOrigin, one_change
from ..states import State, status_of
from .base import database
from .history import RowHistory
from .log import log_changes, values_of

EXTENSION = datetime.timedelta(days=30)

ENABLED = ngettext_lazy("%(count)d origin enabled.", "%(count)d origins enabled.", "count")
ENABLED_ALREADY = ngettext_lazy(
    "%(count)d origin was already enabled.", "%(count)d origins were already enabled.", "count"
)
STILL_WITHOUT_EFFECT = ngettext_lazy(
    "%(count)d of them still has no effect. See the state column for the reason.",
    "%(count)d of them still have no effect. See the state column for the reasons.",
    "count",
)
DISABLED = ngettext_lazy("%(count)d origin disabled.", "%(count)d origins disabled.", "count")
DISABLED_ALREADY = ngettext_lazy(
    "%(count)d origin was already disabled.", "%(count)d origins were already disabled.", "count"
)
EXTENDED = ngettext_lazy(
    "%(count)d origin extended by 30 days.", "%(count)d origins extended by 30 days.", "count"
)
LIVE_AGAIN = ngettext_lazy(
    "%(count)d of them had expired and is live again.",
    "%(count)d of them had expired and are live again.",
    "count",
)
NEVER_EXPIRES = ngettext_lazy(
    "%(count)d origin was not changed: it never expires.",
    "%(count)d origins were not changed: they never expire.",
    "count",
)
NOT_YOURS = ngettext_lazy(
    "%(count)d origin was not changed: you do not have permission to change it.",
    "%(count)d origins were not changed: you do not have permission to change them.",
    "count",
)


class RowActions(RowHistory):
    """Actions that change only what the user may also change on the page of a row."""

    actions = ("enable", "disable", "extend")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may enable and disable rows."""
        return self._may_change(request, "is_enabled")

    def has_extend_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may change the expiry of rows."""
        return self._may_change(request, "expires_at")

    def _may_change(
        self, request: HttpRequest, field: str, row: AllowedOrigin | None = None
    ) -> bool:
        is_fixed = field in self.get_readonly_fields(request, row)
        return self.has_change_permission(request, row) and not is_fixed

    def _lock(
        self, request: HttpRequest, queryset: models.QuerySet[Any], field: str
    ) -> list[AllowedOrigin]:
        """Lock and return the rows whose ``field`` the user may change; report the others."""
        rows = list(queryset.using(database()).select_for_update())
        changeable = [
            row
            for row in rows
            if self._may_change(request, field, row)
            and field in flatten_fieldsets(self.get_fieldsets(request, row))
        ]
        self._tell(request, messages.WARNING, NOT_YOURS, len(rows) - len(changeable))
        return changeable

    @admin.action(permissions=["switch"], description=gettext_lazy("Enable selected origins"))
    def enable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        changed, left = self._switch(request, queryset, to=True)
        self._tell(request, messages.SUCCESS, ENABLED, len(changed))
        self._tell(request, messages.INFO, ENABLED_ALREADY, left)
        without_effect = sum(not status_of(row).state.is_live for row in changed)
        self._tell(request, messages.WARNING, STILL_WITHOUT_EFFECT, without_effect)
        self.offer_undo(request, changed)

    @admin.action(permissions=["switch"], description=gettext_lazy("Disable selected origins"))
    def disable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        changed, left = self._switch(request, queryset, to=False)
        self._tell(request, messages.SUCCESS, DISABLED, len(changed))
        self._tell(request, messages.INFO, DISABLED_ALREADY, left)
        self.offer_undo(request, changed)

    @admin.action(
        permissions=["extend"], description=gettext_lazy("Extend selected origins by 30 days")
    )
    def extend(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with one_change(database()):  # locks the token before the rows
            rows = self._lock(request, queryset, "expires_at")
            expired = [row for row in rows if status_of(row).state == State.EXPIRED]
            before = [values_of(row) for row in rows]
            for row in rows:
                row.extend(EXTENSION)
            changed = self._write(request, rows, before, "expires_at")
        self._tell(request, messages.SUCCESS, EXTENDED, len(changed))
        revived = sum(status_of(row).state.is_live for row in expired)
        self._tell(request, messages.WARNING, LIVE_AGAIN, revived)
        self._tell(request, messages.INFO, NEVER_EXPIRES, len(rows) - len(changed))
        self.offer_undo(request, changed)

    def _switch(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *, to: bool
    ) -> tuple[list[AllowedOrigin], int]:
        """Return the changed rows, and how many rows already had this value."""
        with one_change(database()):  # locks the token before the rows
            rows = self._lock(request, queryset, "is_enabled")
            before = [values_of(row) for row in rows]
            for row in rows:
                row.is_enabled = to
            changed = self._write(request, rows, before, "is_enabled")
        return changed, len(rows) - len(changed)

    def _write(
        self,
        request: HttpRequest,
        rows: Sequence[AllowedOrigin],
        before: Sequence[Mapping[str, Any]],
        field: str,
    ) -> list[AllowedOrigin]:
        """Write and log the rows whose ``field`` has changed, and return them."""
        pairs = list(zip(rows, before, strict=True))
        pairs = [(row, old) for row, old in pairs if values_of(row)[field] != old[field]]
        changed = [row for row, _old in pairs]
        AllowedOrigin.objects.using(database()).bulk_update(changed, [field], batch_size=500)
        log_changes(request, self.model, changed, [old for _row, old in pairs])
        return changed
