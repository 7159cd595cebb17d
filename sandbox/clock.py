"""The sandbox's clock: a real one that the control API can move forward."""

from chassis.clock import Clock, SystemClock


class MovableClock:
    """Another clock plus what it was moved by."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._offset = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return self._base.now() + self._offset

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._base.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        if seconds < 0:
            raise ValueError("time passes forward")
        self._offset += seconds
