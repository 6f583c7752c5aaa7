"""Add many rows at once, each the way the admin adds a single row.

A project may subclass the admin of ``AllowedOrigin``: to make fields read-only for some users, to
validate more in the form, to set values or refuse rows in ``save_model``. So each row goes through
the form and the methods of that admin, and the same restrictions apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _

from django_cors_policy.policy import Policy

from ..batches import Line, Plan, make_plan
from ..coverage import Wildcards, allowed_by_settings
from ..models import AllowedOrigin
from ..rows import parse_row
from ..states import known_policies

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _RowForm = forms.ModelForm[AllowedOrigin]
    _RowAdmin = ModelAdmin[AllowedOrigin]

_Form = TypeVar("_Form", bound="forms.ModelForm[Any]")


class RowForms:
    """Fills in the form for one row: with an origin, and with the values for many rows.

    ``unset``: the values of fields that the user may not set, instead of the model's defaults.
    """

    def __init__(
        self, model_admin: _RowAdmin, request: HttpRequest, many: forms.BaseForm, **unset: Any
    ) -> None:
        self._form_class = _row_form_class(model_admin, request)
        self._unset = unset
        self._common: Mapping[str, Any] = {
            **{
                name: field.initial
                for name, field in self._form_class.base_fields.items()
                if name not in many.fields
            },
            **{name: many.data.get(name) for name in many.data if name not in ("origins", "note")},
        }
        self._note = str(many.data.get("note", ""))

    def line(self, number: int, text: str, origin: str, *, note: str = "", **values: Any) -> Line:
        """Return the line for a row with this ``origin``; ``values`` replace common values."""
        data = {**self._common, "origin": origin, "note": note or self._note, **values}
        # A field that the project disables takes its initial value.
        form = self._form_class(data, initial=self._unset)
        row = form.instance
        # Validation replaces the values of the form's fields, so these remain for the others.
        vars(row).update(self._unset)
        # The plan looks up existing rows, for all lines in one query.
        vars(row)["validate_constraints"] = lambda exclude=None: None
        problems = list(_problems_of(form))
        del vars(row)["validate_constraints"]
        line = Line(number, row.policy, row.origin, problems=problems, text=text, form=form)
        line.row = row
        if note and "note" not in self._form_class.base_fields:
            remark = _("The note will not be saved: you do not have permission to set it.")
            line.remarks.append(remark)
        return line


def may_add_many(model_admin: _RowAdmin, request: HttpRequest) -> bool:
    """Return whether the user may add rows and set their origins."""
    return (
        model_admin.has_add_permission(request)
        and "origin" in _row_form_class(model_admin, request).base_fields
    )


def form_for_many(model_admin: _RowAdmin, request: HttpRequest, form: type[_Form]) -> type[_Form]:
    """Return ``form`` with the admin's widgets and only the fields that the user may set."""
    settable = _row_form_class(model_admin, request).base_fields
    names = [name for name in form._meta.fields or () if name in settable]  # noqa: SLF001
    return cast(
        "type[_Form]",
        forms.modelform_factory(
            AllowedOrigin,
            form=form,
            fields=names,
            formfield_callback=partial(model_admin.formfield_for_dbfield, request=request),
        ),
    )


def _row_form_class(model_admin: _RowAdmin, request: HttpRequest) -> type[_RowForm]:
    return model_admin.get_form(request, None, change=False)


def _problems_of(form: _RowForm) -> Iterable[str]:
    for name, errors in form.errors.items():
        for error in errors:
            is_about_all = name in ("origin", "policy", NON_FIELD_ERRORS)
            # str() keeps the mark of a text in English.
            text = str(error)
            yield text if is_about_all else format_html("{}: {}", form[name].label, text)


# --- Planning ------------------------------------------------------------------------------------


def plan_additions(lines: Iterable[Line], using: str) -> Plan:
    """Return the plan for the lines, with remarks for the page."""
    plan = make_plan(lines, using)
    for line in plan.refused:
        line.remarks += line.problems
    for line in plan.duplicates:
        line.remarks.append(_("Same as line %(number)s.") % {"number": line.same_as})
    by_policy = attrgetter("policy")
    for alias, additions in groupby(sorted(plan.added, key=by_policy), by_policy):
        if (policy := known_policies().get(alias)) is not None:
            _remark_on(list(additions), policy)
    return plan


def _remark_on(additions: Sequence[Line], policy: Policy) -> None:
    wildcards = Wildcards([line.row for line in additions], policy)
    for line in additions:
        reason = allowed_by_settings(policy, parse_row(line.row.origin))
        if reason := reason or wildcards.reason_against(line.row):
            line.remarks.append(_("Changes nothing: %(reason)s") % {"reason": reason})


# --- Adding --------------------------------------------------------------------------------------


def add_all(model_admin: _RowAdmin, request: HttpRequest, lines: Iterable[Line]) -> int:
    """Add the rows as the admin's page for one row does. Return the number of saved rows.

    Call this in a transaction. Raises ``IntegrityError`` and the errors of the admin's methods.
    """
    return sum(_add(model_admin, request, line.form) for line in lines)


def _add(model_admin: _RowAdmin, request: HttpRequest, form: _RowForm) -> bool:
    row = model_admin.save_form(request, form, change=False)
    model_admin.save_model(request, row, form, change=False)
    if row.pk is None:
        return False
    model_admin.save_related(request, form, [], change=False)
    message = model_admin.construct_change_message(request, cast("forms.Form", form), [], add=True)
    model_admin.log_addition(request, row, message)
    return True
