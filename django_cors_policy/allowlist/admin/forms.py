"""Forms for rows, one at a time or many from a paste; and for testing a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.explain import Explanation, explain
from django_cors_policy.fetch import NULL
from django_cors_policy.policy import DEFAULT_ALIAS, Policy

from ..batches import Line
from ..models import AllowedOrigin
from ..rows import as_people_write
from ..states import known_policies
from ..view_credentials import named, views_that_add_credentials
from .many import RowForms

# SQLite takes no more than 999 values in one query everywhere.
MOST_ORIGINS = 500
LONGEST_PASTE = 200_000

# Fields that hold no prose.
_PLAIN = {
    "autocapitalize": "off",
    "autocomplete": "off",
    "class": "vLargeTextField",
    "spellcheck": "false",
}
_ORIGIN_ATTRS = {**_PLAIN, "inputmode": "url", "placeholder": "https://app.example.com"}

_BYTE_ORDER_MARK = "\ufeff"
_COMMENT = re.compile(r"(?:^|\s)#.*")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def describe_policy(policy: Policy) -> str:
    """A policy in a few words, to choose by."""
    if policy.paths:
        paths = [path if isinstance(path, str) else path.pattern for path in policy.paths]
        where = ", ".join(paths[:2])
        if len(paths) > 2:
            where = _("%(paths)s and more") % {"paths": where}
    elif policy.paths is None and policy.alias == DEFAULT_ALIAS:
        where = _("everywhere else")
    else:
        where = _("where a decorator asks for it")
    who = _("any origin, ") if policy.any_origin else ""
    credentials = _("with credentials") if policy.allow_credentials else _("without credentials")
    return f"{policy.alias} ({where}; {who}{credentials})"


def policy_choices(current: str = "") -> list[tuple[str, str]]:
    """The policies of settings, and the ``current`` one, which may be none of them."""
    policies = known_policies()
    choices = [(alias, describe_policy(policy)) for alias, policy in policies.items()]
    if current not in ("", *policies):
        missing = _("%(policy)s (no longer in CORS_POLICIES)") % {"policy": current}
        choices.insert(0, (current, missing))
    return choices


def _help_on_credentials() -> str:
    text = _(
        "Whether pages from there may send cookies and logins. Untick to block that. Ticking never "
        "exceeds the policy of a view."
    )
    if views := views_that_add_credentials():
        more = _("Decorators add credentials to a policy without them, on %(views)s.")
        text = f"{text} {more % {'views': named(views)}}"
    return text


# The model cannot name the views, for its texts are part of migrations.
_HELP_TEXTS = {"allow_credentials": lazy(_help_on_credentials, str)()}


class _RowForm(forms.ModelForm):  # type: ignore[type-arg]
    """Offers the policies to choose from. Whatever else is sent, the model refuses by name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "policy" in self.fields:
            current = self.instance.policy if self.instance.pk is not None else ""
            self.fields["policy"].widget = forms.Select(choices=policy_choices(current))

    def add_error(self, field: str | None, error: Any) -> None:
        """As Django's. Errors of fields that this user may not set go above the form."""
        if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
            errors: dict[str, list[ValidationError]] = {}
            for name, found in error.error_dict.items():
                errors.setdefault(name if name in self.fields else NON_FIELD_ERRORS, []).extend(
                    found
                )
            error = ValidationError(errors)
        super().add_error(field, error)


class AllowedOriginForm(_RowForm):
    """One row. Its origin is shown as people write it, and kept as browsers send it."""

    class Meta:
        model = AllowedOrigin
        fields = ("policy", "origin", "allow_credentials", "is_enabled", "expires_at", "note")
        help_texts = _HELP_TEXTS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "origin" in self.fields:
            self.initial["origin"] = as_people_write(self.initial.get("origin", ""))
            self.fields["origin"].widget.attrs |= _ORIGIN_ATTRS


