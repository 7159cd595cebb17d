"""Ids as Discord makes them: 42 bits of milliseconds since 2015, then worker, process and a counter.

Source: https://discord.com/developers/docs/reference#snowflakes
"""

from chassis.clock import Clock

EPOCH_MS = 1_420_070_400_000
_SHIFT = 22


class Snowflakes:
    """Hands out ids that only ever grow, even where the clock goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last = 0

    def next(self) -> int:
        """A new id, greater than every earlier one."""
        candidate = from_time(self._clock.now())
        self.last = candidate if candidate > self.last else self.last + 1
        return self.last


def from_time(unix_seconds: float) -> int:
    """The smallest id of that moment."""
    return max(0, int(unix_seconds * 1000) - EPOCH_MS) << _SHIFT


def to_time(snowflake: int) -> float:
    """The moment an id was made, in Unix seconds."""
    return ((snowflake >> _SHIFT) + EPOCH_MS) / 1000
