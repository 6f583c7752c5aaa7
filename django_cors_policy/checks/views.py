"""E019, E020, W014, W015 and W020: decorators that are wrong, hidden, unused or bypassed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy.decorators import Mark, all_marks
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.hooks import hooks
from django_cors_policy.inspection import Bypass, Route, find_bypasses
from django_cors_policy.policy import Policy, PolicyBook
from django_cors_policy.resolution import rule_view
from django_cors_policy.view_policies import declarations, derive_policy, inspected_routes

from .messages import as_message, warning
from .policies import compiled_book


@register(Tags.urls)
def check_views(**kwargs: Any) -> list[CheckMessage]:
    """E019, E020, W015, W020, and errors in policies that decorators make."""
    book = compiled_book()
    if book is None or not hasattr(settings, "ROOT_URLCONF"):
        return []
    messages: list[CheckMessage] = []
    for found in declarations():
        if found.is_hidden:
            messages.append(as_message(found.error()))
            continue
        try:
            derive_policy(book, found.declaration, found.on)
        except PolicyErrors as refused:
            messages += map(as_message, refused.errors)
    messages += _reopened_methods(book)
    # A view may be in the URLconf more than once.
    return list({str(message): message for message in messages}.values())


@register(Tags.urls)
def check_decorators(**kwargs: Any) -> list[CheckMessage]:
    """W014: decorators on views that no URL leads to."""
    if not hasattr(settings, "ROOT_URLCONF"):
        return []
    in_use = set[Mark]().union(*(inspection.marks() for _, inspection in inspected_routes()))
    unused = {(mark.file, mark.line): mark for mark in all_marks() if mark not in in_use}
    return [
        warning(
            "W014",
            f"{_shorten(file)}:{line}",
            f"{mark.declaration.name} has no effect: no URL leads to the function or class that it "
            "decorates here.",
            "Decorate the view that the URLconf names. In a class-based view, decorate the class, "
            "its dispatch() or a method that answers requests, such as post(). A decorator on a "
            "helper method has no effect. If a framework's decorator registers the view, such as "
            "@router.get(...), write it above this one. If the view is in another URLconf "
            "(request.urlconf), silence this check.",
        )
        for (file, line), mark in unused.items()
    ]


def _shorten(file: str) -> str:
    """Return the path of a file, relative to the current directory if it is below it."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _reopened_methods(book: PolicyBook) -> Iterator[CheckMessage]:
    """W015 and W020: methods that override or call a decorated one and are more open."""
    for route, inspection in inspected_routes():
        for bypass in find_bypasses(inspection):
            why = _opens(book, route, bypass)
            if not why:
                continue
            name = bypass.declaration.name
            hint = f"Write {name} above {bypass.by} too, or decorate its class."
            if bypass.is_call:
                text = (
                    f"{bypass.method or 'The view'} calls {bypass.on}, which has {name}. The "
                    "decorator does not apply to the caller, which is more open because of "
                    f"{why}."
                )
                yield warning("W020", bypass.by, text, hint)
            else:
                text = (
                    f"The method has no decorator. It overrides {bypass.on}, which has {name}, "
                    f"and it is more open because of {why}."
                )
                yield warning("W015", bypass.by, text, hint)


def _opens(book: PolicyBook, route: Route, bypass: Bypass) -> str:
    """Return the reason why ``bypass`` allows more than its decorator; "" if it does not."""
    try:
        before = derive_policy(book, bypass.declaration, bypass.on)
    except PolicyErrors:
        return ""  # check_views reports the errors
    ruling = rule_view(book, route.pattern.callback, bypass.method)
    rulings = [ruling] if ruling is not None else [book.rule_path(route.literal)]
    if ruling is None and not route.is_literal:
        rulings = list(book.rulings_below(route.literal))
    reasons = (r.reason for r in rulings if r is not None and _is_wider(r.policy, before))
    return next(reasons, "")


def _is_wider(policy: Policy, before: Policy) -> bool:
    """Return whether ``policy`` may allow an origin or credentials that ``before`` does not."""
    same = {*map(str, before.origins)}
    origins = any(
        str(origin) not in same and before.matcher.match(str(origin)) is None
        for origin in policy.origins
    )
    takes_rows = hooks.origin_source is not None and policy.rows_alias not in (
        None,
        before.rows_alias,
    )
    asks_another = policy.allow_origin_func not in (None, before.allow_origin_func)
    if not before.any_origin and (origins or takes_rows or asks_another):
        return True
    return policy.allow_credentials and not before.allow_credentials
