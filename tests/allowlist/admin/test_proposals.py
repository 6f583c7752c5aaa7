"""Which rows the page "Allow refused origins" proposes, and what it says about each of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import ADDITION
from django.test import Client

from django_cors_policy.allowlist.admin.proposals import fingerprint
from django_cors_policy.allowlist.batches import Line
from django_cors_policy.allowlist.models import AllowedOrigin

from .pages import LIST as ALLOWED_LIST
from .pages import add, log, project, text_of, told
from .test_refused import LIST, ORIGIN, allow, allowed_rows, confirm, preview, recording, refuse
from .test_refused_state import REHEARSED

__all__ = ["project", "recording"]  # fixtures that every test here uses

pytestmark = pytest.mark.django_db


def test_a_preview_and_then_rows(admin: Client) -> None:
    there = add("https://there.example")
    rows = [
        refuse(count=14, path="/orders/", method="PUT"),
        refuse("https://xn--bcher-kva.example"),
        refuse("https://there.example"),
        refuse("https://app.example.com"),
        refuse("http://insecure.example"),
        refuse("http://insecure.example", policy="partners"),
        refuse("https://rehearsed.example", is_rehearsal=True),
        refuse("https://lost.example", policy="defualt"),
    ]
    response = preview(admin, *rows, allow_credentials="on")
    text = text_of(response)
    assert "3 origins would be added" in text  # to default
    assert "1 origin would be added" in text  # to partners
    assert f"{ORIGIN} Refused 14 times, last for PUT /orders/." in text
    assert "https://b\u00fccher.example Browsers send it as https://xn--bcher-kva.example." in text
    assert "1 origin already exists and does not change https://there.example" in text
    assert f'href="{ALLOWED_LIST}{there.pk}/change/"' in response.content.decode()
    assert (
        "https://app.example.com Refused 1 time, last for GET /hello/. "
        "Changes nothing: CORS_POLICIES['default']['ALLOW_ORIGINS'][0] already allows it." in text
    )
    assert "'http://insecure.example' uses http: an attacker on the network" in text
    assert "1 origin would not be added https://rehearsed.example" in text
    assert "No REPORT_ONLY applies to the last path now." in text
    assert "'defualt' is not a policy in CORS_POLICIES. Did you mean 'default'?" in text
    assert 'value="Add 4 origins"' in response.content.decode()
    assert AllowedOrigin.objects.count() == 1

    response = confirm(admin, *rows, allow_credentials="on", note="as they asked")
    assert response.status_code == 302
    assert response["Location"] == LIST
    assert told(response) == ["4 origins added."]
    assert sorted(allowed_rows()) == [
        ("default", "https://app.example.com"),
        ("default", ORIGIN),
        ("default", "https://there.example"),
        ("default", "https://xn--bcher-kva.example"),
        ("partners", "http://insecure.example"),
    ]
    new = AllowedOrigin.objects.get(origin=ORIGIN)
    assert (new.allow_credentials, new.is_enabled, new.expires_at) == (True, True, None)
    assert new.note == "as they asked"
    assert [entry[:2] for entry in log()] == [
        ("http://insecure.example", ADDITION),
        ("https://app.example.com", ADDITION),
        ("https://b\u00fccher.example", ADDITION),
        (ORIGIN, ADDITION),
    ]
    response = admin.get("/hello/", headers={"origin": ORIGIN})
    assert response["Access-Control-Allow-Origin"] == ORIGIN


def test_a_row_helps_a_rehearsal(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": REHEARSED, "partners": {"PATHS": ["/partners/"]}}
    there = add("https://there.example", is_enabled=False)
    rows = [
        refuse("https://both.example"),
        *(
            refuse(origin, is_rehearsal=True, **fields)
            for origin, fields in {
                ORIGIN: {"count": 14},
                "https://both.example": {},
                "https://there.example": {},
                "https://app.example.com": {"method": "PATCH"},
                "http://insecure.example": {},
                "https://own.example": {"path": "/own/"},
                "https://partner.example": {"path": "/partners/x"},
                "https://no origin": {},
            }.items()
        ),
    ]
    text = text_of(preview(admin, *rows, allow_credentials="on"))
    helps = (
        "The policy already allows the origin. Only REPORT_ONLY refuses it. With this row, "
        "REPORT_ONLY allows it too."
    )
    assert "2 origins would be added" in text
    assert f"{ORIGIN} Refused 14 times, last for GET /hello/. {helps}" in text
    assert f"https://both.example Refused 1 time, last for GET /hello/. {helps}" in text
    assert "1 origin already exists and does not change https://there.example disabled" in text
    assert "1 origin cannot be added https://no origin" in text
    assert "4 origins would not be added" in text
    assert (
        "https://app.example.com Refused 1 time, last for PATCH /hello/. "
        "REPORT_ONLY already allows the origin, but not the method, a header or credentials."
    ) in text
    assert (
        "http://insecure.example Refused 1 time, last for GET /hello/. "
        f"REPORT_ONLY: {ADVICE} 'http://insecure.example' uses http: an attacker on the network"
    ) in text
    assert (
        "https://own.example Refused 1 time, last for GET /own/. "
        "Rows of this policy have no effect at that path, because of @cors_policy"
    ) in text
    assert (
        "https://partner.example Refused 1 time, last for GET /partners/x. "
        "Rows of this policy have no effect at that path, because of CORS_POLICIES['partners']"
    ) in text
    assert "Changes nothing" not in text

    assert told(confirm(admin, *rows, allow_credentials="on")) == ["2 origins added."]
    there.refresh_from_db()
    assert not there.is_enabled
    assert sorted(allowed_rows()) == [
        ("default", "https://both.example"),
        ("default", ORIGIN),
        ("default", "https://there.example"),
    ]
    [row] = [row for row in rows if row.origin == ORIGIN]
    assert "would be allowed" in text_of(admin.get(f"{LIST}{row.pk}/change/"))


ADVICE = 'The row works without cookies: untick "Allow credentials". To keep them:'


def test_a_line_says_first_that_unticking_credentials_is_enough(admin: Client) -> None:
    row = refuse("http://insecure.example")
    [proposal] = preview(admin, row, allow_credentials="on").context["proposals"]
    [line] = proposal.plan.refused
    evidence, advice, problem = line.remarks
    assert evidence.startswith("Refused 1 time")
    assert advice == ADVICE
    assert problem.startswith("'http://insecure.example' uses http: an attacker")
    assert told(confirm(admin, row)) == ["1 origin added."]
    response = admin.get("/hello/", headers={"origin": row.origin})
    assert response["Access-Control-Allow-Origin"] == row.origin
    assert "Access-Control-Allow-Credentials" not in response


def test_so_does_a_line_about_report_only(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"default": REHEARSED}
    row = refuse("http://insecure.example", is_rehearsal=True)
    [proposal] = preview(admin, row, allow_credentials="on").context["proposals"]
    [line] = proposal.left_out
    _evidence, reason = line.remarks
    assert reason.startswith(f"REPORT_ONLY: {ADVICE} 'http://insecure.example' uses http")
    assert told(confirm(admin, row)) == ["1 origin added."]


def test_where_a_decorator_decides_no_row_helps(admin: Client) -> None:
    text = text_of(allow(admin, refuse(path="/own/")))
    assert "Rows of this policy have no effect at that path, because of" in text
    assert "@cors_policy" in text


@pytest.mark.parametrize(
    ("origin", "shown", "suffix"),
    [
        ("https://evil.github.io", "https://evil.github.io", "github.io"),
        (
            "https://xn--bcher-kva.github.io",
            "https://b\u00fccher.github.io Browsers send it as https://xn--bcher-kva.github.io.",
            "github.io",
        ),
        # The policy names another origin of this site.
        ("https://a.me.github.io", "https://a.me.github.io", ""),
        ("https://evil.example", "https://evil.example", ""),
        ("http://localhost:5173", "http://localhost:5173", ""),
        ("http://127.0.0.1", "http://127.0.0.1", ""),
        ("null", "null", ""),
    ],
)
@pytest.mark.parametrize("is_rehearsal", [False, True])
def test_an_origin_that_can_belong_to_a_stranger(
    admin: Client, settings: Any, origin: str, shown: str, suffix: str, is_rehearsal: bool
) -> None:
    own = {"ALLOW_ORIGINS": ["https://me.github.io"]}
    settings.CORS_POLICIES = {"default": {**own, "REPORT_ONLY": own}}
    text = text_of(allow(admin, refuse(origin, is_rehearsal=is_rehearsal)))
    seen = f"{shown} Refused 1 time, last for GET /hello/."
    assert f"1 origin would be added {seen}" in text
    name = shown.partition(" ")[0]
    warning = f"Add it only if {name} is yours, because anyone can get a name below {suffix}."
    assert (f"{seen} {warning}" in text) == bool(suffix)
    assert ("is yours" in text) == bool(suffix)


def test_no_warning_where_nothing_would_be_added(admin: Client) -> None:
    add("https://there.github.io")
    rows = [refuse("https://there.github.io"), refuse("https://lost.github.io", policy="defualt")]
    assert "is yours" not in text_of(allow(admin, *rows))


def test_fingerprint() -> None:
    def line(policy: str, origin: str, **values: Any) -> Line:
        line = Line(0)
        line.row = AllowedOrigin(policy=policy, origin=origin, **values)
        return line

    a, b = line("default", "https://a.example"), line("default", "https://b.example")
    assert fingerprint([a, b]) == fingerprint([b, a])
    assert fingerprint([a]) == fingerprint([line("default", "https://a.example", note="n")])
    others = [[], [a], [b], [a, b], [line("partners", "https://a.example")]]
    assert len({fingerprint(lines) for lines in others}) == len(others)
