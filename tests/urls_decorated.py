"""Every way to put a decorator on a view, each on a path of its own.

Under the settings of ``test_decorators`` the page on ``PARTNER`` is allowed by decorators alone,
the page on ``APP`` by the default policy alone.
"""

from __future__ import annotations

import functools
from typing import Any

from asgiref.sync import async_to_sync
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import cache_page, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from django_cors_policy.decorators import cors_policy, same_origin_only

APP = "https://app.example.com"
PARTNER = "https://partner.example"

partner_only = cors_policy(allow_origins=[PARTNER])
any_method = require_http_methods(["GET", "POST", "PUT"])


def plain(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse(f"{request.method} plain")


async def async_plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} async")


@partner_only
def function(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} function")


@partner_only
async def async_function(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} async function")


class Callable:
    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} callable")


@partner_only
class DecoratedCallable(Callable):
    pass


class CallableByMethod(Callable):
    @partner_only
    def __call__(self, request: HttpRequest) -> HttpResponse:
        return super().__call__(request)


class AsyncCallable:
    async def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} async callable")


class Plain(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} {type(self).__name__}")

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} {type(self).__name__}")

    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} {type(self).__name__}")


class AsyncPlain(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} {type(self).__name__}")

    async def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.method} {type(self).__name__}")


@partner_only
class OnClass(Plain):
    pass


@partner_only
class OnAsyncClass(AsyncPlain):
    pass


@method_decorator(partner_only, name="dispatch")
class OnDispatch(Plain):
    pass


@method_decorator(partner_only, name="dispatch")
class OnAsyncDispatch(AsyncPlain):
    pass


@method_decorator([never_cache, partner_only, csrf_exempt], name="dispatch")
class OnDispatchAmongOthers(Plain):
    pass


class Inherits(OnClass):
    pass


class InheritsDispatch(OnDispatch):
    pass


class OverridesDispatch(OnDispatch):
    """What is decorated on ``dispatch`` holds for the class and what inherits from it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)


class BehindLogin(LoginRequiredMixin, OnDispatch):
    """The mixin overrides ``dispatch``, and what is decorated on the parent's holds."""


@method_decorator(never_cache, name="dispatch")
class WrapsDispatch(OnDispatch):
    """Another decorator around the parent's method takes nothing away."""


@same_origin_only
class Closed(Plain):
    pass


@partner_only
class ReopensClosed(Closed):
    pass


@method_decorator(same_origin_only, name="dispatch")
class ClosedByDispatch(Plain):
    pass


@partner_only
class ReopensClosedByDispatch(ClosedByDispatch):
    pass


@method_decorator(partner_only, name="dispatch")
class ReopensDispatchByDispatch(ClosedByDispatch):
    """``method_decorator`` copies the parent's attributes over the child's: ours must survive."""


@method_decorator(partner_only, name="dispatch")
class ReopensClassByDispatch(Closed):
    pass


@cors_policy("public")
@method_decorator(same_origin_only, name="dispatch")
class ClassOutsideDispatch(Plain):
    pass


@method_decorator(partner_only, name="dispatch")
@same_origin_only
class DispatchOutsideClass(Plain):
    pass


class OnMethod(Plain):
    @partner_only
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class OnAsyncMethod(AsyncPlain):
    @partner_only
    async def put(self, request: HttpRequest) -> HttpResponse:
        return await super().put(request)


class OnMethodByMethodDecorator(Plain):
    @method_decorator(partner_only)
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


@method_decorator(partner_only, name="put")
class OnNamedMethod(Plain):
    pass


class InheritsMethod(OnMethod):
    pass


class OverridesMethod(OnMethod):
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


@same_origin_only
class ClassBeatsInheritedMethod(OnMethod):
    pass


@same_origin_only
@method_decorator(never_cache, name="put")
class ClassBeatsWrappedInheritedMethod(OnMethod):
    """The copy of the parent's attribute on the child's method is not the child's own word."""


@same_origin_only
class MethodBeatsClass(Plain):
    @partner_only
    def put(self, request: HttpRequest) -> HttpResponse:
        return super().put(request)


