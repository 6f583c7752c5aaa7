"""Decorators without effect, and policies that are wider than others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View

from django_cors_policy.checks import check_decorators
from django_cors_policy.checks import views as checks
from django_cors_policy.decorators import cors_policy, same_origin_only
from tests.inspection.common import APP, Plain, serve


@pytest.fixture(autouse=True)
def policies(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True, "ALLOW_METHODS": ["*"]},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }


def test_a_member_that_answers_no_request_is_named(settings: Any) -> None:
    class Saves(View):
        def put(self, request: HttpRequest) -> HttpResponse:
            return getattr(self, "save")(request)  # noqa: B009 -- by a name that code may compute

        @same_origin_only
        def save(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("saved")

    serve(settings, Saves.as_view())
    [message] = check_decorators()
    assert "A decorator on a helper method has no effect." in (message.hint or "")


def test_a_decorator_on_no_url_is_named_with_its_line(settings: Any) -> None:
    def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    def register(view: Any) -> Any:
        """As a framework does that keeps what it was given."""
        registered.append(view)
        return view

    registered: list[Any] = []

    @same_origin_only
    @register
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    serve(settings, *registered, cors_policy("public")(handler))
    [message] = check_decorators()
    assert message.id == "django_cors_policy.W014"
    assert message.obj is not None
    file, _, number = str(message.obj).rpartition(":")
    assert Path(file).name == Path(__file__).name
    # Python 3.10 counts the line of the function, later ones that of the decorator.
    lines = Path(__file__).read_text().splitlines()[int(number) - 3 :][:5]
    assert "    @register" in lines
    assert "@same_origin_only" in message.msg


def test_what_governs_nothing_is_no_less_in_use(settings: Any) -> None:
    """Overridden, hidden, on a parent: a URL leads to it, and other checks say the rest."""

    @same_origin_only
    class Base(Plain):
        put = cors_policy("public")(Plain.get)

    @cors_policy("public")
    class Child(Base):
        put = Plain.get
        get = method_decorator(same_origin_only)(Plain.get)

    def hides(view: Any) -> Any:
        return lambda request: view(request, hides)

    hidden = same_origin_only(lambda request, hides: HttpResponse())
    client = serve(settings, Child.as_view(), hides(hidden), cors_policy(Child.as_view()))
    client.get("/")  # method_decorator decorates anew
    assert check_decorators() == []


def test_a_mark_goes_with_its_view(settings: Any) -> None:
    serve(settings)
    view = same_origin_only(lambda request: HttpResponse())
    assert len(check_decorators()) == 1
    del view
    assert check_decorators() == []


def test_nothing_without_urls(settings: Any) -> None:
    del settings.ROOT_URLCONF
    assert check_decorators() == []


def test_the_place_is_told_from_where_one_stands(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve(settings)
    view = same_origin_only(lambda request: HttpResponse())
    monkeypatch.chdir(Path(__file__).parent)
    [message] = check_decorators()
    assert str(message.obj).startswith(f"{Path(__file__).name}:")
    monkeypatch.chdir(tmp_path)
    [message] = check_decorators()
    assert str(message.obj).startswith(f"{__file__}:")
    assert callable(view)


def test_is_wider_knows_what_anyone_may_have() -> None:
    from django_cors_policy.policy import Place, compile_policy

    public = compile_policy({"ALLOW_ORIGINS": ["*"]}, Place("p"))
    some = compile_policy({"ALLOW_ORIGINS": [APP]}, Place("s"))
    assert not checks._is_wider(some, public)
    assert checks._is_wider(public, some)
    assert not checks._is_wider(some, some)
