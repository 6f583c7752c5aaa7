"""Methods that call a decorated one of their class."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.views import View
from django.views.generic import FormView

from django_cors_policy.checks import check_views
from django_cors_policy.decorators import cors_policy, same_origin_only

from .common import Plain, serve

pytestmark = pytest.mark.usefixtures("policies")


class CallsPut(View):
    """What answers requests is not what is decorated."""

    def put(self, request: HttpRequest) -> HttpResponse:
        return self.save(request)

    def delete(self, request: HttpRequest) -> HttpResponse:
        return self.forward(request)

    def forward(self, request: HttpRequest) -> HttpResponse:
        return self.save(request) if request.method else self.forward(request)

    @same_origin_only
    def save(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("saved")


class ProcessesForm(FormView):  # type: ignore[type-arg]
    """Django's put() calls post()."""

    @same_origin_only
    def post(self, request: HttpRequest) -> HttpResponse:  # type: ignore[override]
        return HttpResponse("posted")


def test_methods_that_call_a_decorated_one_are_named(settings: Any) -> None:
    serve(settings, CallsPut.as_view())
    here = "tests.inspection.test_calls.CallsPut"
    found = {(message.id[-4:], message.obj) for message in check_views()}
    assert found == {("W020", f"{here}.put"), ("W020", f"{here}.delete")}
    serve(settings, ProcessesForm.as_view())
    [message] = check_views()
    assert message.msg.startswith(f"PUT calls {__name__}.ProcessesForm.post, which has")
    serve(settings, same_origin_only(CallsPut.as_view()))
    assert check_views() == []
    settings.CORS_POLICIES = {"default": {}}
    serve(settings, CallsPut.as_view())
    assert check_views() == []


class ManyNames(View):
    """Attributes of other objects are not methods of this one."""

    get = same_origin_only(Plain.get)
    delete = same_origin_only(Plain.get)

    def post(self, request: HttpRequest) -> HttpResponse:
        request.POST.get("x")
        return HttpResponse([].append(request.method))

    def put(self, request: HttpRequest) -> HttpResponse:
        return self.other().delete(request)  # type: ignore[no-any-return]

    def other(self) -> Any:
        return Plain()


def test_other_objects_methods_are_not_named(settings: Any) -> None:
    serve(settings, ManyNames.as_view())
    assert check_views() == []


class CallsInMany(View):
    put = same_origin_only(Plain.get)

    def post(self, request: HttpRequest) -> HttpResponse:
        def go() -> HttpResponse:
            return self.put(request)  # type: ignore[no-any-return]

        return go()

    def hides(view: Any) -> Any:  # noqa: N805 -- a decorator
        def inner(self: Any, request: HttpRequest) -> HttpResponse:
            return view(self, request)  # type: ignore[no-any-return]

        return inner

    @hides
    def patch(self, request: HttpRequest) -> HttpResponse:
        return self.put(request)  # type: ignore[no-any-return]

    @cors_policy("public")
    def delete(self, request: HttpRequest) -> HttpResponse:
        """Its author has said what it is."""
        return self.put(request)  # type: ignore[no-any-return]


class CallsParents(CallsInMany):
    def trace(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)  # type: ignore[no-any-return]


def test_calls_are_found_wherever_they_are(settings: Any) -> None:
    serve(settings, CallsParents.as_view())
    assert sorted(str(message.obj).rpartition(".")[2] for message in check_views()) == [
        "patch",
        "post",
        "trace",
    ]
