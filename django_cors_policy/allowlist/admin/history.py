"""Who added and changed a row, and how to undo a change.

The admin's log keeps the values that a change replaced. To undo a change, the page of the row opens
with these values filled in: the user checks and saves them like any other change.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..batches import FIELDS
from ..models import AllowedOrigin
from .base import OriginAdmin, age
from .log import (
    AFTER,
    BEFORE,
    Authors,
    authors_of,
    changes_in,
    differences,
    earlier_values,
    entries_of,
    for_form,
    message_of,
    values_of,
)

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

# The query parameter with the log entry to undo.
UNDO = "undo"
# Creating a row sets both times, one after the other.
AT_ONCE = datetime.timedelta(seconds=1)


class RowHistory(OriginAdmin):
    """Shows authors, and offers to undo changes."""

    # -- Authors.

    @admin.display(description=gettext_lazy("history"), ordering="updated_at")
    def history(self, row: AllowedOrigin) -> SafeString:
        added_by, changed_by = _authors(row)
        lines = [_line(_("added"), row.created_at, added_by)]
        if changed_by or row.updated_at - row.created_at > AT_ONCE:
            lines.append(_line(_("changed"), row.updated_at, changed_by))
        return format_html_join("", '<div class="help">{}</div>', ((line,) for line in lines))

    @admin.display(description=gettext_lazy("added by"))
    def added_by(self, row: AllowedOrigin) -> str:
        return _authors(row).added_by or "-"

    @admin.display(description=gettext_lazy("changed by"))
    def changed_by(self, row: AllowedOrigin) -> str:
        return _authors(row).changed_by or "-"

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Load the authors of all rows on the page at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        authors = authors_of(rows)
        for row in rows:
            vars(row)["_authors"] = authors[row.pk]
        return changelist

    # -- Undoing.

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Add the values before and after the change."""
        message = super().construct_change_message(request, form, formsets, add)
        row = form.instance
        before = copy.copy(row)
        for name in form.changed_data:
            if name in FIELDS:
                field: Any = self.opts.get_field(name)
                setattr(before, name, field.get_prep_value(form.initial.get(name)))
        values = message_of(values_of(before), values_of(row))
        for part in message:
            if values and "name" not in part.get("changed", {"name": ""}):
                part["changed"] |= {BEFORE: values[BEFORE], AFTER: values[AFTER]}
        return message

    def response_change(self, request: HttpRequest, obj: AllowedOrigin) -> HttpResponse:
        """Offer to undo the change."""
        response = super().response_change(request, obj)
        if IS_POPUP_VAR not in request.POST:
            self.offer_undo(request, [obj])
        return response

    def offer_undo(self, request: HttpRequest, rows: Sequence[AllowedOrigin]) -> None:
        """Show a link that undoes the user's last change, if it changed one row."""
        if len(rows) != 1:
            return
        entry = entries_of(rows).filter(user=request.user.pk, action_flag=CHANGE).last()
        if entry is not None and earlier_values(entry):
            text = _('You can <a href="{url}">undo this change</a>.')
            link = format_html(text, url=self._undo_url(entry))
            self.message_user(request, link, messages.INFO)

    def _undo_url(self, entry: LogEntry) -> str:
        return f"{self.url_of('change', entry.object_id)}?{urlencode({UNDO: entry.pk})}"

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Fill in the values from before a change. Nothing is saved yet."""
        key = request.GET.get(UNDO, "")
        if obj is not None and request.method == "GET" and key.isdecimal() and len(key) < 19:
            entry = entries_of([obj]).filter(pk=key, action_flag=CHANGE).first()
            form = context["adminform"].form
            wanted = earlier_values(entry) if entry is not None else {}
            settable = {name: value for name, value in wanted.items() if name in form.fields}
            if wanted:
                context["undone"] = entry
                context["differences"] = list(differences(obj, settable))
                context["not_settable"] = list(
                    differences(obj, {name: wanted[name] for name in wanted.keys() - settable})
                )
            for name, value in settable.items():
                form.initial[name] = for_form(name, value)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show the values that each change replaced, with a link that undoes it."""
        response = super().history_view(request, object_id, extra_context)
        context = getattr(response, "context_data", None) or {}
        for entry in context.get("action_list", ()):
            entry.changes = changes_in(entry)
            if entry.changes and self.has_change_permission(request, context["object"]):
                entry.undo_url = self._undo_url(entry)
        return response


def _authors(row: AllowedOrigin) -> Authors:
    found: Authors = vars(row).get("_authors") or authors_of([row])[row.pk]
    return found


def _line(what: str, moment: datetime.datetime, name: str) -> SafeString:
    line = format_html("{} {}", what, age(moment))
    return format_html("{} {}", line, _("by %(name)s") % {"name": name}) if name else line
