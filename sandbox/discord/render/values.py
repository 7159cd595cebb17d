"""Times and ids as Discord writes them."""

from datetime import UTC, datetime


def iso(unix_seconds: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="microseconds")


def iso_or_none(unix_seconds: float | None) -> str | None:
    """The same, where it may be missing."""
    return None if unix_seconds is None else iso(unix_seconds)


def id_or_none(value: int | None) -> str | None:
    """An id, where it may be missing."""
    return None if value is None else str(value)
