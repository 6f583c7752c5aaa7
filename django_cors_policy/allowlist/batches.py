"""Many rows at once, each of them added the way the admin adds a single one.

A project may subclass the admin of ``AllowedOrigin``: to make fields read-only for some users, to
check more in the form, to stamp or refuse rows in ``save_model``. So each row goes through the form
and the methods of that admin. What it keeps from the page for one row, it keeps from these as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_cors_policy.policy import Policy

from .coverage import Wildcards, allowed_by_settings
from .models import AllowedOrigin
from .rows import parse_row
from .states import RowStatus, known_policies, status_of

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _RowForm = forms.ModelForm[AllowedOrigin]
    _RowAdmin = ModelAdmin[AllowedOrigin]

_Form = TypeVar("_Form", bound="forms.ModelForm[Any]")


@dataclass
class Line:
    """One row that is asked for, and what becomes of it. Its number is 0 if nothing was pasted."""

    number: int
    text: str
    form: _RowForm
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.row = self.form.instance
        # Whether the row exists is looked up for all lines in one query.
        vars(self.row)["validate_constraints"] = lambda exclude=None: None
        self.problems = list(_problems_of(self.form))
        del vars(self.row)["validate_constraints"]

    @property
    def standing(self) -> RowStatus:
        return status_of(self.row)


def _problems_of(form: _RowForm) -> Iterable[str]:
    for name, errors in form.errors.items():
        for error in errors:
            is_about_all = name in ("origin", "policy", NON_FIELD_ERRORS)
            yield str(error) if is_about_all else f"{form[name].label}: {error}"


@dataclass
class Plan:
    """What adding many rows would do."""

    additions: list[Line] = field(default_factory=list)
    existing: list[Line] = field(default_factory=list)
    duplicates: list[Line] = field(default_factory=list)
    refused: list[Line] = field(default_factory=list)


class RowForms:
    """Fills in the form that adds one row: with what another form says of many, and an origin."""

    def __init__(self, model_admin: _RowAdmin, request: HttpRequest, many: forms.BaseForm) -> None:
        self._form_class = _row_form_class(model_admin, request)
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
        """The line for a row with this ``origin``; ``values`` replace what is said of all rows."""
        data = {**self._common, "origin": origin, "note": note or self._note, **values}
        line = Line(number, text, self._form_class(data))
        if note and "note" not in self._form_class.base_fields:
            line.remarks.append(_("The note is left out: you may not write notes."))
        return line


def may_add_many(model_admin: _RowAdmin, request: HttpRequest) -> bool:
    """Whether the user may add rows, and choose their origins."""
    return (
        model_admin.has_add_permission(request)
        and "origin" in _row_form_class(model_admin, request).base_fields
    )


def form_for_many(model_admin: _RowAdmin, request: HttpRequest, form: type[_Form]) -> type[_Form]:
    """``form`` with the admin's widgets, and without the fields that the user may not set."""
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


# --- Planning ------------------------------------------------------------------------------------


def make_plan(lines: Iterable[Line], using: str) -> Plan:
    """What would become of each line, as things are in the database ``using``."""
    plan = Plan()
    first_with: dict[tuple[str, str], Line] = {}
    for line in lines:
        if line.problems:
            line.remarks += line.problems
            plan.refused.append(line)
            continue
        first = first_with.setdefault((line.row.policy, line.row.origin), line)
        if first is not line:
            line.remarks.append(_("As line %(number)s.") % {"number": first.number})
            plan.duplicates.append(line)
    existing = _existing(first_with, using)
    for key, line in first_with.items():
        if (row := existing.get(key)) is not None:
            line.row = row
            plan.existing.append(line)
        else:
            plan.additions.append(line)
    by_policy = attrgetter("row.policy")
    for alias, additions in groupby(sorted(plan.additions, key=by_policy), by_policy):
        if (policy := known_policies().get(alias)) is not None:
            _remark_on(list(additions), policy)
    return plan


def _existing(
    keys: Iterable[tuple[str, str]], using: str
) -> Mapping[tuple[str, str], AllowedOrigin]:
    rows = AllowedOrigin.objects.using(using).filter(
        policy__in={policy for policy, _origin in keys}, origin__in=[origin for _, origin in keys]
    )
    # Some databases compare without regard to case, and would refuse the row.
    return {(row.policy, row.origin.lower()): row for row in rows}


def _remark_on(additions: Sequence[Line], policy: Policy) -> None:
    wildcards = Wildcards([line.row for line in additions], policy)
    for line in additions:
        reason = allowed_by_settings(policy, parse_row(line.row.origin))
        if reason := reason or wildcards.reason_against(line.row):
            line.remarks.append(_("Changes nothing: %(reason)s") % {"reason": reason})


# --- Adding --------------------------------------------------------------------------------------


def add_all(model_admin: _RowAdmin, request: HttpRequest, lines: Iterable[Line]) -> int:
    """Add the rows as the admin's page for one row does. Returns how many are there.

    Call it in a transaction. Raises ``IntegrityError``, and what the admin's methods raise.
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
