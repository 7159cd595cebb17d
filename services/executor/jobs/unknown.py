"""Jobs of a kind that nothing here knows: during a roll-out an older executor comes upon what a newer one took over.

Such a job stays in its stream, in the order of its key, and its partition counts as idle: whichever version has the
partition next reads it anew. How long older versions have waited for a newer one stands in the job's journal, so it is
the same bound through however many hands the partition goes, and steps of the clock do not matter. After that the job
is given up, since a version that was taken back may never come again.
"""

from __future__ import annotations

import asyncio

import structlog
from redis.exceptions import RedisError

from services.executor.jobs.lease import Lease
from services.executor.jobs.redis_store import Entry, JobStore
from services.executor.jobs.settings import JobSettings

_log = structlog.get_logger(__name__)


class UnknownKinds:
    """Waits with jobs until another version takes them."""

    def __init__(self, store: JobStore, settings: JobSettings) -> None:
        self._store = store
        self._settings = settings

    async def wait(self, entry: Entry, lease: Lease) -> None:
        """Returns when the job has been given up. Raises `LeaseLost` once another owner has its partition."""
        job = entry.job
        log = _log.bind(job_id=job.job_id, kind=job.kind, key=job.key, epoch=lease.epoch)
        slept, pause = 0.0, self._settings.backoff_seconds
        while True:
            left = pause
            try:
                waited = await self._store.waited(entry, lease, slept)
                slept, left = 0.0, self._settings.unknown_kind_seconds - waited
                if left <= 0:
                    log.error("job.unknown_kind", waited=waited)
                    await self._store.bury(entry, lease, self._reason(job.kind))
                    return
                log.warning("job.waits_for_newer_version", waited=waited)
            except RedisError as error:
                log.warning("jobs.unreachable", error=str(error), retry_in=pause)
            # Never nothing: what is left may be too little to be written down.
            step = max(min(pause, left), 0.001)
            await asyncio.sleep(step)
            slept += step
            pause = min(pause * 2, self._settings.max_backoff_seconds)

    def _reason(self, kind: str) -> str:
        seconds = self._settings.unknown_kind_seconds
        return f"no version that runs here knows jobs of the kind {kind!r}; waited {seconds:g} s for one that does"
