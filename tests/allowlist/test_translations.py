"""The German texts of the admin: none is left out, and what stays English is marked."""

from __future__ import annotations

import gettext
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.test import Client
from django.utils.translation.template import templatize

import django_cors_policy.allowlist
from django_cors_policy.allowlist.models import RefusedOrigin

from .admin.pages import (
    ADD,
    ADD_MANY,
    LIST,
    MIDDLEWARE,
    PASTE,
    add_one_of_each,
    form_data,
    in_,
    many,
    project,
)

__all__ = ["project"]  # a fixture that the pages need

APP = Path(django_cors_policy.allowlist.__file__).parent
LOCALE = APP / "locale" / "de" / "LC_MESSAGES"
REFUSED_LIST = "/admin/cors_policy_allowlist/refusedorigin/"
FUNCTIONS: Any = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
}
Texts = set[tuple[str, ...]]


def texts_in_sources() -> Texts:
    """The texts that the code translates, each with its plural if it has one."""
    found: Texts = set()
    for path in [*APP.rglob("*.py"), *APP.rglob("*.html")]:
        if "migrations" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            source = templatize(source, origin=str(path))
        for _line, text, *_rest in extract("python", io.BytesIO(source.encode()), FUNCTIONS):
            found.add(text if isinstance(text, tuple) else (text,))
    return found


def catalog() -> Catalog:
    with (LOCALE / "django.po").open("rb") as file:
        return read_po(file, locale="de")


def messages() -> list[Message]:
    return [message for message in catalog() if message.id]


def as_tuple(text: Any) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, (list, tuple)) else (text,)


