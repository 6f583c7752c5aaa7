"""What every test of the admin asks with."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client
