"""Calendar periods in a time zone, as microseconds since 1970.

Redis's clock decides in which period a use falls, and it may differ from ours. So the scripts get four successive
boundaries around our time, and pick. A period begins at local midnight; where the clocks are set forward over
midnight, at the first moment of the day.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["hour", "day", "week", "month"]

PERIOD_US: dict[Period, int] = {
    "hour": 3_600 * 1_000_000,
    "day": 86_400 * 1_000_000,
    "week": 7 * 86_400 * 1_000_000,
    "month": 30 * 86_400 * 1_000_000,
}
"""Nominal lengths, for comparing limits."""


def _midnight(day: date, zone: ZoneInfo) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return round(moment.timestamp()) * 1_000_000


def _first_day(day: date, period: Period) -> date:
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def _next(day: date, period: Period) -> date:
    if period == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if period == "week" else 1)


def boundaries(now_us: int, period: Period, zone: ZoneInfo) -> tuple[int, int, int, int]:
    """The beginnings of the period before now's, of now's, and of the two after it."""
    if period == "hour":
        width = PERIOD_US["hour"]
        # Zones are off by whole quarters of an hour, so hours begin where UTC's do, but for that offset.
        offset = datetime.fromtimestamp(now_us / 1e6, zone).utcoffset() or timedelta()
        shift = round(offset.total_seconds()) * 1_000_000 % width
        start = (now_us + shift) // width * width - shift
        return start - width, start, start + width, start + 2 * width
    today = datetime.fromtimestamp(now_us // 1_000_000, zone).date()
    current = _first_day(today, period)
    following = _next(current, period)
    before = _first_day(current - timedelta(days=1), period)
    days = (before, current, following, _next(following, period))
    first, second, third, fourth = (_midnight(day, zone) for day in days)
    return first, second, third, fourth


@cache
def boundaries_around(period: Period, time_zone: str) -> Callable[[int], tuple[int, int, int, int]]:
    """`boundaries` for one period and zone (an IANA name), worked out once per period."""
    zone = ZoneInfo(time_zone)
    known = (0, 0, 0, 0)

    def around(now_us: int) -> tuple[int, int, int, int]:
        nonlocal known
        if not known[1] <= now_us < known[2]:
            known = boundaries(now_us, period, zone)
        return known

    return around
