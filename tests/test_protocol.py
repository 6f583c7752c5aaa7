"""The wire table without Django: policy and facts in, status and headers out."""

from __future__ import annotations

import pytest

from django_cors_policy.fetch import SAFELISTED_METHODS
from django_cors_policy.policy import Place, Policy, compile_policy
from django_cors_policy.protocol import MAX_ECHO_LENGTH, answer_preflight, write_actual_headers

from .wire import APP, HEADERS, METHODS, PROTOCOL_CASES, Case


def answer(case: Case) -> tuple[int, dict[str, str]]:
    policy = compile_policy(case.policies["default"], Place("default"))
    origin = case.headers.get("Origin")
    grant = policy.grant_for(origin) if origin is not None else policy.grant_to_all
    if case.method == "OPTIONS" and origin is not None:
        status, answered = answer_preflight(
            policy,
            grant,
            origin,
            method=case.headers["Access-Control-Request-Method"],
            headers=case.headers.get("Access-Control-Request-Headers", ""),
            private_network="Access-Control-Request-Private-Network" in case.headers,
        )
        headers = dict(answered)
        assert len(answered) == len(headers)  # none is there twice
        # No header of CORS, so the table does not tell of it.
        assert headers.pop("Content-Length", None) == ("0" if grant is None else None)
        return status, headers
    headers = {}
    if grant is not None:
        write_actual_headers(headers, grant, origin or "")
    if policy.vary_actual:
        headers["Vary"] = ", ".join(policy.vary_actual)
    return 200, headers


@pytest.mark.parametrize("case", PROTOCOL_CASES, ids=lambda case: case.name)
def test_wire_table(case: Case) -> None:
    assert answer(case) == (case.status, case.answer)


@pytest.fixture
def echoing() -> Policy:
    config = {
        "ALLOW_ORIGINS": [APP],
        "ALLOW_CREDENTIALS": True,
        "ALLOW_METHODS": ["*"],
        "ALLOW_HEADERS": ["*"],
    }
    return compile_policy(config, Place("default"))


def echoed(policy: Policy, method: str, headers: str) -> dict[str, str]:
    status, answered = answer_preflight(policy, policy.grant, APP, method, headers)
    assert status == 204
    return dict(answered)


@pytest.mark.parametrize(
    "headers",
    [
        "x-a",
        "x-a,x-b",
        "x-a, x-b",  # as a proxy may write it
        "x-a ,x-b",
        "x-a\t,\tx-b",
        "!#$%&'*+-.^_`|~0-9",
        "x" * MAX_ECHO_LENGTH,
    ],
)
def test_headers_echoed(echoing: Policy, headers: str) -> None:
    assert echoed(echoing, "PUT", headers)[HEADERS] == headers


@pytest.mark.parametrize(
    "headers",
    [
        "",
        ",",
        "x-a,",
        ",x-a",
        "x-a,,x-b",
        "x-a  ,x-b",
        " x-a",
        "x-a ",
        "x a",
        "x-a\n",
        "x-a\r\nset-cookie: a=b",
        "x-a\x00",
        "x-\xe4",
        "x-\u212a",  # a Kelvin sign is no "k"
        '"x-a"',
        "x:a",
        "x" * (MAX_ECHO_LENGTH + 1),
    ],
)
def test_headers_not_echoed(echoing: Policy, headers: str) -> None:
    assert HEADERS not in echoed(echoing, "PUT", headers)


@pytest.mark.parametrize("method", ["PUT", "PURGE", "patch", "X" * MAX_ECHO_LENGTH])
def test_method_echoed(echoing: Policy, method: str) -> None:
    assert echoed(echoing, method, "")[METHODS] == ", ".join((*SAFELISTED_METHODS, method))


@pytest.mark.parametrize(
    "method",
    [
        "",
        "GET",
        "TRACE",
        "track",
        "Connect",
        "PUT,DELETE",
        "PUT DELETE",
        "PUT\r\nX: y",
        "P\xdcT",
        "X" * (MAX_ECHO_LENGTH + 1),
    ],
)
def test_method_not_echoed(echoing: Policy, method: str) -> None:
    assert echoed(echoing, method, "")[METHODS] == ", ".join(SAFELISTED_METHODS)
