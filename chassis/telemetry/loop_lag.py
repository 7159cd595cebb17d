"""How late the event loop is: the saturation of a single-threaded process.

A task that sleeps for a short while notes by how much it woke too late. Everything else on the loop was as late.
"""

import asyncio
from collections import deque

from opentelemetry import metrics

from chassis.clock import Clock
from chassis.telemetry.names import LAG_BUCKETS, Metric

INTERVAL = 0.25
_REMEMBERED_SECONDS = 60.0


class LoopLag:
    """Measures the lag of the loop that it runs on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: deque[float] = deque(maxlen=int(_REMEMBERED_SECONDS / INTERVAL))
        self._histogram = metrics.get_meter("chassis").create_histogram(
            Metric.LOOP_LAG, "s", "By how much the event loop was late", explicit_bucket_boundaries_advisory=LAG_BUCKETS
        )

    @property
    def worst(self) -> float:
        """The longest lag in the last minute, in seconds."""
        return max(self._recent, default=0.0)

    async def measure(self) -> None:
        """Runs for as long as the process does."""
        while True:
            began = self._clock.monotonic()
            await asyncio.sleep(INTERVAL)
            lag = max(0.0, self._clock.monotonic() - began - INTERVAL)
            self._recent.append(lag)
            self._histogram.record(lag)
