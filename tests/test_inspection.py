"""What is read from views: their methods, the decorators on their parents, and what is unused."""

from __future__ import annotations

import functools
import re
import types
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.generic import FormView

from django_cors_policy import checks
from django_cors_policy.checks import check_decorators, check_views
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.inspection import ViewInspection, name_of

APP = "https://app.example.com"
OTHER = "https://other.example"


@pytest.fixture(autouse=True)
def policies(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "default": {"ALLOW_ORIGINS": [APP], "ALLOW_CREDENTIALS": True, "ALLOW_METHODS": ["*"]},
        "public": {"ALLOW_ORIGINS": ["*"]},
    }


def serve(settings: Any, *views: Any) -> Client:
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [  # type: ignore[attr-defined]
        path(f"{number or ''}", view) for number, view in enumerate(views)
    ]
    settings.ROOT_URLCONF = urlconf
    return Client()


def is_allowed(client: Client, method: str, url: str = "/", origin: str = APP) -> bool:
    headers = {"origin": origin, "access-control-request-method": method}
    preflight = client.options(url, headers=headers)
    actual = client.generic(method, url, headers={"origin": origin})
    answers = {"Access-Control-Allow-Origin" in answer for answer in (preflight, actual)}
    assert len(answers) == 1, "preflight and request disagree"
    return answers.pop()


class Plain(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.method)

    put = delete = get


# --- Methods -------------------------------------------------------------------------------------


class Purged(Plain):
    http_method_names = [*View.http_method_names, "purge", "query", "unhandled"]
    query = Plain.get

    @same_origin_only
    def purge(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("purged")


def test_methods_beyond_djangos_own(settings: Any) -> None:
    client = serve(settings, Purged.as_view())
    assert not is_allowed(client, "PURGE")
    assert is_allowed(client, "QUERY")
    assert is_allowed(client, "UNHANDLED")
    methods = ViewInspection(Purged.as_view()).methods
    assert methods == ("DELETE", "GET", "HEAD", "OPTIONS", "PURGE", "PUT", "QUERY")


def test_methods_that_as_view_replaces(settings: Any) -> None:
    view = Plain.as_view(http_method_names=["get", "purge"])
    assert ViewInspection(view).methods == ("GET", "HEAD") or not hasattr(Plain, "head")
    view = Purged.as_view(http_method_names=["purge", "options"])
    assert ViewInspection(view).methods == ("OPTIONS", "PURGE")
    assert not is_allowed(serve(settings, view), "PURGE")


def test_own_methods_are_those_that_follow_no_other() -> None:
    assert ViewInspection(Plain.as_view()).own_methods == ("DELETE", "GET", "PUT")

    class Own(Plain):
        head = options = Plain.get

    assert ViewInspection(Own.as_view()).own_methods == ("DELETE", "GET", "HEAD", "OPTIONS", "PUT")


def test_the_frameworks_options_follows_get_or_the_first_method(settings: Any) -> None:
    class Read(View):
        put = Plain.get
        get = cors_policy("public")(Plain.get)

    class Write(View):
        put = cors_policy("public")(Plain.get)
        delete = Plain.get

    class Nothing(View):
        pass

    class Own(View):
        get = cors_policy("public")(Plain.get)
        options = Plain.get

    client = serve(settings, *(view.as_view() for view in (Read, Write, Nothing, Own)))
    assert is_allowed(client, "OPTIONS", "/", OTHER)
    assert is_allowed(client, "OPTIONS", "/1", OTHER)
    assert not is_allowed(client, "OPTIONS", "/2", OTHER)
    assert not is_allowed(client, "OPTIONS", "/3", OTHER)


# --- dispatch, and handlers that are overridden --------------------------------------------------


@method_decorator(same_origin_only, name="dispatch")
class ClosedByDispatch(Plain):
    pass


class Mixin:
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


class BehindMixin(Mixin, ClosedByDispatch):
    pass


class Overrides(ClosedByDispatch):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)


@cors_policy("public")
class Reopens(BehindMixin):
    pass


def test_what_is_on_dispatch_holds_where_dispatch_is_overridden(settings: Any) -> None:
    client = serve(settings, BehindMixin.as_view(), Overrides.as_view(), Reopens.as_view())
    assert not is_allowed(client, "PUT", "/")
    assert not is_allowed(client, "PUT", "/1")
    assert is_allowed(client, "PUT", "/2", OTHER)
    assert check_views() == []


class ClosedPut(Plain):
    @same_origin_only
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class OpensPut(ClosedPut):
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class OpensPutOnce(OpensPut):
    pass


@cors_policy("public")
class OpensPutKnowingly(ClosedPut):
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class ClosesPutAgain(OpensPut):
    put = same_origin_only(Plain.get)


class PublicPut(Plain):
    put = cors_policy("public")(Plain.get)


class NarrowsPut(PublicPut):
    put = Plain.get


class PartnerPut(Plain):
    put = cors_policy(allow_origins=[OTHER])(Plain.get)


class OpensPartnerPut(PartnerPut):
    put = Plain.get


class UnknownPut(Plain):
    put = cors_policy("pubic")(Plain.get)


class OverridesUnknownPut(UnknownPut):
    put = Plain.get


