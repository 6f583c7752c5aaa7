"""What callables hold is looked at, and foreign objects are asked nothing."""

from __future__ import annotations

import functools
from typing import Any
from xmlrpc.client import ServerProxy

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from django_cors_policy.checks import check_decorators, check_views
from django_cors_policy.inspection import ViewInspection, name_of

from .test_hidden import APP, PREFLIGHT, Audit, ByMethod, Resource, audit, plain


class Answers:
    """A proxy that has every attribute."""

    def __getattr__(self, name: str) -> Answers:
        return self

    def __call__(self, *args: Any) -> Answers:
        return self


class Raises:
    """An object that cannot be asked anything."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self) -> None:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


class RaisesForDict:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError

    def __call__(self) -> None:
        raise RuntimeError


class OddDict(dict):  # type: ignore[type-arg]
    def values(self) -> Any:
        raise RuntimeError

    def __iter__(self) -> Any:
        raise RuntimeError


def wraps_itself() -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(view))

    view.__wrapped__ = view  # type: ignore[attr-defined]
    return view


def fail() -> Any:
    raise RuntimeError("evaluated")


def empty_cell() -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(later))

    if view is None:
        later = 1
    return view


FOREIGN = {
    "server-proxy": ServerProxy("http://localhost:1/"),
    "answers": Answers(),
    "raises": Raises(),
    "raises-for-dict": RaisesForDict(),
    "lazy": SimpleLazyObject(fail),
    "odd-dict": OddDict(a=plain),
    "many": dict.fromkeys(range(200_000), plain),
    "many-numbers": list(range(200_000)),
    "number": 1,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_objects_are_not_asked(name: str, project: Any) -> None:
    foreign = FOREIGN[name]

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(foreign is None))

    holder = Resource(foreign)
    client = project(view=view, partial=functools.partial(plain, x=foreign), held=Audit(foreign))
    assert check_views() == []
    for url in ("/view/", "/partial/"):
        assert client.options(url, headers=PREFLIGHT).status_code == 204
        response = client.put(url, headers={"origin": APP})
        assert response.status_code == 200
        assert response["Access-Control-Allow-Origin"] == APP
    for odd in (foreign, holder.view):
        assert ViewInspection(odd).find("PUT") is None


@pytest.mark.parametrize("view", [wraps_itself(), empty_cell()])
def test_odd_functions(view: Any, project: Any) -> None:
    client = project(view=view)
    assert check_views() == []
    assert client.options("/view/", headers=PREFLIGHT).status_code == 204
    assert name_of(view).endswith("<locals>.view")


def test_what_holds_too_much_is_closed(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that is given up cannot know."""
    monkeypatch.setattr("django_cors_policy.inspection.holding.MOST_OBJECTS", 100)
    client = project(view=ByMethod(**{f"v{n}": audit(plain) for n in range(200)}), other=plain)
    assert client.options("/view/", headers=PREFLIGHT).status_code == 403
    assert client.options("/other/", headers=PREFLIGHT).status_code == 204
    [message] = check_views()
    assert message.id == "django_cors_policy.E020"
    assert message.msg.startswith("A decorator may be hidden: the view contains too many")
    assert check_decorators() == []


def test_more_values_than_are_looked_at(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_cors_policy.inspection.holding.MOST_VALUES", 1000)
    client = project(view=Audit(list(range(2000))))
    assert client.options("/view/", headers=PREFLIGHT).status_code == 403