def djangos() -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """The German texts of Django's own apps: all apps share one catalogue."""
    found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for path in Path(django.__file__).parent.rglob("locale/de/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            for message in read_po(file, locale="de"):
                if message.id and not message.context and message.string:
                    found.setdefault(as_tuple(message.id), set()).add(as_tuple(message.string))
    return found


def test_no_text_of_django_is_replaced() -> None:
    """Or texts of the whole admin would change with this app, by the order of the apps."""
    theirs = djangos()
    for message in messages():
        text = as_tuple(message.string)
        assert theirs.get(as_tuple(message.id), {text}) == {text}


def test_no_text_is_left_out() -> None:
    texts = texts_in_sources()
    assert len(texts) > 150
    translated = {as_tuple(message.id) for message in messages() if not message.fuzzy}
    assert sorted(texts - translated) == []
    assert sorted(translated - texts) == []
    assert not catalog().obsolete


def test_every_text_is_there_with_its_placeholders() -> None:
    def placeholders(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)\w|\{\w*\}|<[^>]*>", text))

    for message in messages():
        ids, texts = as_tuple(message.id), as_tuple(message.string)
        assert len(texts) == len(ids), message.id
        for text in texts:
            assert text.strip(), message.id
            assert placeholders(text) == placeholders(ids[-1]), message.id


def test_the_compiled_file_is_up_to_date() -> None:
    """After a change of ``django.po``: ``django-admin compilemessages`` in the app's folder."""
    with (LOCALE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in messages():
        ids, texts = as_tuple(message.id), as_tuple(message.string)
        if len(ids) == 1:
            assert compiled.gettext(ids[0]) == texts[0]
        else:
            assert (compiled.ngettext(*ids, 1), compiled.ngettext(*ids, 2)) == texts


# --- The pages -----------------------------------------------------------------------------------


@pytest.fixture
def admin_in_any_language(admin_client: Client, settings: Any) -> Client:
    settings.MIDDLEWARE = [*MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    return admin_client


# Words of English prose that are no German words. Names, URLs and code have none of them.
ENGLISH = re.compile(r"\b(the|and|of|not|is|are|this|with|from|origin has|request|allowed)\b")


def german(response: Any) -> str:
    """What a page says in German: without what it marks as English, and without code."""
    body = response.content.decode()
    for _nested in range(5):
        body = re.sub(r'<(span|div|dd|p) lang="en">((?!<\1\b).)*?</\1>', " ", body, flags=re.DOTALL)
    body = re.sub(r"<(script|style|code|pre)\b.*?</\1>", " ", body, flags=re.DOTALL)
    text = re.sub(r"https?://\S+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))
    return " ".join(text.split())


def pages() -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Every page of the two admins, with what is posted to it."""
    rows = add_one_of_each()
    refused = [
        RefusedOrigin.objects.create(
            policy="default",
            origin=origin,
            path=path,
            method="PUT",
            count=3,
            first_seen=in_(days=-3),
            last_seen=in_(days=-1),
            is_rehearsal=is_rehearsal,
        )
        for origin, path, is_rehearsal in [
            ("https://new.example", "/hello/", False),
            ("http://plain.example", "/hello/", False),
            ("https://evil.github.io", "/hello/", False),
            ("https://row.example", "/hello/", True),
        ]
    ]
    yield LIST, None
    yield ADD, None
    yield ADD, form_data(origin="https://app.example.com/path")
    yield ADD, form_data(origin="http://intranet.example", policy="default")
    yield ADD, form_data(origin="https://a.example", policy="defualt")
    yield ADD_MANY, None
    yield ADD_MANY, many(PASTE.replace("the shop", "ein Laden"))
    yield ADD_MANY, many("")
    for row in rows:
        yield f"{LIST}{row.pk}/change/", None
    yield f"{LIST}{rows[0].pk}/history/", None
    for action in ("enable", "disable", "extend"):
        yield LIST, {"action": action, "_selected_action": [row.pk for row in rows]}
        yield LIST, None
    yield f"{LIST}{rows[0].pk}/change/", form_data(origin="https://other.example", note="new")
    yield f"{LIST}{rows[0].pk}/history/", None
    yield f"{LIST}?q=https://live.example", None
    yield f"{LIST}test/", None
    yield f"{LIST}test/?url=x&origin=y", None
    for query in (
        "origin=https://app.example.com&url=/hello/",
        "origin=https://app.example.com:8443&url=/hello/&method=PUT&credentials=on",
        "origin=https://off.example&url=/hello/",
        "origin=https://app.example.com&url=/nowhere/",
    ):
        yield f"{LIST}test/?{query}", None
    yield REFUSED_LIST, None
    for entry in refused:
        yield f"{REFUSED_LIST}{entry.pk}/change/", None
        yield f"{REFUSED_LIST}{entry.pk}/allow/", None
    selected = {"action": "allow", "_selected_action": [entry.pk for entry in refused]}
    yield REFUSED_LIST, selected


@pytest.mark.django_db
def test_pages_are_german_but_for_what_they_mark(admin_in_any_language: Client) -> None:
    admin = admin_in_any_language
    headers = {"accept-language": "de"}
    count = 0
    for url, data in pages():
        if data is None:
            response = admin.get(url, headers=headers)
        else:
            response = admin.post(url, data, headers=headers)
        if response.status_code == 302:
            continue
        assert response.status_code == 200, url
        text = german(response)
        assert "Origin" in text
        assert ENGLISH.findall(text) == [], (url, data, text)
        count += 1
    assert count > 40


@pytest.mark.django_db
def test_a_problem_is_marked_as_english(admin_in_any_language: Client) -> None:
    admin = admin_in_any_language
    headers = {"accept-language": "de"}
    response = admin.post(ADD, form_data(origin="http://intranet.example"), headers=headers)
    body = response.content.decode()
    assert '<span lang="en">&#x27;http://intranet.example&#x27; uses http' in body
    assert '<html lang="de"' in body
    body = admin.post(ADD, form_data(origin="http://intranet.example")).content.decode()
    assert '<span lang="en">' not in body


@pytest.mark.django_db
def test_names_follow_the_language(admin_in_any_language: Client) -> None:
    response = admin_in_any_language.get("/admin/", headers={"accept-language": "de"})
    assert "CORS-Freigabeliste" in german(response)
    assert "Origin-Freigaben" in german(response)
