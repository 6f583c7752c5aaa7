"""No order of requests gets past a policy by what the browser remembers.

Each view below has methods whose policies differ. The oracle is a browser that remembers nothing:
what it would not send, one that remembers must not send either, whatever came before.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from django_cors_policy.decorators import cors_policy, same_origin_only

from .preflight_cache import Browser, ask

APP = "https://app.example.com"
PARTNER = "https://partner.example"
STRANGER = "https://stranger.example"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE")
HEADERS = ((), ("x-requested-with",), ("authorization", "content-type"), ("x-token",))
CALLS = tuple(itertools.product(METHODS, HEADERS))

POLICIES = {
    "default": {
        "ALLOW_ORIGINS": [APP, PARTNER],
        "ALLOW_CREDENTIALS": True,
        "ALLOW_METHODS": ["DELETE", "OPTIONS", "PATCH", "PURGE", "PUT"],
    },
    "public": {"ALLOW_ORIGINS": ["*"], "ALLOW_HEADERS": ["*"], "ALLOW_METHODS": ["*"]},
    "any-method": {"ALLOW_ORIGINS": [APP], "ALLOW_METHODS": ["*"], "ALLOW_CREDENTIALS": True},
    "partner": {"ALLOW_ORIGINS": [PARTNER], "ALLOW_HEADERS": ["x-token"]},
}


def answer(self: Any, request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse(request.method)


class Transfer(View):
    """The security review's example: PUT is closed, and nothing else is handled."""

    put = same_origin_only(answer)


class ClosedDelete(View):
    get = post = put = answer
    delete = same_origin_only(answer)


class ClosedOptions(View):
    get = put = answer
    options = same_origin_only(answer)


class Purged(View):
    http_method_names = [*View.http_method_names, "purge"]
    get = answer
    purge = same_origin_only(answer)


class PublicRead(View):
    get = cors_policy("public")(answer)
    put = patch = answer


class AnyMethod(View):
    get = cors_policy("any-method")(answer)
    put = cors_policy("public")(answer)


class PartnerWrites(View):
    get = answer
    put = cors_policy("partner")(answer)


class OtherHeaders(View):
    get = cors_policy(allow_headers=["x-token"])(answer)
    put = answer


class FewerOrigins(View):
    """Different policies, and the partner has the same by all of them."""

    get = answer
    put = cors_policy(allow_origins=[PARTNER])(answer)


class ShorterAge(View):
    get = answer
    put = cors_policy(max_age=60)(answer)


class OtherNetwork(View):
    get = answer
    put = cors_policy(allow_private_network=True)(answer)


@method_decorator(same_origin_only, name="put")
class ClosedByName(View):
    get = put = answer


@same_origin_only
class OpenedRead(View):
    get = cors_policy("public")(answer)
    put = answer


class SameTwice(View):
    get = cors_policy("public")(answer)
    post = cors_policy("public")(answer)


class Uniform(View):
    get = put = answer


VIEWS = {
    f"/{view.__name__}/": view
    for view in (
        Transfer,
        ClosedDelete,
        ClosedOptions,
        Purged,
        PublicRead,
        AnyMethod,
        PartnerWrites,
        OtherHeaders,
        FewerOrigins,
        ShorterAge,
        OtherNetwork,
        ClosedByName,
        OpenedRead,
        SameTwice,
        Uniform,
    )
}
urlpatterns = [
    *(path(url[1:], view.as_view()) for url, view in VIEWS.items()),
    path("function/", cors_policy(functools.partial(answer, None))),
]


def handled(view: type[View]) -> set[str]:
    names = {name for name in view.http_method_names if hasattr(view, name)}
    return {name.upper() for name in names | ({"head"} if "get" in names else set())}


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    settings.CORS_POLICIES = POLICIES
    ask.cache_clear()
    yield
    ask.cache_clear()


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize("origin", [APP, PARTNER, STRANGER])
@pytest.mark.parametrize("url", VIEWS)
def test_no_sequence_sends_what_no_first_call_may(url: str, origin: str, credentials: bool) -> None:
    alone = {call: Browser(origin, credentials).may_send(url, *call) for call in CALLS}
    chosen = random.Random(url)  # noqa: S311 -- some triples, the same in each run
    sequences = [*itertools.product(CALLS, CALLS)]
    sequences += [tuple(chosen.choices(CALLS, k=4)) for _ in range(500)]
    for calls in sequences:
        page = Browser(origin, credentials)
        for call in calls:
            is_sent = page.may_send(url, *call)
            # What the view does not handle ends in 405, sent or not.
            if call[0] in handled(VIEWS[url]):
                assert is_sent == alone[call], calls


@pytest.mark.parametrize("method", ["DELETE", "GET", "OPTIONS", "PATCH", "POST"])
def test_a_closed_put_is_not_sent_after_another_method(method: str) -> None:
    """As the security review did it, in so many words."""
    page = Browser(APP, credentials=True)
    assert not page.may_send("/Transfer/", "PUT")
    page.may_send("/Transfer/", method, ["x-requested-with"])
    assert not page.may_send("/Transfer/", "PUT")


@pytest.mark.parametrize(
    ("url", "origin", "credentials"),
    [
        ("/Uniform/", APP, True),
        ("/FewerOrigins/", PARTNER, True),
        ("/SameTwice/", STRANGER, False),
    ],
)
def test_what_all_methods_grant_alike_is_remembered(
    url: str, origin: str, credentials: bool
) -> None:
    page = Browser(origin, credentials)
    header = "x-requested-with"
    for method in ("GET", "POST") if url == "/SameTwice/" else ("PUT", "GET"):
        assert page.may_send(url, method, [header])
    assert page.preflights == 1


@pytest.mark.parametrize(
    ("url", "origin"),
    [("/FewerOrigins/", APP), ("/ShorterAge/", APP), ("/Transfer/", APP), ("/PublicRead/", APP)],
)
def test_what_one_method_grants_otherwise_is_not(url: str, origin: str) -> None:
    for method in METHODS:
        told = ask(url, origin, method, frozenset())
        assert told.status == 403 or told.max_age == 0, method


def test_a_method_that_ends_in_405_forces_no_zero() -> None:
    assert ask("/Uniform/", APP, "DELETE", frozenset()).max_age == 3600
    assert ask("/Uniform/", APP, "PUT", frozenset()).max_age == 3600


def test_the_private_network_is_part_of_the_answer() -> None:
    assert ask("/OtherNetwork/", APP, "GET", frozenset()).max_age == 0


def test_a_function_has_one_policy_for_all_methods() -> None:
    assert ask("/function/", APP, "PUT", frozenset()).max_age == 3600
