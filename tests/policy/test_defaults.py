"""The defaults of a policy's keys."""

from __future__ import annotations

from django_cors_policy.policy import DEFAULTS
from django_cors_policy.policy.reader import _READERS

from .compiled import compiled


def test_each_key_has_a_default_and_a_reader() -> None:
    assert list(DEFAULTS) == list(_READERS)


def test_a_policy_that_leaves_out_all_keys_has_the_defaults() -> None:
    written, empty = compiled(dict(DEFAULTS)), compiled({})
    fields = [key.lower() for key in DEFAULTS if key not in ("ALLOW_ORIGINS", "REPORT_ONLY")]
    for field in ("origins", "rehearsal", *fields):
        if hasattr(empty, field):
            assert getattr(empty, field) == getattr(written, field)


def test_the_default_headers_work_for_django_front_ends() -> None:
    """JSON bodies, tokens, and Django's own CSRF header need no setting."""
    assert {"content-type", "authorization", "x-csrftoken"} <= {*compiled({}).allow_headers}
