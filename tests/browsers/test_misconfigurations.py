"""Classic mistakes in real browsers: blocked before, explained, and not after the fix.

``tests/explain/test_fixes.py`` has many more, with a page that plays the browser's part.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from django_cors_policy.allowlist.models import AllowedOrigin
from django_cors_policy.allowlist.refresher import allowlist
from django_cors_policy.explain import explain
from django_cors_policy.hooks import hooks
from tests.browsers.harness import APP, fetch_in_page, open_sandbox
from tests.explain.test_fixes import COMMON, OURS, apply

pytestmark = pytest.mark.browser

LONG_AGO = datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class Case:
    """``policy`` changes what allows the page's origin; "PAGE" in an origin is that origin."""

    code: str
    policy: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    middleware: tuple[str, ...] = (OURS,)
    path: str = "/api/items/"
    reads: tuple[str, ...] = ()
    rounds: int = 1


CASES = {
    "no-middleware": Case("no-middleware", middleware=(COMMON,)),
    "slash-before": Case(
        "append-slash",
        call={"method": "POST"},
        middleware=(COMMON, OURS),
        path="/api/items",
    ),
    "slash-after": Case(
        "append-slash", call={"method": "POST"}, middleware=(OURS, COMMON), path="/api/items"
    ),
    "other-port": Case("origin", {"ALLOW_ORIGINS": ["http://app.site.localhost:1"]}),
    "https": Case("origin", {"ALLOW_ORIGINS": ["https://app.site.localhost:*"]}),
    "subdomain": Case("origin", {"ALLOW_ORIGINS": ["http://site.localhost:*"]}),
    "path-of-no-policy": Case("no-policy", {"PATHS": ["/shop/"]}),
    "null": Case("null", call={"origin": "null", "method": "PUT"}),
    "any-with-credentials": Case(
        "wildcard-with-credentials", {"ALLOW_ORIGINS": ["*"]}, {"credentials": True}
    ),
    "credentials": Case("credentials", call={"credentials": True, "method": "PUT"}),
    "patch-in-lower-case": Case("method-case", call={"method": "patch"}),
    "method": Case("method", {"ALLOW_METHODS": ["GET"]}, {"method": "DELETE"}),
    "header": Case("header", call={"headers": ["x-debug"]}),
    "content-type": Case(
        "header",
        {"ALLOW_HEADERS": ["x-debug"]},
        {"method": "POST", "content_type": "application/json"},
    ),
    "header-not-exposed": Case("expose", reads=("x-total-count",)),
    "everything": Case(
        "origin",
        {"ALLOW_ORIGINS": ["https://app.site.localhost:*"], "ALLOW_METHODS": ["GET"]},
        {"method": "PUT", "headers": ["x-debug"], "credentials": True},
        rounds=4,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fix_works(page, server, allow, settings, case):
    allow(**case.policy)
    settings.MIDDLEWARE = list(case.middleware)
    call = {"origin": server.origin(APP), "method": "GET", "url": server.url(case.path)}
    call |= case.call
    frame = open_sandbox(page) if call["origin"] == "null" else page

    codes = []
    while not works(frame, server, case, call):
        explanation = explain(**call, reads=case.reads)
        finding = (explanation.causes + explanation.notes)[0]
        codes.append(finding.code)
        assert len(codes) <= case.rounds
        apply(finding.fixes[0], settings, call, None)
    assert codes[0] == case.code
    assert len(codes) == case.rounds
    assert explain(**call, reads=case.reads).is_allowed


def works(frame, server, case, call):
    """Whether the page's script gets what its author meant to get, and only what was explained."""
    server.django = WSGIHandler()
    server.log.clear()
    headers = dict.fromkeys(call.get("headers", ()), "1")
    if content_type := call.get("content_type"):
        headers["content-type"] = content_type
    answer = fetch_in_page(
        frame,
        call["url"],
        method=call["method"],
        headers=headers,
        credentials="include" if call.get("credentials") else "omit",
    )
    explanation = explain(**call)
    assert explanation.may_read == (answer.error is None)
    told = [
        f"{exchange.request.line.split()[0]} {exchange.response.line.split()[1]}"
        for exchange in explanation.exchanges
    ]
    assert server.seen == told
    return (
        answer.status == 200
        and f'"method": "{call["method"].upper()}"' in answer.body
        and set(case.reads) <= set(answer.headers)
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fields", "subcommand"),
    [
        ({"is_enabled": False}, "enable"),
        ({"is_enabled": False, "expires_at": LONG_AGO}, "enable"),
        ({"expires_at": LONG_AGO}, "add"),
    ],
    ids=["disabled", "disabled-and-expired", "expired"],
)
def test_fix_of_a_row_works(page, server, allow, settings, monkeypatch, fields, subcommand):
    monkeypatch.setattr(hooks, "origin_source", allowlist)
    settings.CORS_ALLOWLIST = {"REFRESH_SECONDS": 0}
    allowlist.reset()
    allow(ALLOW_ORIGINS=["https://other.example"])
    origin = server.origin(APP)
    row = AllowedOrigin.objects.create(origin=origin, note="Ann's", **fields)
    case = Case("row", call={"method": "PUT"})
    call = {"origin": origin, "url": server.url(case.path), **case.call}
    assert not works(page, server, case, call)
    [cause] = explain(**call).causes
    assert cause.code == case.code
    [fix] = cause.fixes
    assert f" cors_origins {subcommand} " in fix.lines[0]
    apply(fix, settings, call, None)
    assert works(page, server, case, call)
    row.refresh_from_db()
    assert row.note == "Ann's"
