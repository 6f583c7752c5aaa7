"""Rows that are added many at a time go through the admin of the project, like single ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django import forms
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import path
from django.utils import timezone

from django_cors_policy.allowlist.admin import AllowedOriginAdmin, RefusedOriginAdmin
from django_cors_policy.allowlist.admin.forms import AllowedOriginForm
from django_cors_policy.allowlist.models import AllowedOrigin, RefusedOrigin

from . import test_refused
from .pages import (
    add,
    form_data,
    hidden_fields,
    in_,
    log,
    many,
    plan_of,
    project,
    text_of,
    token,
    told,
)
from .test_refused import ORIGIN, refuse

__all__ = ["project"]  # a fixture that every test here uses

pytestmark = pytest.mark.django_db


class ProjectForm(AllowedOriginForm):
    """Only origins of one company."""

    def clean_origin(self) -> str:
        origin: str = self.cleaned_data["origin"]
        if "foreign" in origin:
            raise ValidationError("Not of this company.")
        return origin


class ProjectAdmin(AllowedOriginAdmin):
    """What a project makes of the admin; the tests say what is read-only, and what saving does."""

    fixed: tuple[str, ...] = ()
    before_saving: Callable[[Any, AllowedOrigin], None] | None = None

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else (*fixed, *self.fixed)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        assert form.instance is obj
        assert not change
        if self.before_saving is not None:
            type(self).before_saving(request, obj)  # type: ignore[misc]
        super().save_model(request, obj, form, change)


SITE = django_admin.AdminSite("of_a_project")
SITE.register(AllowedOrigin, ProjectAdmin)
SITE.register(RefusedOrigin, RefusedOriginAdmin)
PLAIN_SITE = django_admin.AdminSite("of_a_project_with_another_admin")
PLAIN_SITE.register(RefusedOrigin, RefusedOriginAdmin)
urlpatterns = [
    path("admin/", django_admin.site.urls),
    path("project/", SITE.urls),
    path("plain/", PLAIN_SITE.urls),
]
LIST = "/project/cors_policy_allowlist/allowedorigin/"
ADD_MANY = f"{LIST}add-many/"
REFUSED = "/project/cors_policy_allowlist/refusedorigin/"


@pytest.fixture(autouse=True)
def urlconf(project: None, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def operator() -> Client:
    """A user with every permission who is no superuser."""
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def fix(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *names: monkeypatch.setattr(ProjectAdmin, "fixed", names)


@pytest.fixture
def before_saving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    return lambda function: monkeypatch.setattr(ProjectAdmin, "before_saving", function)


allow = partial(test_refused.allow, url=REFUSED)
confirm = partial(test_refused.confirm, url=REFUSED)


def add_many(client: Client, paste: str = "https://a.example", **data: Any) -> Any:
    return client.post(ADD_MANY, {**many(paste), "_confirm": "Add", **data})


FORGED = {
    "allow_credentials": "",  # a box that is not ticked
    "expires_at_0": "2222-02-02",
    "expires_at_1": "12:00",
    "note": "forged",
}
FIXED = ("allow_credentials", "expires_at", "note")


def test_fields_that_are_read_only_are_absent_and_keep_their_defaults(
    operator: Client, admin_client: Client, fix: Callable[..., None]
) -> None:
    fix(*FIXED, "policy", "is_enabled")
    page = operator.get(ADD_MANY)
    assert list(page.context["adminform"].form.fields) == ["origins"]
    assert "For all origins" not in text_of(page)
    data = {**FORGED, "policy": "partners", "is_enabled": ""}
    preview = operator.post(ADD_MANY, {**many("https://a.example its note"), **data})
    assert hidden_fields(preview).keys() & {*data} == set()
    assert (
        "https://a.example line 1 The note will not be saved: you do not have permission to set it."
        in (text_of(preview))
    )
    assert told(add_many(operator, "https://a.example its note", **data)) == ["1 origin added."]
    row = AllowedOrigin.objects.get()
    assert (row.policy, row.origin) == ("default", "https://a.example")
    assert (row.allow_credentials, row.is_enabled) == (True, True)
    assert (row.expires_at, row.note) == (None, "")

    # Others may set all of them.
    add_many(admin_client, "https://b.example", **data)
    row = AllowedOrigin.objects.get(origin="https://b.example")
    assert (row.policy, row.allow_credentials, row.note) == ("partners", False, "forged")
    assert row.expires_at is not None


def test_fields_that_are_read_only_are_absent_where_refused_origins_are_allowed(
    operator: Client, fix: Callable[..., None]
) -> None:
    fix(*FIXED)
    row = refuse()
    preview = test_refused.preview(operator, row, url=REFUSED, **FORGED)
    assert list(preview.context["adminform"].form.fields) == []
    assert hidden_fields(preview).keys() & {*FORGED} == set()
    assert "_preview" not in preview.content.decode()
    text = text_of(preview)
    assert "Without cookies and logins. Until " in text
    assert "forged" not in text
    confirm(operator, row, **{**FORGED, "allow_credentials": "on"})
    added = AllowedOrigin.objects.get()
    assert (added.origin, added.note) == (ORIGIN, "")
    assert_gives_little(added)


def assert_gives_little(row: AllowedOrigin) -> None:
    assert not row.allow_credentials
    assert row.expires_at is not None
    assert timedelta(days=29, hours=23) < row.expires_at - timezone.now() < timedelta(days=31)


@pytest.mark.parametrize(
    ("name", "said"),
    [("allow_credentials", "Without cookies and logins."), ("expires_at", "Until ")],
)
def test_one_read_only_field_has_what_the_page_proposes(
    operator: Client, fix: Callable[..., None], name: str, said: str
) -> None:
    fix(name)
    row = refuse()
    page = allow(operator, row)
    assert said in text_of(page)
    confirm(operator, row, **page.context["adminform"].form.proposed_data())
    assert_gives_little(AllowedOrigin.objects.get())


def test_a_field_that_the_project_disables_has_what_the_page_proposes(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DisablingForm(AllowedOriginForm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for name in ("allow_credentials", "expires_at"):
                self.fields[name].disabled = True

    monkeypatch.setattr(ProjectAdmin, "form", DisablingForm)
    confirm(operator, refuse(), allow_credentials="on")
    assert_gives_little(AllowedOrigin.objects.get())


def test_the_form_of_the_project_may_give_more(
    operator: Client, fix: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class GenerousForm(AllowedOriginForm):
        def clean(self) -> None:
            super().clean()
            self.instance.allow_credentials, self.instance.expires_at = True, None

    fix(*FIXED)
    monkeypatch.setattr(ProjectAdmin, "form", GenerousForm)
    row = refuse()
    text = text_of(allow(operator, row))
    assert "With cookies and logins, if the policy allows them. No expiry." in text
    confirm(operator, row)
    added = AllowedOrigin.objects.get()
    assert (added.allow_credentials, added.expires_at) == (True, None)


def test_who_may_not_choose_the_policy_allows_for_the_default_one(
    operator: Client, fix: Callable[..., None]
) -> None:
    fix("policy")
    rows = [
        refuse(),
        refuse("https://b.example", policy="partners"),
        refuse("http://c.example", policy="partners"),
    ]
    options = {"policy": "partners", "allow_credentials": "on"}
    text = text_of(test_refused.preview(operator, *rows, url=REFUSED, **options))
    assert "1 origin would be added" in text
    assert (
        "1 origin would not be added https://b.example Refused 1 time, last for GET /hello/. "
        "The origin needs a row in this policy, but you do not have permission to choose the "
        "policy."
    ) in text
    assert "1 origin cannot be added http://c.example" in text
    confirm(operator, *rows, policy="partners")
    assert list(AllowedOrigin.objects.values_list("policy", "origin")) == [("default", ORIGIN)]


def test_who_may_not_choose_the_origin_adds_none(
    operator: Client, fix: Callable[..., None]
) -> None:
    fix("origin")
    row = refuse()
    assert ADD_MANY not in operator.get(LIST).content.decode()
    assert operator.get(ADD_MANY).status_code == 403
    assert add_many(operator).status_code == 403
    assert "allow" not in str(operator.get(REFUSED).context["action_form"])
    confirm(operator, row)
    assert not AllowedOrigin.objects.exists()


def test_actions_leave_read_only_fields_alone(
    operator: Client, admin_client: Client, fix: Callable[..., None]
) -> None:
    row = add(is_enabled=False, expires_at=in_(days=1))

    def act(client: Client, name: str) -> list[str]:
        return told(client.post(LIST, {"action": name, "_selected_action": [row.pk]}))

    fix("is_enabled")
    assert act(operator, "enable") == ["No action selected."]
    assert act(operator, "extend")[0] == "1 origin extended by 30 days."
    fix("expires_at")
    assert act(operator, "extend") == ["No action selected."]
    assert act(operator, "enable")[0] == "1 origin enabled."
    assert act(admin_client, "extend")[0] == "1 origin extended by 30 days."


def test_each_row_is_saved_by_the_project(
    operator: Client, before_saving: Callable[[Any], None]
) -> None:
    def stamp(request: Any, row: AllowedOrigin) -> None:
        row.note = f"by {request.user}"

    before_saving(stamp)
    assert told(add_many(operator, "https://a.example\nhttps://b.example"))
    confirm(operator, refuse(), allow_credentials="on")
    assert {row.origin: row.note for row in AllowedOrigin.objects.all()} == {
        "https://a.example": "by operator",
        "https://b.example": "by operator",
        ORIGIN: "by operator",
    }
    assert [message for *_, message in log()] == ["Added."] * 3


def test_a_project_that_denies_a_row_has_none_added(
    operator: Client, before_saving: Callable[[Any], None]
) -> None:
    def deny(request: Any, row: AllowedOrigin) -> None:
        if row.origin == "https://b.example":
            raise PermissionDenied

    before_saving(deny)
    before = token()
    first = refuse("https://a.example")
    assert add_many(operator, "https://a.example\nhttps://b.example").status_code == 403
    other = refuse("https://b.example")
    assert confirm(operator, first, other).status_code == 403
    assert not AllowedOrigin.objects.exists()
    assert not LogEntry.objects.exists()
    assert token() == before


def test_a_project_may_leave_a_row_out(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_some(self: Any, request: Any, obj: Any, form: Any, change: bool) -> None:
        if obj.origin != "https://b.example":
            obj.save()

    monkeypatch.setattr(ProjectAdmin, "save_model", save_some)
    assert told(add_many(operator, "https://a.example\nhttps://b.example")) == ["1 origin added."]
    assert [origin for origin, *_ in log()] == ["https://a.example"]


def test_a_project_that_saves_no_row_has_its_pages_say_so(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectAdmin, "save_model", lambda *args, **kwargs: None)
    row = refuse()
    page = f"{REFUSED}{row.pk}/allow/"
    fields = hidden_fields(operator.get(page))
    for response in (
        add_many(operator),
        confirm(operator, row),
        operator.post(page, {**fields, "_confirm": "x"}),
    ):
        assert "Nothing was added." in text_of(response)
        assert "1 origin would be added" in text_of(response)
    assert log() == []


def test_the_form_of_the_project_has_its_say(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectAdmin, "form", ProjectForm)
    response = operator.post(ADD_MANY, many("https://a.example\nhttps://foreign.example"))
    assert plan_of(response)["added"] == [(1, "https://a.example")]
    assert [line.text for line in response.context["plan"].refused] == ["https://foreign.example"]
    assert "Not of this company." in text_of(response)
    text = text_of(allow(operator, refuse("https://foreign.example")))
    assert "Not of this company." in text
    assert "Nothing would be added." in text


def test_a_field_that_the_project_adds_is_missing_and_named(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TicketForm(AllowedOriginForm):
        ticket = forms.CharField()

    def get_form(self: Any, request: Any, obj: Any = None, **kwargs: Any) -> Any:
        kwargs["fields"] = None
        return super(ProjectAdmin, self).get_form(request, obj, **kwargs)

    monkeypatch.setattr(ProjectAdmin, "form", TicketForm)
    monkeypatch.setattr(ProjectAdmin, "get_form", get_form)
    response = operator.post(ADD_MANY, many("https://a.example"))
    assert "Ticket: This field is required." in text_of(response)
    assert plan_of(response)["added"] == []


def test_a_form_that_takes_any_policy(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class CarelessForm(AllowedOriginForm):
        def _post_clean(self) -> None:
            for name, value in self.cleaned_data.items():
                setattr(self.instance, name, value)

    monkeypatch.setattr(ProjectAdmin, "form", CarelessForm)
    row = refuse(policy="defualt")
    assert "1 origin would be added" in text_of(allow(operator, row))
    confirm(operator, row)
    assert AllowedOrigin.objects.get().policy == "defualt"


def test_what_the_project_excludes_is_absent(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectAdmin, "exclude", ("expires_at",))
    form = operator.get(ADD_MANY).context["adminform"].form
    assert {*form.fields} == {"origins", "policy", "allow_credentials", "note"}


def test_an_admin_that_is_none_of_ours_saves_its_rows(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OwnAdmin(django_admin.ModelAdmin):  # type: ignore[type-arg]
        def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
            obj.note = "own"
            obj.save()

    PLAIN_SITE.register(AllowedOrigin, OwnAdmin)
    try:
        url = "/plain/cors_policy_allowlist/refusedorigin/"
        confirm(admin_client, refuse(), url=url)
    finally:
        PLAIN_SITE.unregister(AllowedOrigin)
    assert AllowedOrigin.objects.get().note == "own"


def test_an_error_of_a_read_only_field_is_told_above_the_form(
    operator: Client, fix: Callable[..., None]
) -> None:
    row = add("http://insecure.example", policy="partners")
    fix("origin")
    response = operator.post(f"{LIST}{row.pk}/change/", form_data(policy="default"))
    advice, error = response.context["adminform"].form.non_field_errors()
    assert advice.startswith("The row works without cookies")
    assert error.startswith("'http://insecure.example' uses http")


@pytest.mark.parametrize("count", [1, 300, 500, 5000, 100_000])
def test_brackets_by_the_thousand_are_refused(operator: Client, count: int) -> None:
    response = operator.post(ADD_MANY, many(f"https://{'(' * count}"))
    assert plan_of(response)["added"] == []
    assert len(response.context["plan"].refused) == 1


# --- Actions on rows -----------------------------------------------------------------------------


def act(client: Client, action: str, *rows: AllowedOrigin) -> Any:
    selected = [row.pk for row in rows]
    return client.post(LIST, {"action": action, "_selected_action": selected}, follow=True)


def only_theirs(self: Any, request: Any, obj: Any = None) -> bool:
    return obj is None or obj.note != "not theirs"


def fixed_on_pages(self: Any, request: Any, obj: Any = None) -> Any:
    fixed = AllowedOriginAdmin.get_readonly_fields(self, request, obj)
    return (*fixed, "is_enabled", "expires_at") if obj is not None else fixed


def without_switch(self: Any, request: Any, obj: Any = None) -> Any:
    return [(None, {"fields": ["origin", "policy"]})]


@pytest.mark.parametrize("action", ["enable", "extend"])
@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("has_change_permission", only_theirs),
        ("get_readonly_fields", fixed_on_pages),
        ("get_fieldsets", without_switch),
    ],
)
def test_actions_change_no_more_than_the_page_of_a_row(
    name: str, method: Any, action: str, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectAdmin, name, method)
    later = timezone.now() + timedelta(days=1)
    row = AllowedOrigin.objects.create(
        origin="https://a.example", is_enabled=False, expires_at=later, note="not theirs"
    )
    response = act(operator, action, row)
    row.refresh_from_db()
    assert (row.is_enabled, row.expires_at) == (False, later)
    assert "1 origin was not changed: you do not have permission to change it." in response.text


def test_actions_change_the_rest(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProjectAdmin, "has_change_permission", only_theirs)
    rows = [
        AllowedOrigin.objects.create(origin=f"https://{name}.example", is_enabled=False, note=note)
        for name, note in (("a", "not theirs"), ("b", ""))
    ]
    act(operator, "enable", *rows)
    assert list(AllowedOrigin.objects.values_list("is_enabled", flat=True)) == [False, True]
