from __future__ import annotations

import pytest

from django_cors_policy.policy import Place, RehearsalPlace


@pytest.mark.parametrize(
    ("place", "spelled"),
    [
        (Place("api"), "CORS_POLICIES['api']"),
        (RehearsalPlace(Place("api")), "CORS_POLICIES['api']['REPORT_ONLY']"),
    ],
)
def test_spelled(place: Place, spelled: str) -> None:
    assert str(place) == spelled
    assert place.locate("MAX_AGE") == f"{spelled}['MAX_AGE']"
    assert place.locate("PATHS", 2) == f"{spelled}['PATHS'][2]"
    assert place.written_at("PATHS") is place
