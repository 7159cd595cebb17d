"""Jobs about the board, each submitted once for whatever it comes of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.telemetry.propagation import producer_span
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore

Leads = Callable[[], bool]


class Submitter:
    """Submits jobs under names; a name that was used before makes no second job."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def submit(self, kind: str, key: str, payload: str, name: str) -> None:
        """Puts a job on disk."""
        now = self._clock.now()
        carrier: dict[str, str] = {}
        with producer_span(f"executor.{kind}", carrier):
            job = Job(job_id=new_id(now), kind=kind, key=key, payload=payload.encode(), created=now, trace=carrier)
            await self._store.submit(job, event_id=event_number(name))


def event_number(name: str) -> int:
    """What a submission is deduplicated by: the same for the same name, always."""
    return int.from_bytes(hashlib.blake2b(f"board/{name}".encode(), digest_size=8).digest())