class AddManyForm(_RowForm):
    """Many rows that differ in origin and note."""

    origins = forms.CharField(
        label=gettext_lazy("Origins"),
        max_length=LONGEST_PASTE,
        strip=False,  # or the numbers of lines would not be those of the text area
        widget=forms.Textarea(
            attrs={
                **_PLAIN,
                "placeholder": "https://app.example.com\nhttps://*.example.org  # all below it",
                "rows": 12,
                "wrap": "off",
            }
        ),
        help_text=gettext_lazy(
            "One a line, at most %(limit)s. What stands behind an origin on its line is its note, "
            "in place of the note below; from “#” on a line is a comment."
        )
        % {"limit": MOST_ORIGINS},
        error_messages={
            "max_length": gettext_lazy(
                "This is too long: %(show_value)s characters, and %(limit_value)s is the limit. "
                "Add the origins in several goes."
            )
        },
    )

    class Meta:
        model = AllowedOrigin
        fields = ("policy", "allow_credentials", "expires_at", "note")
        help_texts = _HELP_TEXTS

    def clean_origins(self) -> str:
        text: str = self.cleaned_data["origins"]
        count = sum(1 for _line in _read_lines(text))
        if count == 0:
            raise ValidationError(_("There are only comments. Write one origin a line."))
        if count > MOST_ORIGINS:
            message = _(
                "These are %(count)s origins, and %(limit)s is the limit. Add them in several goes."
            )
            raise ValidationError(message % {"count": count, "limit": MOST_ORIGINS})
        return text

    def lines(self, rows: RowForms) -> Iterator[Line]:
        """The rows that the paste asks for."""
        for number, text, note in _read_lines(self.cleaned_data["origins"]):
            yield rows.line(number, text, text, note=note)


class AllowForm(_RowForm):
    """What the rows for refused origins have in common."""

    class Meta:
        model = AllowedOrigin
        fields = ("allow_credentials", "expires_at", "note")
        help_texts = _HELP_TEXTS

    def _post_clean(self) -> None:
        """Nothing: there is no row yet, and the plan judges each."""


def _read_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Number, origin and note of each line that holds any."""
    for number, whole in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", whole.removeprefix(_BYTE_ORDER_MARK)).strip()
        if not line:
            continue
        origin, note = (*line.split(maxsplit=1), "")[:2]
        # A second origin is not lost as the note of the first.
        yield (number, line, "") if _ORIGIN.match(note) else (number, origin, note)


# --- Testing a request ---------------------------------------------------------------------------

_SEPARATORS = re.compile(r"[\s,]+")
# A call with which nothing is wrong.
_PLAIN_CALL: Mapping[str, Any] = {"origin": NULL, "method": "GET", "url": "/"}


class CallForm(forms.Form):
    """A call by the script of a page. Once the form is valid, ``explanation`` is there."""

    origin = forms.CharField(
        label=gettext_lazy("Origin of the page"),
        max_length=2000,
        widget=forms.TextInput(attrs=_ORIGIN_ATTRS),
        help_text=gettext_lazy("What location.origin shows in its console."),
    )
    method = forms.CharField(
        label=gettext_lazy("Method"),
        max_length=50,
        required=False,
        initial="GET",
        widget=forms.TextInput(attrs={**_PLAIN, "class": "vTextField", "list": "id_methods"}),
    )
    url = forms.CharField(
        label=gettext_lazy("URL that the script calls"),
        max_length=4000,
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "https://api.example.com/orders/"}),
        help_text=gettext_lazy("Or a path of this server, such as /orders/."),
    )
    content_type = forms.CharField(
        label=gettext_lazy("Content-Type"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={**_PLAIN, "class": "vTextField", "list": "id_content_types"}),
        help_text=gettext_lazy("Of what the script sends, if it sends anything."),
    )
    headers = forms.CharField(
        label=gettext_lazy("Headers"),
        max_length=4000,
        required=False,
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "authorization, x-csrftoken"}),
        help_text=gettext_lazy(
            "The names of all others that the script sets, separated by commas."
        ),
    )
    credentials = forms.BooleanField(
        label=gettext_lazy("With credentials"),
        required=False,
        help_text=gettext_lazy('The script asks for cookies: credentials: "include".'),
    )
    reads = forms.CharField(
        label=gettext_lazy("Headers of the answer"),
        max_length=4000,
        required=False,
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "x-total-count"}),
        help_text=gettext_lazy("The names of those that the script wants to read."),
    )

    explanation: Explanation

    def clean(self) -> None:
        """Have the call explained. Where settings or decorators are wrong, the form says so."""
        if self.errors:
            return
        try:
            self._explain()
        except PolicyErrors as wrong:
            self.add_error(None, [str(error) for error in wrong.errors])

    def _explain(self) -> None:
        call = self.cleaned_data | {"method": self.cleaned_data["method"] or "GET"}
        for name in ("headers", "reads"):
            call[name] = list(filter(None, _SEPARATORS.split(call[name])))
        try:
            self.explanation = explain(**call)
        except PolicyError:
            # Each part by itself, so that all problems are told at once, where they were written.
            for name, value in call.items():
                try:
                    explain(**{**_PLAIN_CALL, name: value})
                except PolicyError as error:
                    self.add_error(name, f"{error.message} {error.hint}")
