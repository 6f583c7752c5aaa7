"""What rows grant, and which of them grant nothing, each shown through requests."""

from __future__ import annotations

import datetime
import gc
import logging
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from django_cors_policy.allowlist import snapshot
from django_cors_policy.allowlist.models import AllowedOrigin, touch
from django_cors_policy.allowlist.refresher import Allowlist
from django_cors_policy.allowlist.snapshot import PolicyRows, Snapshot
from django_cors_policy.origins import OriginMatcher

from .conftest import ROW, SETTINGS, add, allowed, check_async, set_raw

pytestmark = pytest.mark.django_db

WILDCARD = "https://*.row.example"
BELOW = "https://a.b.row.example"


def in_(**delta: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(**delta)


def preflight(origin: str, path: str = "/hello/") -> Any:
    headers = {"origin": origin, "access-control-request-method": "PUT"}
    return Client().options(path, headers=headers)


class TestMeaning:
    def test_a_row_adds_to_its_policy_alone(self) -> None:
        add(policy="open")
        assert allowed(ROW, "/public/hello/")
        assert not allowed(ROW)

    def test_a_row_grants_what_the_policy_grants(self) -> None:
        add()
        response = preflight(ROW)
        assert response.status_code == 204
        assert response["Access-Control-Allow-Credentials"] == "true"
        assert response["Access-Control-Max-Age"] == "3600"

    def test_a_row_may_take_credentials_away(self) -> None:
        add(allow_credentials=False)
        assert preflight(ROW).status_code == 204
        assert "Access-Control-Allow-Credentials" not in preflight(ROW)

    def test_a_row_cannot_add_credentials(self) -> None:
        add(policy="open", allow_credentials=True)
        assert "Access-Control-Allow-Credentials" not in preflight(ROW, "/public/hello/")

    def test_settings_are_asked_first_and_grant_in_full(self) -> None:
        add(SETTINGS, allow_credentials=False)
        assert preflight(SETTINGS)["Access-Control-Allow-Credentials"] == "true"

    @pytest.mark.parametrize(
        ("rows", "credentials"),
        [
            ({BELOW: True, WILDCARD: False}, True),
            ({BELOW: False, WILDCARD: True}, False),
            ({"https://*.b.row.example": False, WILDCARD: True}, False),
            ({"https://*.b.row.example": True, WILDCARD: False}, True),
        ],
    )
    def test_the_most_specific_row_decides(self, rows: dict[str, bool], credentials: bool) -> None:
        for origin, allow_credentials in rows.items():
            add(origin, allow_credentials=allow_credentials)
        assert ("Access-Control-Allow-Credentials" in preflight(BELOW)) == credentials

    @pytest.mark.parametrize("dead", [{"is_enabled": False}, {"expires_at": in_(seconds=-1)}])
    def test_a_dead_row_grants_nothing_and_takes_nothing_away(self, dead: dict[str, Any]) -> None:
        add(BELOW, **dead)
        assert not allowed(BELOW)
        add(WILDCARD)
        assert allowed(BELOW)
        assert preflight(BELOW)["Access-Control-Allow-Credentials"] == "true"

    def test_a_row_that_expires_while_it_is_in_memory(self, source: Allowlist) -> None:
        add(BELOW, expires_at=in_(seconds=60))
        add(WILDCARD, allow_credentials=False)
        assert preflight(BELOW)["Access-Control-Allow-Credentials"] == "true"
        rows = source.snapshot.rows["default"]
        policy = source.snapshot.book.policies["default"]
        grant = rows.grant_for(policy, BELOW, time.time() + 61)
        assert grant is not None
        assert not grant.credentials
        assert rows.grant_for(policy, "https://row.example", time.time() + 61) is None

    def test_an_expired_row_is_over_to_the_second(self, source: Allowlist) -> None:
        row = add(expires_at=in_(seconds=60))
        assert allowed(ROW)
        policy = source.snapshot.book.policies["default"]
        rows = source.snapshot.rows["default"]
        end = row.expires_at.timestamp()
        assert rows.grant_for(policy, ROW, end - 0.01) is not None
        assert rows.grant_for(policy, ROW, end) is None

    def test_caches_do_not_outlive_the_row(self) -> None:
        add(expires_at=in_(seconds=60))
        assert 57 <= int(preflight(ROW)["Access-Control-Max-Age"]) <= 60
        AllowedOrigin.objects.update(expires_at=in_(days=7))
        assert preflight(ROW)["Access-Control-Max-Age"] == "3600"

    def test_caches_do_not_outlive_the_row_where_the_policy_says_nothing(
        self, settings: Any
    ) -> None:
        settings.CORS_POLICIES = {"default": {"MAX_AGE": None}}
        row = add(expires_at=in_(seconds=3))
        assert int(preflight(ROW)["Access-Control-Max-Age"]) <= 3
        AllowedOrigin.objects.filter(pk=row.pk).update(expires_at=in_(days=1))
        assert "Access-Control-Max-Age" not in preflight(ROW)

    def test_ports_and_null(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {}}
        add("http://localhost:*")
        add("null")
        assert allowed("http://localhost:3000")
        assert allowed("null")

    def test_decorators(self, settings: Any) -> None:
        """Replaced origins replace the rows too; other fields keep them."""
        settings.ROOT_URLCONF = "tests.urls_decorated"
        settings.CORS_POLICIES |= {"public": {"ALLOW_ORIGINS": [SETTINGS]}}
        add(policy="default")
        add(policy="public")
        assert allowed(ROW, "/plain/")
        assert allowed(ROW, "/public-max-age/")
        assert not allowed(ROW, "/function/")
        assert not allowed(ROW, "/same-origin/")

    def test_credentials_of_a_decorator_are_not_for_every_row(self, settings: Any) -> None:
        """The row was right for its policy, which has no credentials; the decorator adds them."""
        settings.ROOT_URLCONF = "tests.allowlist.urls_credentials"
        settings.CORS_POLICIES = {"default": {}}
        add("http://plain.example")
        add("https://*.com")
        add(ROW)
        assert allowed("http://plain.example", "/plain/")
        assert not allowed("http://plain.example", "/members/")
        assert not allowed("https://a.com", "/members/")
        assert allowed(ROW, "/members/")

    def test_a_decorator_that_accepts_fewer_risks(self, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.allowlist.urls_credentials"
        settings.CORS_POLICIES = {"default": {"ACCEPT_RISKS": ["insecure-http"]}}
        add("http://plain.example")
        assert allowed("http://plain.example", "/members/")
        assert not allowed("http://plain.example", "/careful-members/")

    def test_a_function_is_asked_last(self, settings: Any) -> None:
        asked = []

        def func(origin: str, request: Any) -> bool:
            asked.append(origin)
            return True

        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN_FUNC": func}}
        add()
        assert allowed(ROW)
        assert asked == []
        assert allowed("https://other.example")
        assert asked == ["https://other.example"]

    @pytest.mark.django_db(transaction=True)
    async def test_async(self) -> None:
        await check_async()


class TestUnusableRows:
    """Whatever stands in the table, it is skipped and said, and the others work."""

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"origin": "https://a.example/path"}, "has a path; an origin has none"),
            ({"origin": ""}, "is empty"),
            ({"origin": "*"}, "is not the origin of a single site"),
            ({"origin": "HTTPS://A.EXAMPLE"}, "has upper-case letters"),
            ({"origin": "https://münchen.example"}, "is not written as browsers send it"),
            ({"origin": "null"}, "credentials are allowed"),
            ({"origin": "http://plain.example"}, "credentials are allowed"),
            ({"origin": "https://*.com"}, "credentials are allowed"),
            ({"origin": "https://a.example", "policy": "gone"}, "has the policy 'gone', which"),
        ],
    )
    def test_skipped(
        self,
        fields: dict[str, str],
        reason: str,
        source: Allowlist,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        add()
        bad = add("https://bad.example")
        set_raw(bad.pk, **fields)
        touch("default")
        with caplog.at_level(logging.WARNING, "django_cors_policy"):
            assert allowed(ROW)
            assert allowed(ROW)
        [(pk, origin, told)] = source.snapshot.skipped
        assert (pk, origin) == (bad.pk, fields["origin"])
        assert reason in told
        assert len(caplog.records) == 1
        assert reason in caplog.text

    @pytest.mark.parametrize("most_keys", [2, 500])
    def test_a_value_that_python_cannot_hold(
        self, source: Allowlist, monkeypatch: pytest.MonkeyPatch, most_keys: int
    ) -> None:
        monkeypatch.setattr(snapshot, "MOST_KEYS", most_keys)
        if connection.vendor == "mysql":
            pytest.skip("MariaDB refuses such a value itself")
        add()
        for number in range(5):
            add(f"https://{number}.example")
        bad = add("https://bad.example")
        value = "infinity" if connection.vendor == "postgresql" else "9027-02-30 00:00:00"
        set_raw(bad.pk, expires_at=value)
        touch("default")
        assert allowed(ROW)
        assert allowed("https://3.example")
        assert not allowed("https://bad.example")
        [(pk, _, reason)] = source.snapshot.skipped
        assert pk == bad.pk
        assert "cannot be read" in reason

    @pytest.mark.skipif("connection.vendor != 'sqlite'", reason="other databases have types")
    def test_an_expiry_that_reads_as_none(self, source: Allowlist) -> None:
        bad = add("https://bad.example")
        set_raw(bad.pk, expires_at="tomorrow")
        touch("default")
        assert not allowed("https://bad.example")
        assert "expiry" in source.snapshot.skipped[0][2]

    def test_many_are_logged_in_few_lines(self, caplog: pytest.LogCaptureFixture) -> None:
        rows = [
            AllowedOrigin(policy="gone", origin=f"https://{number}.example") for number in range(30)
        ]
        AllowedOrigin.objects.bulk_create(rows)
        with caplog.at_level(logging.WARNING, "django_cors_policy"):
            assert not allowed(ROW)
        assert len(caplog.records) == 11
        assert "20 more rows" in caplog.text

    def test_narrowed_rows_may_be_what_the_policy_could_not(self) -> None:
        add("http://plain.example", allow_credentials=False)
        assert allowed("http://plain.example")


def test_no_snapshot_outlives_its_successor() -> None:
    # A million rows take more than 100 MB, and a full garbage collection may be minutes away.

    def alive() -> int:
        kinds = (Snapshot, PolicyRows, OriginMatcher)
        return sum(type(thing) in kinds for thing in gc.get_objects())

    AllowedOrigin.objects.create(origin="https://*.first.example")
    assert allowed("https://a.first.example")
    gc.collect()
    before = alive()
    gc.disable()
    try:
        for number in range(5):
            AllowedOrigin.objects.create(origin=f"https://*.a{number}.example")
            assert allowed(f"https://b.a{number}.example")
        assert alive() == before
    finally:
        gc.enable()
