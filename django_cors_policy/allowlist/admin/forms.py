"""Forms to add one row or many rows, and to test a request."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms.utils import from_current_timezone, to_current_timezone
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.explain import Explanation, explain
from django_cors_policy.explain.fixes import DAYS
from django_cors_policy.fetch import NULL
from django_cors_policy.policy import DEFAULT_ALIAS, Policy

from ..batches import Line
from ..models import AllowedOrigin
from ..rows import as_people_write
from ..states import WITHOUT_CREDENTIALS, known_policies
from ..view_credentials import named, views_that_add_credentials
from .english import in_english
from .many import RowForms

# Some versions of SQLite accept at most 999 values in a query.
MOST_ORIGINS = 500
LONGEST_PASTE = 200_000

# For fields that hold URLs and names, not prose.
_PLAIN = {
    "autocapitalize": "off",
    "autocomplete": "off",
    "class": "vLargeTextField",
    "spellcheck": "false",
}
_ORIGIN_ATTRS = {**_PLAIN, "inputmode": "url", "placeholder": "https://app.example.com"}

# The codes of the model's errors that are not translated.
ENGLISH = ("credentials", "origin", "settings", "unknown")

_BYTE_ORDER_MARK = "\ufeff"
_COMMENT = re.compile(r"(?:^|\s)#.*")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def describe_policy(policy: Policy) -> str:
    """Describe a policy in a few words, for a list of choices."""
    if policy.paths:
        paths = [path if isinstance(path, str) else path.pattern for path in policy.paths]
        where = ", ".join(paths[:2])
        if len(paths) > 2:
            where = _("%(paths)s and more") % {"paths": where}
    elif policy.paths is None and policy.alias == DEFAULT_ALIAS:
        where = _("everywhere else")
    else:
        where = _("where a decorator uses it")
    who = _("any origin, ") if policy.any_origin else ""
    credentials = _("with credentials") if policy.allow_credentials else _("without credentials")
    return f"{policy.alias} ({where}; {who}{credentials})"


class PolicySelect(forms.Select):
    """Offers the policies in settings, and the form's own value if it is none of them.

    Otherwise browsers would select and send the first policy, and "Save" would move the row there.
    """

    def __init__(self) -> None:
        policies = known_policies()
        super().__init__(
            choices=[(alias, describe_policy(policy)) for alias, policy in policies.items()]
        )

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> list[Any]:
        """Add the value as a choice."""
        known = {alias for alias, _text in self.choices}
        for alias in value:
            if alias not in known:
                text = _("%(policy)s (no longer in CORS_POLICIES)") % {"policy": alias}
                self.choices = [(alias, text), *self.choices]
        return super().optgroups(name, value, attrs)


def _help_on_credentials() -> str:
    text = _(
        "Allow pages to send cookies and logins. Untick to block them. Ticking never allows more "
        "than the policy of the view."
    )
    if views := views_that_add_credentials():
        more = _(
            "Decorators allow credentials on %(views)s, although the policy in settings does not."
        )
        text = f"{text} {more % {'views': named(views)}}"
    return text


def _help_on_origins() -> str:
    text = _(
        "One origin per line, at most %(limit)s. Text after an origin becomes its note, instead of "
        "the note below. Text after “#” is ignored."
    )
    return text % {"limit": MOST_ORIGINS}


# Not in the model: its texts are part of migrations, so they cannot name views.
_HELP_TEXTS = {"allow_credentials": lazy(_help_on_credentials, str)()}


class _RowForm(forms.ModelForm):  # type: ignore[type-arg]
    """Offers the policies as choices. The model refuses all other values, with a hint."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "policy" in self.fields:
            self.fields["policy"].widget = PolicySelect()
            is_asked_for = "policy" in (kwargs.get("initial") or {})
            if self.instance.pk is None and not is_asked_for:
                # Not every project has the model's default.
                aliases = list(known_policies())
                if aliases and DEFAULT_ALIAS not in aliases:
                    self.initial["policy"] = aliases[0]

    def add_error(self, field: str | None, error: Any) -> None:
        """Show the errors of fields that the form does not have above the form.

        If the policy refuses the row because of credentials, say first that the row works without.
        """
        if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
            errors: dict[str, list[ValidationError]] = {}
            for name, found in error.error_dict.items():
                is_about_credentials = found[0].code == "credentials"
                for problem in found:
                    if problem.code in ENGLISH:
                        problem.message = in_english(str(problem.message))
                if is_about_credentials and "allow_credentials" in self.fields:
                    found.insert(0, ValidationError(_(WITHOUT_CREDENTIALS)))
                errors.setdefault(name if name in self.fields else NON_FIELD_ERRORS, []).extend(
                    found
                )
            error = ValidationError(errors)
        super().add_error(field, error)