class PublicGet(Plain):
    """Anybody may read; one partner may write, with credentials."""

    @cors_policy("public")
    def get(self, request: HttpRequest) -> HttpResponse:
        return super().get(request)

    @cors_policy(allow_origins=[PARTNER], allow_credentials=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        return super().post(request)


class OwnHead(PublicGet):
    @partner_only
    def head(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


def hides(view: Any) -> Any:
    """A decorator that shows nothing of what it wraps."""

    def inner(request: HttpRequest) -> HttpResponse:
        return view(request)

    return inner


@partner_only
def hidden_in_partial(request: HttpRequest) -> HttpResponse:
    return plain(request)


@partner_only
def hidden_in_instance(request: HttpRequest) -> HttpResponse:
    return plain(request)


@partner_only
async def hidden_in_async_to_sync(request: HttpRequest) -> HttpResponse:
    return plain(request)


class Hides:
    """A decorator that is a class."""

    def __init__(self, view: Any) -> None:
        self.view = view

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.view(request)


def call(view: Any, request: HttpRequest) -> HttpResponse:
    return view(request)


@cors_policy("public")
class HiddenInMethod(Plain):
    """The policy of the class is found, and the method's is not."""

    @hides
    @partner_only
    def post(self, request: HttpRequest) -> HttpResponse:
        return super().post(request)


@cors_policy("public")
class SplitPatch(Plain):
    @same_origin_only
    def patch(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("patched")


class SameTwice(View):
    @cors_policy("public", max_age=60)
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @cors_policy("public", max_age=60)
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


marked_partial = functools.update_wrapper(functools.partial(plain), function)
shared = functools.partial(function)
original_plain = plain  # decorated elsewhere, and not affected by it
decorated_plain = partner_only(plain)

included = [
    path("decorated/", function, name="decorated"),
    path("plain/", plain, name="plain"),
]

urlpatterns = [
    path("function/", function),
    path("async-function/", async_function),
    path("partial/", functools.partial(function)),
    path("partial-of-partial/", functools.partial(shared)),
    path("around-partial/", partner_only(functools.partial(plain, extra=1))),
    path("above-csrf-exempt/", partner_only(csrf_exempt(plain))),
    path("below-csrf-exempt/", csrf_exempt(partner_only(plain))),
    path("above-login-required/", partner_only(login_required(plain))),
    path("below-login-required/", login_required(partner_only(plain))),
    path("above-require-methods/", partner_only(any_method(plain))),
    path("below-require-methods/", any_method(partner_only(plain))),
    path("above-cache-page/", partner_only(cache_page(1)(plain))),
    path("below-cache-page/", cache_page(1)(partner_only(plain))),
    path("above-async/", partner_only(csrf_exempt(async_plain))),
    path("below-async/", csrf_exempt(partner_only(async_plain))),
    path("outermost-wins/", partner_only(csrf_exempt(same_origin_only(plain)))),
    path("outermost-closes/", same_origin_only(csrf_exempt(partner_only(plain)))),
    path("callable/", partner_only(Callable())),
    path("callable-class/", DecoratedCallable()),
    path("callable-method/", CallableByMethod()),
    path("async-callable/", partner_only(AsyncCallable())),
    path("class/", OnClass.as_view()),
    path("async-class/", OnAsyncClass.as_view()),
    path("dispatch/", OnDispatch.as_view()),
    path("async-dispatch/", OnAsyncDispatch.as_view()),
    path("dispatch-among-others/", OnDispatchAmongOthers.as_view()),
    path("around-as-view/", partner_only(Plain.as_view())),
    path("around-async-as-view/", partner_only(AsyncPlain.as_view())),
    path("around-closed/", partner_only(Closed.as_view())),
    path("around-closed-by-dispatch/", partner_only(ClosedByDispatch.as_view())),
    path("around-below-another/", csrf_exempt(partner_only(ClosedByDispatch.as_view()))),
    path("inherits/", Inherits.as_view()),
    path("inherits-dispatch/", InheritsDispatch.as_view()),
    path("overrides-dispatch/", OverridesDispatch.as_view()),
    path("behind-login/", BehindLogin.as_view()),
    path("wraps-dispatch/", WrapsDispatch.as_view()),
    path("closed/", Closed.as_view()),
    path("reopens-closed/", ReopensClosed.as_view()),
    path("reopens-closed-by-dispatch/", ReopensClosedByDispatch.as_view()),
    path("reopens-dispatch-by-dispatch/", ReopensDispatchByDispatch.as_view()),
    path("reopens-class-by-dispatch/", ReopensClassByDispatch.as_view()),
    path("class-outside-dispatch/", ClassOutsideDispatch.as_view()),
    path("dispatch-outside-class/", DispatchOutsideClass.as_view()),
    path("method/", OnMethod.as_view()),
    path("async-method/", OnAsyncMethod.as_view()),
    path("method-by-method-decorator/", OnMethodByMethodDecorator.as_view()),
    path("named-method/", OnNamedMethod.as_view()),
    path("inherits-method/", InheritsMethod.as_view()),
    path("overrides-method/", OverridesMethod.as_view()),
    path("class-beats-inherited-method/", ClassBeatsInheritedMethod.as_view()),
    path("class-beats-wrapped-method/", ClassBeatsWrappedInheritedMethod.as_view()),
    path("method-beats-class/", MethodBeatsClass.as_view()),
    path("public-get/", PublicGet.as_view()),
    path("own-head/", OwnHead.as_view()),
    path("plain/", original_plain),
    path("plain-class/", Plain.as_view()),
    path("decorated-elsewhere/", decorated_plain),
    path("bare/", cors_policy(plain)),
    path("called/", cors_policy()(plain)),
    path("public/", cors_policy("public")(plain)),
    path("public-max-age/", cors_policy("public", max_age=60)(plain)),
    path("same-origin/", same_origin_only(plain)),
    path("unknown/", cors_policy("pubic")(plain)),
    path("contradiction/", cors_policy("members", allow_origins=["*"])(plain)),
    path("keywords/", cors_policy(plain, allow_origins=[PARTNER])),
    path("marked-partial/", marked_partial),
    path("split-patch/", SplitPatch.as_view()),
    path("same-twice/", SameTwice.as_view()),
    path("hidden/", hides(function)),
    path("hidden-in-partial/", functools.partial(call, hidden_in_partial)),
    path("hidden-in-instance/", Hides(hidden_in_instance)),
    path("hidden-in-async-to-sync/", async_to_sync(hidden_in_async_to_sync)),
    path("hidden-in-method/", HiddenInMethod.as_view()),
    path("by-path/function/", function),
    path("by-path/plain/", plain),
    path("included/", include((included, "inc"), namespace="one")),
    re_path(r"^regex/(?P<key>[0-9]+)/$", partner_only(plain)),
    *i18n_patterns(
        path("translated/", function),
        path(_("plain/"), plain),
    ),
]
