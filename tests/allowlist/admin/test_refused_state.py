"""What the state column says: what would happen now to the last request."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from django_cors_policy.allowlist.refresher import Allowlist

from .pages import add, cells, project, text_of
from .test_refused import LIST, allow, recording, refuse

__all__ = ["project", "recording"]  # fixtures that every test here uses

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "refused"),
        ({"origin": "https://app.example.com"}, "allowed now"),
        ({"origin": "https://x.corp.example.com"}, "allowed now"),
        ({"origin": "https://row.example"}, "allowed now"),
        ({"origin": "https://narrow.row.example"}, "allowed now"),
        ({"origin": "https://over.example"}, "refused"),
        ({"origin": "https://row.example", "path": "/partners/x"}, "refused"),
        ({"path": "/public/x"}, "allowed now"),
        ({"policy": "gone"}, "refused"),
        ({"origin": "https://row.example", "path": "/own/"}, "refused"),
        ({"origin": "https://own.example", "path": "/own/"}, "allowed now"),
        ({"origin": "https://app.example.com", "path": "/closed/"}, "refused"),
        ({"origin": "https://app.example.com", "path": "/own%"}, "allowed now"),
        (
            {"is_rehearsal": True},
            "rehearsal No REPORT_ONLY applies to the last path now.",
        ),
    ],
)
def test_what_would_become_of_it_now(admin: Client, fields: dict[str, Any], state: str) -> None:
    add("https://row.example")
    add("https://*.row.example", allow_credentials=False)
    add("https://over.example", expires_at=timezone.now())
    row = refuse(**fields)
    [said] = cells(admin.get(LIST), "state")
    assert " ".join(said.split()) == state
    # As a browser would be told.
    if not row.is_rehearsal:
        response = admin.get(row.path, headers={"origin": row.origin})
        told_so = response.headers.get("Access-Control-Allow-Origin") in ("*", row.origin)
        assert told_so == (state == "allowed now")
    assert state in text_of(admin.get(f"{LIST}{row.pk}/change/"))


REHEARSED = {
    "ALLOW_ORIGINS": ["*"],
    "REPORT_ONLY": {
        "ALLOW_ORIGINS": ["https://app.example.com"],
        "ALLOW_METHODS": ["PUT"],
        "ALLOW_CREDENTIALS": True,
    },
}
OVER = "rehearsal No REPORT_ONLY applies to the last path now."
NOT_THE_ORIGIN = "would be refused REPORT_ONLY does not allow the origin."
NOT_THE_METHOD = "would be refused REPORT_ONLY does not allow the method."
ALLOWED = (
    "would be allowed REPORT_ONLY allows the origin now. For headers and credentials, see the log."
)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, NOT_THE_ORIGIN),
        ({"origin": "https://app.example.com"}, ALLOWED),
        ({"origin": "https://app.example.com", "method": "PUT"}, ALLOWED),
        ({"origin": "https://app.example.com", "method": "PATCH"}, NOT_THE_METHOD),
        # one that no method can have is not recorded
        ({"origin": "https://app.example.com", "method": ""}, ALLOWED),
        ({"origin": "https://app.example.com", "method": "PATCH", "path": "/any/"}, ALLOWED),
        # rows count
        ({"origin": "https://row.example"}, ALLOWED),
        ({"origin": "https://over.example"}, NOT_THE_ORIGIN),
        # but not what the rehearsal refuses
        ({"origin": "http://insecure.example"}, NOT_THE_ORIGIN),
        # where none is tried out
        ({"origin": "https://row.example", "path": "/partners/x"}, OVER),
        ({"origin": "https://app.example.com", "path": "/closed/"}, OVER),
        ({"path": "/own/"}, NOT_THE_ORIGIN),
        ({"origin": "https://own.example", "path": "/own/"}, ALLOWED),
    ],
)
def test_what_a_rehearsal_would_make_of_it_now(
    admin: Client, settings: Any, fields: dict[str, Any], state: str
) -> None:
    settings.CORS_POLICIES = {
        "default": REHEARSED,
        "any": {
            "REPORT_ONLY": {"ALLOW_ORIGINS": ["*"], "ALLOW_METHODS": ["*"]},
            "PATHS": ["/any/"],
        },
        "partners": {"PATHS": ["/partners/"]},
    }
    add("https://row.example")
    add("https://over.example", expires_at=timezone.now())
    add("http://insecure.example")
    row = refuse(is_rehearsal=True, **fields)
    [said] = cells(admin.get(LIST), "state")
    assert " ".join(said.split()) == state
    assert state in text_of(admin.get(f"{LIST}{row.pk}/change/"))


def test_a_rehearsal_where_no_policy_governs(admin: Client, settings: Any) -> None:
    settings.CORS_POLICIES = {"partners": {"PATHS": ["/partners/"]}}
    refuse(is_rehearsal=True)
    assert OVER in text_of(admin.get(LIST))


@pytest.mark.parametrize(
    "policies",
    [{"partners": {"PATHS": ["/partners/"]}}, {"default": {"ALLOW_ORIGINS": "*"}}],
)
def test_where_no_policy_governs_or_settings_are_wrong(
    admin: Client, settings: Any, policies: Any
) -> None:
    row = refuse()
    settings.CORS_POLICIES = policies
    settings.MIDDLEWARE = settings.MIDDLEWARE[1:]
    assert "refused No policy applies to the last path now." in text_of(admin.get(LIST))
    assert "Nothing would be added." in text_of(allow(admin, row))


def test_a_process_that_has_read_no_rows_yet(admin: Client, source: Allowlist) -> None:
    add("https://row.example")
    refuse("https://row.example")
    source.reset()
    assert cells(admin.get(LIST), "state")[0].strip() == "allowed now"
