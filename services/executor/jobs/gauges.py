"""How much waits in the queue, as metrics: the sum over all executors is the whole queue.

Each executor tells of the partitions that it leases, so nothing is counted twice and nobody needs to be in charge.
While Redis is away there is nothing to tell, and an autoscaler sees that rather than a stale figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.telemetry import meter as of_process
from services.executor.jobs.redis_store import Backlog, JobStore

_log = structlog.get_logger(__name__)


class QueueGauges:
    """Looks at the queue now and then and answers whoever collects metrics from the last look."""

    def __init__(
        self,
        store: JobStore,
        held: Callable[[], Collection[int]],
        clock: Clock,
        *,
        interval: float,
        meter: Meter | None = None,
    ) -> None:
        """`meter` is where the gauges are shown; the process's own by default."""
        self._store = store
        self._held = held
        self._clock = clock
        self._interval = interval
        self._seen: Backlog | None = None
        meter = meter or of_process()
        meter.create_observable_gauge(
            "guildhall.jobs.pending", [self._pending], "{job}", "Jobs taken over and not done yet"
        )
        meter.create_observable_gauge("guildhall.jobs.dead", [self._dead], "{job}", "Jobs given up and still kept")
        meter.create_observable_gauge("guildhall.jobs.oldest.age", [self._age], "s", "Age of the oldest job not done")

    async def measure(self) -> None:
        """Runs for as long as the process does."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Looks once."""
        try:
            self._seen = await self._store.backlog(self._held())
        except RedisError as error:
            self._seen = None
            _log.warning("jobs.not_counted", error=str(error))

    def _pending(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._seen.pending)] if self._seen else []

    def _dead(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._seen.dead)] if self._seen else []

    def _age(self, options: CallbackOptions) -> Iterable[Observation]:
        if self._seen is None:
            return []
        oldest = self._seen.oldest
        return [Observation(0.0 if oldest is None else max(0.0, self._clock.now() - oldest))]
