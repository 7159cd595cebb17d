"""When somebody may be told. 1 800 000 000 is Friday, 2027-01-15, 08:00 UTC."""

from __future__ import annotations

import pytest

from services.executor.board.moments import digest_at, quiet_until
from services.executor.board.submitting import event_number

NOW = 1_800_000_000.0
HOUR = 3600


@pytest.mark.parametrize(
    ("quiet", "zone", "hours"),
    [
        ("", "UTC", 0),
        ("nonsense", "UTC", 0),
        ("22-8", "UTC", 0),
        ("22-9", "UTC", 1),
        ("7:30-8:15", "UTC", 0.25),
        ("22-8", "America/New_York", 5),
        ("9-22", "UTC", 0),
        ("8-8", "UTC", 0),
        ("25-99", "UTC", 0),
        ("0-24", "UTC", 0),
        ("22-9", "Not/AZone", 1),
    ],
)
def test_quiet_hours(quiet: str, zone: str, hours: float) -> None:
    assert quiet_until(NOW, quiet, zone) == NOW + hours * HOUR


def test_digests_end_with_their_window() -> None:
    assert digest_at(NOW, 12) == NOW + 4 * HOUR
    assert digest_at(NOW + 4 * HOUR, 12) == NOW + 16 * HOUR


def test_a_submission_has_the_same_number_always() -> None:
    assert event_number("direct/1/2/3") == event_number("direct/1/2/3") != event_number("direct/1/2/4")
    assert 0 <= event_number("x") < 1 << 64
