"""When somebody may be told: at once, after their quiet hours, or with the next digest. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_QUIET = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*-\s*(\d{1,2})(?::(\d{2}))?")


def quiet_until(now: float, quiet: str, zone: str) -> float:
    """The end of the quiet hours that `now` (Unix seconds) lies in; `now` itself outside of them.

    `quiet` is, for example, 22-8 or 22:30-7:15, in the time zone `zone`; what cannot be read is no quiet hours.
    """
    found = _QUIET.fullmatch(quiet.strip())
    if found is None:
        return now
    begin = int(found[1]) * 60 + int(found[2] or 0)
    end = int(found[3]) * 60 + int(found[4] or 0)
    if max(begin, end) > 24 * 60 or begin % 1440 == end % 1440:
        return now
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        here = ZoneInfo("UTC")
    local = datetime.fromtimestamp(now, here)
    minute = local.hour * 60 + local.minute
    inside = begin <= minute < end if begin < end else minute >= begin or minute < end
    if not inside:
        return now
    day = local.date() if minute < end else local.date() + timedelta(days=1)
    finish = datetime(day.year, day.month, day.day, tzinfo=here) + timedelta(minutes=end)
    return finish.timestamp()


def digest_at(now: float, hours: float) -> float:
    """The end of the window that `now` lies in; windows are the same for everybody, so a restart changes none."""
    window = hours * 3600
    return (now // window + 1) * window
