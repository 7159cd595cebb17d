"""Dates as people type them: tomorrow, friday, in 3 days, 24.12., 2026-12-24 18:00.

A day without a time means its end, in the person's own time zone. Days are known by their English, German and French
names.
"""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = (
    ("monday", "mon", "montag", "mo", "lundi"),
    ("tuesday", "tue", "tues", "dienstag", "di", "mardi"),
    ("wednesday", "wed", "mittwoch", "mi", "mercredi"),
    ("thursday", "thu", "thur", "thurs", "donnerstag", "do", "jeudi"),
    ("friday", "fri", "freitag", "fr", "vendredi"),
    ("saturday", "sat", "samstag", "sa", "samedi"),
    ("sunday", "sun", "sonntag", "so", "dimanche"),
)
_WEEKDAYS = {name: number for number, names in enumerate(_DAYS) for name in names}
_RELATIVE = {
    "today": 0, "tonight": 0, "heute": 0, "aujourd'hui": 0, "tomorrow": 1, "morgen": 1, "demain": 1,
}  # fmt: skip
_UNITS = {
    "h": 3600, "hour": 3600, "hours": 3600, "stunde": 3600, "stunden": 3600, "heure": 3600, "heures": 3600,
    "d": 86400, "day": 86400, "days": 86400, "tag": 86400, "tage": 86400, "tagen": 86400, "jour": 86400, "jours": 86400,
    "w": 604800, "week": 604800, "weeks": 604800, "woche": 604800, "wochen": 604800, "semaine": 604800,
    "semaines": 604800,
}  # fmt: skip
_IN = re.compile(r"(?:in |dans )?(\d{1,4}) ?([a-z]+)")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_EUROPEAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?")
_CLOCK = re.compile(
    r"(?:^|\s)(?:at |um |à )?(\d{1,2})(?::|h)(\d{2})?(?: ?(am|pm))?$|(?:^|\s)(?:at )?(\d{1,2}) ?(am|pm)$"
)
_END_OF_DAY = time(23, 59)
LATEST = 32_503_680_000
"""The year 3000: nobody means what lies behind it, and Discord shows no such time."""


def read_date(typed: str, now: float, zone: str = "UTC") -> float | None:
    """The moment that was meant, in Unix seconds, be it past; None where it cannot be told or is ages away."""
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        here = ZoneInfo("UTC")
    text = " ".join(typed.lower().split())
    today = datetime.fromtimestamp(now, here)
    relative = _IN.fullmatch(text)
    if relative is not None and relative[2] in _UNITS:
        return now + int(relative[1]) * _UNITS[relative[2]]
    at, rest = _clock(text)
    day = _day(rest, today.date())
    if day is None and not rest and at is not None:
        day = today.date() if at > today.time() else today.date() + timedelta(days=1)
    if day is None:
        return None
    moment = datetime.combine(day, at or _END_OF_DAY, here).timestamp()
    return moment if 0 < moment < LATEST else None


def _clock(text: str) -> tuple[time | None, str]:
    found = _CLOCK.search(text)
    if found is None:
        return None, text
    hour, minute, half = int(found[1] or found[4]), int(found[2] or 0), found[3] or found[5]
    if half is not None:
        if not 1 <= hour <= 12:
            return None, text
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        return None, text
    return time(hour, minute), text[: found.start()].strip()


def _day(text: str, today: date) -> date | None:
    for lead in ("on ", "next ", "am ", "by ", "bis ", "le "):
        text = text.removeprefix(lead)
    if text in _RELATIVE:
        return today + timedelta(days=_RELATIVE[text])
    if text in _WEEKDAYS:
        return today + timedelta(days=(_WEEKDAYS[text] - today.weekday() - 1) % 7 + 1)
    try:
        iso, european = _ISO.fullmatch(text), _EUROPEAN.fullmatch(text)
        if iso is not None:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if european is not None:
            year = int(european[3] or today.year)
            day = date(year, int(european[2]), int(european[1]))
            return day if european[3] or day >= today else day.replace(year=year + 1)
    except ValueError:
        return None
    return None
