"""Who added and changed a row, and how to undo a change.

The admin's log keeps the values that a change replaced. To undo a change, the page of the row opens
with these values filled in: the user checks and saves them like any other change.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import display_for_value, flatten_fieldsets
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
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
    LoggedChange,
    authors_of,
    differences,
    entries_of,
    for_form,
    logged_change,
    message_of,
    values_of,
)

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

# The query parameter with the log entry to undo.
UNDO = "undo"
# Without and with a name.
ADDED = gettext_lazy("added {age}"), gettext_lazy("added {age} by {name}")
CHANGED = gettext_lazy("changed {age}"), gettext_lazy("changed {age} by {name}")
# Creating a row sets both times, one after the other.
AT_ONCE = datetime.timedelta(seconds=1)


class RowHistory(OriginAdmin):
    """Shows authors, and offers to undo changes."""

    # -- Authors.

    @admin.display(description=gettext_lazy("history"), ordering="updated_at")
    def history(self, row: AllowedOrigin) -> SafeString:
        added_by, changed_by = self._authors(row)
        lines = [_line(ADDED, row.created_at, added_by)]
        if changed_by or row.updated_at - row.created_at > AT_ONCE:
            lines.append(_line(CHANGED, row.updated_at, changed_by))
        return format_html_join("", '<div class="help">{}</div>', ((line,) for line in lines))

    @admin.display(description=gettext_lazy("added by"))
    def added_by(self, row: AllowedOrigin) -> str:
        return self._authors(row).added_by or "-"

    @admin.display(description=gettext_lazy("changed by"))
    def changed_by(self, row: AllowedOrigin) -> str:
        return self._authors(row).changed_by or "-"

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Load the authors of all rows on the page at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        authors = authors_of(self.model, rows)
        for row in rows:
            vars(row)["_authors"] = authors[row.pk]
        return changelist

    def _authors(self, row: AllowedOrigin) -> Authors:
        found: Authors = vars(row).get("_authors") or authors_of(self.model, [row])[row.pk]
        return found

    # -- Undoing.

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Add the values before and after the change."""
        message = super().construct_change_message(request, form, formsets, add)
        row = form.instance
        before = copy.copy(row)
        # A form of the project can have more fields.
        for name in set(form.changed_data).intersection(FIELDS):
            field: Any = self.opts.get_field(name)
            setattr(before, name, field.get_prep_value(form.initial.get(name)))
        values = message_of(values_of(before), values_of(row))
        if values and not add:
            # Of the parts of a message, the first is about the row itself.
            message[0]["changed"] |= {BEFORE: values[BEFORE], AFTER: values[AFTER]}
        return message

    def response_change(self, request: HttpRequest, obj: AllowedOrigin) -> HttpResponse:
        """Offer to undo the change."""
        response = super().response_change(request, obj)
        if isinstance(response, HttpResponseRedirect):
            # "Save and continue editing" keeps the query string. The page would fill in the values
            # from before the change again, and the next "Save" would undo what was just saved.
            response["Location"] = _without_undo(response.url)
        if IS_POPUP_VAR not in request.POST:
            self.offer_undo(request, [obj])
        return response

    def offer_undo(self, request: HttpRequest, rows: Sequence[AllowedOrigin]) -> None:
        """Show a link that undoes the user's last change, if it changed one row."""
        if len(rows) != 1:
            return
        entry = entries_of(self.model, rows).filter(user=request.user.pk).last()
        if entry is not None and logged_change(entry, rows[0], FIELDS).before:
            text = _('You can <a href="{url}">undo this change</a>.')
            link = format_html(text, url=self._undo_url(entry))
            self.message_user(request, link, messages.INFO)

    def _undo_url(self, entry: LogEntry) -> str:
        return f"{self.url_of('change', entry.object_id)}?{urlencode({UNDO: entry.pk})}"

    def _logged_change(
        self, request: HttpRequest, entry: LogEntry, row: AllowedOrigin
    ) -> LoggedChange:
        """Return the logged values of the fields that the user may see."""
        return logged_change(entry, row, flatten_fieldsets(self.get_fieldsets(request, row)))

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
        if obj is not None and key.isdecimal() and len(key) < 19:
            entry = entries_of(self.model, [obj]).filter(pk=key).first()
            if entry is not None and self.has_change_permission(request, obj):
                self._fill_in(request, context["adminform"].form, entry)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _fill_in(self, request: HttpRequest, form: Any, entry: LogEntry) -> None:
        """Fill in what ``entry`` replaced, and say so. A posted form keeps what was posted."""
        # Not the form's row: it has the posted values.
        row = self.get_object(request, str(entry.object_id))
        if row is None or not (wanted := self._logged_change(request, entry, row).before):
            return
        now = values_of(row)
        fixed = {name: value for name, value in wanted.items() if name not in form.fields}
        if not form.is_bound:
            for name in wanted.keys() - fixed.keys():
                form.initial[name] = for_form(name, wanted[name])
        if different := list(differences(now, wanted)):
            text = _(
                "To undo the change by %(name)s (%(moment)s), check these values and save. Nothing "
                "is saved yet. %(values)s"
            )
            values = {
                "name": entry.user.get_username(),
                "moment": display_for_value(entry.action_time, ""),
                "values": "; ".join(map(str, different)),
            }
            self.message_user(request, text % values, messages.WARNING)
        else:
            text = _("The row already has the values from before this change.")
            self.message_user(request, text, messages.INFO)
        if not_settable := list(differences(now, fixed)):
            text = _("You do not have permission to set these values back: %(values)s")
            values = {"values": "; ".join(map(str, not_settable))}
            self.message_user(request, text % values, messages.WARNING)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show the values that each change replaced, with a link that undoes it."""
        response = super().history_view(request, object_id, extra_context)
        context = getattr(response, "context_data", None) or {}
        for entry in context.get("action_list", ()):
            row = context["object"]
            change = self._logged_change(request, entry, row)
            if change.before:
                url = self._undo_url(entry) if self.has_change_permission(request, row) else ""
                # The template of Django's admin shows what this returns.
                entry.get_change_message = partial(_describe, change, url)
        return response


def _describe(change: LoggedChange, undo_url: str) -> SafeString:
    lines = ((str(line),) for line in differences(change.before, change.after))
    text = format_html_join("", "<div>{}</div>", lines)
    return format_html('{}<a href="{}">{}</a>', text, undo_url, _("Undo")) if undo_url else text


def _without_undo(url: str) -> str:
    parts = urlsplit(url)
    query = QueryDict(parts.query, mutable=True)
    if UNDO not in query:
        return url
    del query[UNDO]
    return parts._replace(query=query.urlencode()).geturl()


def _line(texts: tuple[Any, Any], moment: datetime.datetime, name: str) -> SafeString:
    without_name, with_name = texts
    text = str(with_name if name else without_name)
    return format_html(text, age=age(moment), name=name)
