"""Time as a dependency, so that what depends on it can be tested without waiting."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Unix seconds; may step when the machine's clock is corrected."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back. For durations within one process."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