@pytest.mark.parametrize(
    ("view", "is_named"),
    [
        (OpensPut, True),
        (OpensPutOnce, True),
        (OpensPartnerPut, True),
        (ClosedPut, False),
        (OpensPutKnowingly, False),
        (ClosesPutAgain, False),
        (OverridesUnknownPut, False),
        (Plain, False),
    ],
)
def test_a_handler_that_opens_what_a_parent_had_closed(
    view: type[View], is_named: bool, settings: Any
) -> None:
    serve(settings, view.as_view(), view.as_view())
    found = [message for message in check_views() if message.id == "django_cors_policy.W015"]
    assert len(found) == is_named
    if is_named:
        assert found[0].obj in ("tests.test_inspection.OpensPut.put", f"{name_of(view)}.put")
        assert "because of CORS_POLICIES['default']" in found[0].msg
        assert f"above {found[0].obj} too" in (found[0].hint or "")


def test_credentials_are_an_opening_too(settings: Any) -> None:
    serve(settings, NarrowsPut.as_view())
    [message] = check_views()
    assert message.id == "django_cors_policy.W015"
    settings.CORS_POLICIES = {**settings.CORS_POLICIES, "default": {"ALLOW_ORIGINS": [APP]}}
    assert check_views() == []


def test_rows_and_functions_are_an_opening_too(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(settings, OpensPut.as_view())
    settings.CORS_POLICIES = {"default": {}}
    assert check_views() == []
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": lambda origin, request: False}}
    assert len(check_views()) == 1
    settings.CORS_POLICIES = {"default": {}}
    monkeypatch.setattr("django_cors_policy.hooks.hooks.origin_source", object())
    assert len(check_views()) == 1
    settings.CORS_POLICIES = {}
    assert check_views() == []


def test_a_decorator_around_the_view_leaves_nothing_to_say(settings: Any) -> None:
    serve(settings, same_origin_only(OpensPut.as_view()))
    assert check_views() == []


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
    here = "tests.test_inspection.CallsPut"
    found = {(message.id[-4:], message.obj) for message in check_views()}
    assert found == {("W020", f"{here}.put"), ("W020", f"{here}.delete")}
    serve(settings, ProcessesForm.as_view())
    [message] = check_views()
    assert message.msg.startswith("PUT calls tests.test_inspection.ProcessesForm.post, which has")
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


class ClosedObject:
    @same_origin_only
    def orders(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @same_origin_only
    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class OpensObject(ClosedObject):
    def orders(self, request: HttpRequest) -> HttpResponse:
        return super().orders(request)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.orders(request)


def test_methods_of_objects_are_named_too(settings: Any) -> None:
    serve(settings, OpensObject().orders, OpensObject(), ClosedObject().orders, ClosedObject())
    found = {(message.id[-4:], str(message.obj).rpartition(".")[2]) for message in check_views()}
    assert found == {("W015", "orders"), ("W015", "__call__")}


def test_paths_that_are_not_known_in_full(settings: Any) -> None:
    settings.CORS_POLICIES = {
        "v1": {"ALLOW_ORIGINS": [APP], "PATHS": ["/v1/", re.compile("/v2/")]},
        "public": {},
    }
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [path("<version>/o/", OpensPut.as_view())]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urlconf
    [message] = check_views()
    assert "because of CORS_POLICIES['v1']['PATHS'][0]" in message.msg
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = [path("api/<version>/o/", OpensPut.as_view())]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urlconf
    [message] = check_views()
    assert "because of CORS_POLICIES['v1']['PATHS'][1]" in message.msg


def test_a_member_that_answers_no_request_is_named(settings: Any) -> None:
    class Saves(View):
        def put(self, request: HttpRequest) -> HttpResponse:
            return getattr(self, "save")(request)  # noqa: B009 -- by a name that code may compute

        @same_origin_only
        def save(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("saved")

    serve(settings, Saves.as_view())
    [message] = check_decorators()
    assert "such as post(), and nothing that these call" in (message.hint or "")


def test_narrower_is_not_wider(settings: Any) -> None:
    class Wide(Plain):
        get = cors_policy(allow_origins=["https://*.example.com"], allow_credentials=True)(
            Plain.get
        )

    class Narrow(Wide):
        get = Plain.get

    serve(settings, Narrow.as_view())
    assert check_views() == []


# --- Decorators without effect -------------------------------------------------------------------


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


# --- Names ---------------------------------------------------------------------------------------


def test_names() -> None:
    here = __name__
    assert name_of(serve) == f"{here}.serve"
    assert name_of(functools.partial(serve)) == f"{here}.serve"
    assert name_of(Plain) == f"{here}.Plain"
    assert name_of(Plain.as_view()) == f"{here}.Plain"
    assert name_of(Plain().get) == f"{here}.Plain.get"
    assert name_of(same_origin_only(serve)) == f"{here}.serve"
    assert name_of(types.MethodType(functools.partial(serve), Plain())) == "functools.partial"
    assert name_of(Plain()) == f"{here}.Plain"
    assert name_of(len) == "builtins.len"
    assert ViewInspection(types.MethodType(functools.partial(serve), Plain())).find("GET") is None


def test_is_wider_knows_what_anyone_may_have() -> None:
    from django_cors_policy.policy import Place, compile_policy

    public = compile_policy({"ALLOW_ORIGINS": ["*"]}, Place("p"))
    some = compile_policy({"ALLOW_ORIGINS": [APP]}, Place("s"))
    assert not checks._is_wider(some, public)
    assert checks._is_wider(public, some)
    assert not checks._is_wider(some, some)
