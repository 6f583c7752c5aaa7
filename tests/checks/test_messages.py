"""How messages are printed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError


def test_manage_py_check_fails(settings: Any) -> None:
    settings.CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://app.example.com/"]}}
    with pytest.raises(SystemCheckError) as caught:
        call_command("check")
    assert (
        "CORS_POLICIES['default']['ALLOW_ORIGINS'][0]: (django_cors_policy.E005) "
        "'https://app.example.com/' has a path; an origin has none.\n"
        "\tHINT: Write 'https://app.example.com'."
    ) in str(caught.value)