class AllowedOriginForm(_RowForm):
    """Form for one row. It shows the origin in Unicode; the model stores its ASCII form."""

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
    """Form for many rows that differ in origin and note."""

    origins = forms.CharField(
        label=gettext_lazy("Origins"),
        max_length=LONGEST_PASTE,
        strip=False,  # keep blank lines, so that line numbers match the text area
        widget=forms.Textarea(
            attrs={
                **_PLAIN,
                "placeholder": "https://app.example.com\nhttps://*.example.org  # all subdomains",
                "rows": 12,
                "wrap": "off",
            }
        ),
        help_text=lazy(_help_on_origins, str)(),
        error_messages={
            "max_length": gettext_lazy(
                "The text has %(show_value)s characters; the limit is %(limit_value)s. Add the "
                "origins in smaller groups."
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
            raise ValidationError(_("The text contains no origins. Write one origin per line."))
        if count > MOST_ORIGINS:
            message = _(
                "There are %(count)s origins; the limit is %(limit)s. Add them in smaller groups."
            )
            raise ValidationError(message % {"count": count, "limit": MOST_ORIGINS})
        return text

    def lines(self, rows: RowForms) -> Iterator[Line]:
        """Yield the requested rows."""
        for number, text, note in _read_lines(self.cleaned_data["origins"]):
            yield rows.line(number, text, text, note=note)


class AllowForm(_RowForm):
    """Form for the options of all rows for refused origins.

    It proposes rows that give little: without credentials, and for a limited time.
    """

    class Meta:
        model = AllowedOrigin
        fields = ("allow_credentials", "expires_at", "note")
        help_texts = _HELP_TEXTS

    def _post_clean(self) -> None:
        """Do nothing: there is no row yet, and the plan validates each one."""

    @staticmethod
    def proposed_values() -> dict[str, Any]:
        """Return the values that a row has if the user does not choose, or may not."""
        return {"allow_credentials": False, "expires_at": proposed_expiry(timezone.now())}

    def proposed_data(self) -> dict[str, Any]:
        """Return what a browser sends if the user changes nothing."""
        # A browser does not send a box that is not ticked.
        data = {"note": ""}
        if "expires_at" in self.fields:
            field = self.fields["expires_at"]
            # This converts to the current time zone, unless the field has a widget that does.
            value = field.prepare_value(self.proposed_values()["expires_at"])
            context = field.widget.get_context("expires_at", value, {})
            # The admin's widget has a part for the date and one for the time.
            for part in context["widget"].get("subwidgets", [context["widget"]]):
                data[part["name"]] = part["value"]
        return data


def proposed_expiry(now: datetime.datetime) -> datetime.datetime:
    """Return a whole minute about 30 days after ``now``."""
    moment = (now + datetime.timedelta(days=DAYS)).replace(second=0, microsecond=0)
    try:
        from_current_timezone(to_current_timezone(moment))
    except ValidationError:
        # The clock is set back and shows this time twice, so the form does not accept it.
        moment += datetime.timedelta(hours=2)
    return moment


def _read_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield number, origin and note of each line that has an origin."""
    for number, whole in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", whole.removeprefix(_BYTE_ORDER_MARK)).strip()
        if not line:
            continue
        origin, note = (*line.split(maxsplit=1), "")[:2]
        # A second origin on a line is a mistake, not the note of the first one.
        yield (number, line, "") if _ORIGIN.match(note) else (number, origin, note)


# --- Testing a request ---------------------------------------------------------------------------

_SEPARATORS = re.compile(r"[\s,]+")
# A valid call.
_PLAIN_CALL: Mapping[str, Any] = {"origin": NULL, "method": "GET", "url": "/"}


class CallForm(forms.Form):
    """Form for a call by a script. After validation, ``explanation`` holds the result.

    ``host``: where the admin was opened, with the port. A path is called on that host.
    ``is_secure``: whether the admin was opened over https.
    """

    origin = forms.CharField(
        label=gettext_lazy("Origin of the page"),
        max_length=2000,
        widget=forms.TextInput(attrs=_ORIGIN_ATTRS),
        help_text=gettext_lazy("The value of location.origin in the page's console."),
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
        help_text=gettext_lazy("A full URL, or a path on this server such as /orders/."),
    )
    content_type = forms.CharField(
        label=gettext_lazy("Content-Type"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={**_PLAIN, "class": "vTextField", "list": "id_content_types"}),
        help_text=gettext_lazy("The type of the request body, if the script sends a body."),
    )
    headers = forms.CharField(
        label=gettext_lazy("Headers"),
        max_length=4000,
        required=False,
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "authorization, x-csrftoken"}),
        help_text=gettext_lazy(
            "The names of the other headers that the script sets, separated by commas."
        ),
    )
    credentials = forms.BooleanField(
        label=gettext_lazy("With credentials"),
        required=False,
        help_text=gettext_lazy('Tick if the script sends cookies, with credentials: "include".'),
    )
    reads = forms.CharField(
        label=gettext_lazy("Response headers"),
        max_length=4000,
        required=False,
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "x-total-count"}),
        help_text=gettext_lazy(
            "The names of the response headers that the script reads, separated by commas."
        ),
    )

    explanation: Explanation

    def __init__(self, *args: Any, host: str, is_secure: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host = host
        self.is_secure = is_secure

    def clean(self) -> None:
        """Explain the call. Errors in settings or decorators become errors of the form."""
        if self.errors:
            return
        try:
            self._explain()
        except PolicyErrors as wrong:
            self.add_error(None, [in_english(str(error)) for error in wrong.errors])

    def _explain(self) -> None:
        call = self.cleaned_data | {"method": self.cleaned_data["method"] or "GET"}
        for name in ("headers", "reads"):
            call[name] = list(filter(None, _SEPARATORS.split(call[name])))
        if call["url"].startswith("/") and not call["url"].startswith("//"):
            # Django may not see the https of a proxy, and an https page cannot call an http server.
            is_http = call["origin"].startswith("http:") and not self.is_secure
            call["url"] = f"{'http' if is_http else 'https'}://{self.host}{call['url']}"
        try:
            self.explanation = explain(**call)
        except PolicyError:
            # Check each field alone, to show all problems at once, each at its field.
            for name, value in call.items():
                try:
                    explain(**{**_PLAIN_CALL, name: value})
                except PolicyError as error:
                    self.add_error(name, in_english(f"{error.message} {error.hint}"))
