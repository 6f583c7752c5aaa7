"""Seen, or closed: a decorator that nothing can see from outside closes its view.

Each way to hide one is sent a preflight and a request, by a page that the default policy allows
with credentials. Before that, the system check names it.
"""

from __future__ import annotations

import collections
import datetime
import functools
import types
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt

from django_cors_policy.checks import check_decorators, check_views
from django_cors_policy.conf import policy_book
from django_cors_policy.decorators import cors_policy, same_origin_only
from django_cors_policy.inspection import ViewInspection
from django_cors_policy.resolution import rule_view

APP = "https://app.example.com"
PREFLIGHT = {"origin": APP, "access-control-request-method": "PUT"}


def plain(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse(request.method)


@same_origin_only
def closed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return plain(request)


@same_origin_only
async def closed_async(request: HttpRequest) -> HttpResponse:
    return plain(request)


@same_origin_only
class Closed(View):
    def put(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


class ClosedPut(View):
    @same_origin_only
    def put(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


def audit(view: Any) -> Any:
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    return inner


def audit_at(level: int) -> Any:
    return audit


def audit_in_default(view: Any) -> Any:
    def inner(request: HttpRequest, view: Any = view) -> HttpResponse:
        return view(request)

    return inner


def audit_in_keyword(view: Any) -> Any:
    def inner(request: HttpRequest, *, view: Any = view) -> HttpResponse:
        return view(request)

    return inner


def audit_wrapping_audited(view: Any) -> Any:
    """With functools.wraps, around one without."""
    audited = audit(view)

    @functools.wraps(audited)
    def inner(request: HttpRequest) -> HttpResponse:
        return audited(request)

    return inner


class Audit:
    def __init__(self, view: Any) -> None:
        self.view = view

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.view(request)


class SlottedAudit:
    __slots__ = ("unset", "view")

    def __init__(self, view: Any) -> None:
        self.view = view

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.view(request)


class ByMethod:
    """Holds its views in a dictionary, as a dispatcher does."""

    def __init__(self, **views: Any) -> None:
        self.views = views

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.views[request.method](request)


class Resource:
    """No view itself: its method is, or what a method makes."""

    def __init__(self, view: Any = plain) -> None:
        self.handler = view

    def view(self, request: HttpRequest) -> HttpResponse:
        return self.handler(request)

    def as_function(self) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            return self.handler(request)

        return view


@same_origin_only
class ClosedResource(Resource):
    pass


class HiddenClassMethod(Resource):
    @classmethod
    @audit
    @same_origin_only
    def of_class(cls, request: HttpRequest) -> HttpResponse:
        return plain(request)


class ClosedMethodResource(Resource):
    @same_origin_only
    def view(self, request: HttpRequest) -> HttpResponse:
        return super().view(request)

    @classmethod
    @same_origin_only
    def of_class(cls, request: HttpRequest) -> HttpResponse:
        return plain(request)


def makes_class_in_view(view_class: Any) -> Any:
    """A view that makes its class anew, and shows nothing of it."""

    def inner(request: HttpRequest) -> HttpResponse:
        return view_class.as_view()(request)

    return inner


def call(view: Any, request: HttpRequest) -> HttpResponse:
    return view(request)


class AuditedMethod(View):
    put = audit(same_origin_only(lambda self, request: plain(request)))


@cors_policy("public")
class AuditedMethodOfPublicClass(View):
    put = audit(same_origin_only(lambda self, request: plain(request)))


class AuditedStaticMethod(View):
    put = staticmethod(audit(closed))


class AuditedDispatch(View):
    dispatch = audit(same_origin_only(View.dispatch))

    def put(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


class InheritsAudited(AuditedMethod):
    pass


class Alias(View):
    """The decorator is in the class, and this handler shows nothing of it."""

    @same_origin_only
    def post(self, request: HttpRequest) -> HttpResponse:
        return plain(request)

    put = audit(post)


class AliasOfMember(View):
    @same_origin_only
    def _put(self, request: HttpRequest) -> HttpResponse:
        return plain(request)

    put = audit(_put)


class AliasedResource:
    @same_origin_only
    def _orders(self, request: HttpRequest) -> HttpResponse:
        return plain(request)

    orders = audit(_orders)


class PartialMethod(View):
    @same_origin_only
    def _put(self, request: HttpRequest, *, replace: bool) -> HttpResponse:
        return plain(request)

    put = functools.partialmethod(_put, replace=True)


class Descriptor:
    """No function, and Python calls what its ``__get__`` returns."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else types.MethodType(self.function, instance)


class ByDescriptor(View):
    put = Descriptor(same_origin_only(lambda self, request: plain(request)))


def by_method(**views: Any) -> Any:
    """Shows the first view and holds all."""

    @functools.wraps(next(iter(views.values())))
    def inner(request: HttpRequest) -> HttpResponse:
        return views[request.method](request)

    return inner


def routes(*pairs: tuple[str, Any]) -> Any:
    def inner(request: HttpRequest) -> HttpResponse:
        return dict(pairs)[request.method](request)

    return inner


def version(new: Any, old: Any) -> Any:
    @functools.wraps(new)
    def inner(request: HttpRequest) -> HttpResponse:
        return old(request)

    return inner


class OpenPut(ClosedPut):
    @cors_policy("public")
    def put(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


@cors_policy("public")
class PublicAlias(ClosedPut):
    put = audit(ClosedPut.put)


class OrdersViews(View):
    """As REST framework makes views of one class for several actions."""

    @classmethod
    def of(cls, **actions: str) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            return getattr(cls(), actions[request.method.lower()])(request)

        view.cls = cls  # type: ignore[attr-defined]
        view.actions = actions  # type: ignore[attr-defined]
        return view

    def read(self, request: HttpRequest) -> HttpResponse:
        return plain(request)

    @same_origin_only
    def purge(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


class Holder:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.inner.handler(request)


resource = Resource()
resource.view = types.MethodType(same_origin_only(Resource.view), resource)  # type: ignore[method-assign]

# What hides a decorator from everything but a search: an error, and closed.
HIDDEN: dict[str, Any] = {
    "function": audit(closed),
    "as-view": audit(Closed.as_view()),
    "method-of-class": audit(ClosedPut.as_view()),
    "below-another": csrf_exempt(audit(Closed.as_view())),
    "twice": audit(audit(Closed.as_view())),
    "default": audit_in_default(closed),
    "keyword-default": audit_in_keyword(closed),
    "wraps-around-it": audit_wrapping_audited(closed),
    "callable": Audit(closed),
    "callable-as-view": Audit(Closed.as_view()),
    "callable-method": Audit(ClosedPut.as_view()),
    "slots": SlottedAudit(closed),
    "dictionary": ByMethod(GET=plain, PUT=closed),
    "list": functools.partial(call, Audit([plain, closed])),  # never called: found all the same
    "partial": functools.partial(call, closed),
    "partial-keyword": functools.partial(plain, view=closed),
    "async-to-sync": async_to_sync(closed_async),
    "held-by-self": Resource(closed).view,
    "held-by-self-of-function": Resource(closed).as_function(),
    "class-in-closure": makes_class_in_view(Closed),
    "bound-method": audit(ClosedResource().view),
    "class-method": HiddenClassMethod.of_class,
    "audited-method": AuditedMethod.as_view(),
    "audited-method-of-public-class": AuditedMethodOfPublicClass.as_view(),
    "alias": Alias.as_view(),
    "alias-of-member": AliasOfMember.as_view(),
    "alias-on-resource": AliasedResource().orders,
    "descriptor": ByDescriptor.as_view(),
    "behind-one-that-is-shown": by_method(GET=cors_policy("public")(plain), PUT=closed),
    "old-version": version(OpenPut.as_view(), ClosedPut.as_view()),
    "public-alias-of-parent": PublicAlias.as_view(),
    "another-action": version(OrdersViews.of(put="read"), OrdersViews.of(put="purge")),
    "deque": Audit(collections.deque([closed])),
    "dictionary-key": Audit({closed: 1}),
    "nested-tuples": routes(("PUT", closed), ("GET", plain)),
    "nested-dictionaries": ByMethod(PUT=plain, v1={"more": [{"PUT": closed}]}),
    "mapping-proxy": Audit(types.MappingProxyType({"PUT": closed})),
    "object-in-object": Holder(Resource(closed)),
    "many-views": ByMethod(PUT=closed, **{f"v{n}": audit(plain) for n in range(700)}),
    "audited-static-method": AuditedStaticMethod.as_view(),
    "audited-dispatch": AuditedDispatch.as_view(),
    "inherits-audited": InheritsAudited.as_view(),
}
# What can be read after all: closed, and nothing to complain about.
SEEN: dict[str, Any] = {
    "on-top": same_origin_only(audit(closed)),
    "method-of-closed-class": ClosedResource().view,
    "closed-method": ClosedMethodResource().view,
    "class-method": ClosedMethodResource.of_class,
    "put-on-instance": resource.view,
    "partial-method": PartialMethod.as_view(),
    "lru-cache": functools.lru_cache(closed),
}


def refuses(answer: Callable[..., HttpResponse], url: str) -> None:
    response = answer(url)
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_is_closed_and_an_error(name: str, project: Any) -> None:
    client = project(view=HIDDEN[name])
    assert {message.id for message in check_views()} == {"django_cors_policy.E020"}
    response = client.options("/view/", headers=PREFLIGHT)
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers
    if name not in ("list", "mapping-proxy", "deque", "dictionary-key"):
        response = client.put("/view/", headers={"origin": APP})
        assert "Access-Control-Allow-Origin" not in response.headers
    assert not check_decorators()


@pytest.mark.parametrize("name", SEEN)
def test_seen_is_closed_without_complaint(name: str, project: Any) -> None:
    client = project(view=SEEN[name])
    assert check_views() == []
    assert client.options("/view/", headers=PREFLIGHT).status_code == 403
    response = client.put("/view/", headers={"origin": APP})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


def test_the_fix_shows_the_order(project: Any) -> None:
    def better(view: Any) -> str:
        project(view=view)
        [message] = check_views()
        assert message.hint is not None
        return message.hint.split("\n\n")[1]

    function = "    @same_origin_only\n    @{}\n    def closed(request): ..."
    assert better(HIDDEN["function"]) == function.format("audit")
    assert better(audit_at(3)(closed)) == function.format("audit")
    assert better(HIDDEN["callable"]) == function.format("Audit")
    assert better(HIDDEN["partial"]) == function.format("other_decorator")
    around = "    path(..., same_origin_only(audit(Closed.as_view())))"
    assert better(HIDDEN["as-view"]) == around


def test_the_fix_leaves_out_what_cannot_be_written(project: Any) -> None:
    never = cors_policy(allow_origin_func=lambda origin, request: False)
    project(view=audit(never(plain)))
    [message] = check_views()
    assert "    @cors_policy(...)\n    @audit\n" in (message.hint or "")


def test_the_fix_for_a_view_set(project: Any) -> None:
    project(view=audit(OrdersViews.of(put="purge")))
    [message] = check_views()
    assert "same_origin_only(audit(OrdersViews.as_view({...})))" in (message.hint or "")


def test_the_fix_works(project: Any) -> None:
    client = project(a=same_origin_only(audit(closed)), b=same_origin_only(audit(Closed.as_view())))
    assert check_views() == []
    for url in ("/a/", "/b/"):
        assert client.options(url, headers=PREFLIGHT).status_code == 403


def test_what_is_on_top_wins_over_what_is_hidden(project: Any) -> None:
    client = project(view=cors_policy("public")(audit(Closed.as_view())))
    assert check_views() == []
    assert client.options("/view/", headers=PREFLIGHT).status_code == 204


def test_the_log_says_it_once(project: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = project(view=HIDDEN["as-view"])
    for _ in range(3):
        client.options("/view/", headers=PREFLIGHT)
    [record] = [record for record in caplog.records if record.name == "django_cors_policy"]
    assert "allows no other origin" in record.getMessage()


# --- What is as it should be ---------------------------------------------------------------------


class PartlyDecorated(Resource):
    """One method is decorated, and the others are served below decorators that show them."""

    @same_origin_only
    def export(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


@cors_policy("public")
class News:
    def __call__(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


def shown(view: Any) -> Any:
    @functools.wraps(view, updated=())
    def inner(request: HttpRequest) -> HttpResponse:
        return view(request)

    return inner


OPEN: dict[str, Any] = {
    "method-beside-a-decorated-one": shown(PartlyDecorated().view),
    "method-below-a-hiding-decorator": audit(PartlyDecorated().view),
    "decorated-object": shown(News()),
    "decorated-object-cached": cache_page(1)(News()),
    "login": login_required(PartlyDecorated().view),
    "action-beside-a-closed-one": audit(OrdersViews.of(put="read")),
    "many-dates": Audit([datetime.date.fromordinal(1 + n) for n in range(60_000)]),
    "many-pairs": functools.partial(plain, table=[(1.5, float(n)) for n in range(60_000)]),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_is_not_closed_is_open(name: str, project: Any) -> None:
    client = project(view=OPEN[name], closed=closed)
    assert check_views() == []
    assert client.options("/view/", headers=PREFLIGHT).status_code == 204


def test_the_admin_with_one_decorated_method(project: Any) -> None:
    class Export(ModelAdmin):  # type: ignore[type-arg]
        @same_origin_only
        def export(self, request: HttpRequest) -> HttpResponse:
            return plain(request)

        def get_urls(self) -> Any:
            return [path("export/", self.admin_site.admin_view(self.export)), *super().get_urls()]

    site = AdminSite("tests")
    site.register(User, Export)
    client = project(path("admin/", site.urls))
    assert check_views() == []
    assert check_decorators() == []
    assert client.options("/admin/auth/user/", headers=PREFLIGHT).status_code == 204
    assert client.options("/admin/auth/user/export/", headers=PREFLIGHT).status_code == 403


def test_a_view_is_read_once(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that cannot be hashed."""
    read: list[Any] = []

    class Counting(ViewInspection):
        def __init__(self, view: Any) -> None:
            read.append(view)
            super().__init__(view)

    monkeypatch.setattr("django_cors_policy.view_policies.ViewInspection", Counting)

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, request: HttpRequest) -> HttpResponse:
            return plain(request)

    client = project(view=Unhashable(), other=closed)
    for _ in range(3):
        client.options("/view/", headers=PREFLIGHT)
        client.put("/view/", headers={"origin": APP})
        client.get("/view/", headers={"origin": APP})
    assert len(read) == 1


def test_a_view_that_cannot_be_inspected_is_closed(
    project: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("django_cors_policy.view_policies.ViewInspection", None)
    client = project(view=plain)
    assert client.options("/view/", headers=PREFLIGHT).status_code == 403
    assert client.get("/view/", headers={"origin": APP}).status_code == 200
    assert len([r for r in caplog.records if r.name == "django_cors_policy"]) == 1


def test_many_views_do_not_pile_up(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_cors_policy.resolution.MOST_VIEWS", 10)
    book = policy_book()
    for _ in range(50):
        rule_view(book, functools.partial(plain), "GET")
    assert len(book.views) <= 10
