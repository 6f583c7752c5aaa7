"""The base class of the admin for allowed and for refused origins."""

from __future__ import annotations

import datetime
import itertools
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminErrorList, AdminForm
from django.contrib.admin.utils import display_for_value
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from django_cors_policy.origins import guess_origin

from ..batches import Line
from ..database import writing_database
from ..models import AllowedOrigin, RefusedOrigin
from ..rows import as_people_write, shown
from ..states import MOST_ROWS
from .many import add_all
from .test_page import call_by, refused_call

ADDED = ngettext_lazy("%(count)d origin added.", "%(count)d origins added.", "count")


def database() -> str:
    """Return the alias of the database that holds the rows."""
    return writing_database(AllowedOrigin)


class OriginAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base class of the admin for allowed and for refused origins."""

    class Media:
        css = {"all": ["cors_policy_allowlist/admin.css"]}

    # The folder of the templates.
    templates: str

    # Counting a million rows is slow.
    show_full_result_count = False

    @admin.display(description=gettext_lazy("origin"), ordering="origin")
    def origin_as_read(self, row: AllowedOrigin | RefusedOrigin) -> str:
        text = shown(row.origin)
        if text == as_people_write(row.origin) != row.origin:
            # Letters of another alphabet can look like ASCII letters, so show both forms.
            return format_html('{}<div class="help">{}</div>', text, row.origin)
        return text

    def _as_state(self, icon: str, text: str, why: str) -> SafeString:
        image = static(f"admin/img/icon-{icon}.svg")
        said = format_html('<span class="cors-state"><img src="{}" alt=""> {}</span>', image, text)
        return format_html('{}<div class="help">{}</div>', said, why) if why else said

    if TYPE_CHECKING:

        def _origins_that_allow(self, origin: str) -> list[str]:
            """Return the origins of the rows that a search for ``origin`` finds."""

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Extend Django's search: a URL finds its origin, and Unicode finds its ASCII form."""
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        if not term:
            return found, may_have_duplicates
        origins = self._origins_that_allow(guess_origin(term) or "")
        if not term.isascii():
            origins += _origins_that_read(queryset, term)
        return found | queryset.filter(origin__in=origins), may_have_duplicates

    def _tell(self, request: HttpRequest, level: int, text: Any, count: int) -> None:
        if count:
            self.message_user(request, text % {"count": count}, level)

    def _add_planned(
        self, request: HttpRequest, row_admin: Any, plan: Callable[[], Iterable[Line]]
    ) -> bool:
        """Call ``plan`` and add all of its rows, or none. Return whether a row was added."""
        try:
            with transaction.atomic(using=database()):
                added = add_all(row_admin, request, plan())
        except IntegrityError:
            text = _(
                "Nothing was added: another user has just added one of these origins. Check the "
                "preview and try again."
            )
            self.message_user(request, text, messages.ERROR)
            return False
        self._tell(request, messages.SUCCESS, ADDED, added)
        if not added:
            # The admin of the project can refuse to save a row.
            self.message_user(request, _("Nothing was added."), messages.ERROR)
        return added > 0

    def _render_form(
        self,
        request: HttpRequest,
        template: str,
        title: str,
        form: Any,
        fieldsets: Iterable[tuple[str | None, Iterable[str]]],
        **context: Any,
    ) -> HttpResponse:
        """Render ``form``, from which the fields that the user may not set are missing."""
        present = [
            (heading, [n for n in names if n in form.fields]) for heading, names in fieldsets
        ]
        shown_sets: Any = [(heading, {"fields": names}) for heading, names in present if names]
        admin_form = AdminForm(form, shown_sets, {}, (), self)
        context |= {
            "adminform": admin_form,
            "errors": AdminErrorList(form, []),
            "media": self.media + admin_form.media,
        }
        return self._render(request, template, title, context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Add a link to "Test a request", with the form filled in."""
        if obj is not None and (url := self._test_url(request)):
            call = refused_call(obj) if isinstance(obj, RefusedOrigin) else call_by(obj)
            context["test_url"] = f"{url}?{urlencode(call)}"
        return super().render_change_form(request, context, add, change, form_url, obj)

    def url_of(self, page: str, *args: Any) -> str:
        """Return the URL of an admin page, for example of the ``changelist``."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args, current_app=self.admin_site.name)

    def _test_url(self, request: HttpRequest) -> str:
        """Return the URL of "Test a request"; empty if the user may not open it."""
        site = self.admin_site
        rows = site.get_model_admin(AllowedOrigin) if site.is_registered(AllowedOrigin) else None
        # An admin class of the project does not have the page.
        if isinstance(rows, OriginAdmin) and rows.has_view_or_change_permission(request):
            return rows.url_of("test")
        return ""

    def _render(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "original": title,  # the last item of the breadcrumbs
            "media": self.media,
            "has_view_permission": self.has_view_permission(request),
            **context,
        }
        # A proxy model of a project has its own folder, which need not have the template.
        folders = f"{self.opts.app_label}/{self.opts.model_name}", self.templates
        return TemplateResponse(request, [f"admin/{each}/{template}" for each in folders], context)


def age(moment: datetime.datetime) -> SafeString:
    """Return how long ago ``moment`` was, with the exact time as a tooltip."""
    ago = _("%(time)s ago") % {"time": timesince(moment, depth=1)}
    return format_html('<span title="{}">{}</span>', display_for_value(moment, ""), ago)


def _origins_that_read(rows: models.QuerySet[Any], text: str) -> list[str]:
    """Return the origins of ``rows`` that contain ``text`` in their Unicode form."""
    text = unicodedata.normalize("NFC", text.lower())
    origins = rows.filter(origin__contains="xn--").values_list("origin", flat=True)
    found = (
        origin for origin in origins.iterator(chunk_size=2000) if text in as_people_write(origin)
    )
    return list(itertools.islice(found, MOST_ROWS))
