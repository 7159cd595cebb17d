"""A clock that stands still until a test moves it."""


class ManualClock:
    """Time as a test wants it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        if seconds < 0:
            raise ValueError("time passes forward; use step() for a corrected clock")
        self._now += seconds
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Corrects the wall clock, forward or back, as NTP would; the monotonic clock knows nothing of it."""
        self._now += seconds
