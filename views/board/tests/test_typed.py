"""What people type: quick text and dates. 1 800 000 000 is Friday, 2027-01-15, 08:00 UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from views.board.dates import read_date
from views.board.quick import Quick, read_quick

NOW = 1_800_000_000.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("tomorrow", "2027-01-16T23:59"),
        ("Friday", "2027-01-22T23:59"),
        ("next mon", "2027-01-18T23:59"),
        ("Montag", "2027-01-18T23:59"),
        ("dimanche", "2027-01-17T23:59"),
        ("in 3 days", "2027-01-18T08:00"),
        ("2h", "2027-01-15T10:00"),
        ("in 2 Wochen", "2027-01-29T08:00"),
        ("2027-03-01", "2027-03-01T23:59"),
        ("24.12.", "2027-12-24T23:59"),
        ("1.1.", "2028-01-01T23:59"),
        ("tomorrow 18:00", "2027-01-16T18:00"),
        ("saturday at 8pm", "2027-01-16T20:00"),
        ("7:30", "2027-01-16T07:30"),
        ("heute 20:15", "2027-01-15T20:15"),
    ],
)
def test_dates(typed: str, expected: str) -> None:
    assert read_date(typed, NOW) == at(expected)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "whenever",
        "31.2.",
        "2027-13-01",
        "25:00",
        "tomorrow 25:00",
        "in 3 moons",
        "13pm",
        "9999-12-31",
        "0001-01-01",
    ],
)
def test_what_is_no_date(typed: str) -> None:
    assert read_date(typed, NOW) is None


def test_dates_are_in_the_persons_time_zone() -> None:
    assert read_date("tomorrow", NOW, "America/New_York") == at("2027-01-17T04:59")
    assert read_date("tomorrow", NOW, "Not/AZone") == at("2027-01-16T23:59")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2x flask @Alch by friday", Quick("flask", 2, "Alch", due=at("2027-01-22T23:59"))),
        ("flask", Quick("flask")),
        ("-5x flask", Quick("flask", -5)),
        ("x3 Iron Sword", Quick("Iron Sword", 3)),
        ("10 Iron Bars @BS !200g", Quick("Iron Bars", 10, "BS", tip="200g")),
        (
            '@"Leather Working" 2× belt [Rank 3] !"a hug" bis morgen // size: large',
            Quick("belt", 2, "Leather Working", "Rank 3", at("2027-01-16T23:59"), "a hug", "size: large"),
        ),
        ("Stand by Me poster note: blue", Quick(problem="due", about="Me poster")),
        ("1x belt @LW by 9999-12-31", Quick(problem="due", about="9999-12-31")),
        ("2x @Alch", Quick(problem="item", about="2x @Alch")),
        ("   ", Quick(problem="item", about="")),
        ("3 x", Quick(problem="item", about="3 x")),
    ],
)
def test_quick_text(typed: str, expected: Quick) -> None:
    assert read_quick(typed, NOW) == expected


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    read = read_quick(text, NOW)
    assert read.problem or read.item
