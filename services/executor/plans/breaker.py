"""A circuit breaker (M. Nygard, "Release It!"): after failures in a row it keeps calls back, then lets probes through.

Pure: time is given. One stands for each guild and class of routes, so trouble with one leaves the others alone.
"""

from __future__ import annotations


class Breaker:
    """Closed, open, or half-open."""

    def __init__(self, *, failures: int, pause: float, max_pause: float) -> None:
        self._allowed = failures
        self._first_pause = pause
        self._max_pause = max_pause
        self._failures = 0
        self._pause = pause
        self._open_until: float | None = None
        self._probing = False
        self.since: float | None = None
        """When it opened; None while closed."""

    def wait(self, now: float) -> float:
        """Seconds until a call may be made; 0 for now. While a probe is under way others wait for it."""
        if self._open_until is None:
            return 0.0
        if self._probing:
            return self._first_pause
        return max(0.0, self._open_until - now)

    def begin(self) -> None:
        """A call is made. After a pause it is a probe."""
        if self._open_until is not None:
            self._probing = True

    def succeeded(self) -> None:
        """Discord answered: all is well."""
        self._failures, self._pause = 0, self._first_pause
        self._open_until, self._probing, self.since = None, False, None

    def failed(self, now: float) -> float:
        """Discord failed; gives the pause that begins now, 0 where there is none yet."""
        self._failures += 1
        was_probe, self._probing = self._probing, False
        if was_probe:
            self._pause = min(self._pause * 2, self._max_pause)
        elif self._failures < self._allowed or self._open_until is not None:
            return 0.0
        self._open_until = now + self._pause
        self.since = now if self.since is None else self.since
        return self._pause

    @property
    def open_until(self) -> float | None:
        """When the next probe may be made; None while closed."""
        return self._open_until
