"""One executor's job machinery inside a test, and a kind of job that does what the test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import redis.asyncio as redis

from chassis.clock import Clock, SystemClock
from chassis.ids import new_id
from services.executor.jobs.lease import LeaseKeeper
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.runner import JobRunner
from services.executor.jobs.settings import JobSettings

Body = Callable[[Job, Journal], Awaitable[None]]


class Scripted:
    """A kind of job whose body the test gives."""

    def __init__(self, body: Body, name: str = "scripted") -> None:
        self.name = name
        self._body = body
        self.given_up: list[tuple[str, str]] = []

    async def run(self, job: Job, journal: Journal) -> None:
        """Runs the test's body."""
        await self._body(job, journal)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Notes it."""
        self.given_up.append((job.job_id, reason))


@dataclass
class Worker:
    """A running executor."""

    runner: JobRunner
    keeper: LeaseKeeper
    tasks: list[asyncio.Task[None]]

    async def crash(self) -> None:
        """Stops as `kill -9` would: nothing is released, nothing is finished."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for partition in self.runner.partitions:
            await self.runner.lost(partition)


@contextlib.asynccontextmanager
async def worker(
    client: redis.Redis,
    settings: JobSettings,
    *kinds: Scripted,
    instance: str = "one",
    beating: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[Worker]:
    """Runs jobs until the block ends."""
    clock = clock or SystemClock()
    runner = JobRunner(JobStore(client, settings, clock), settings, clock, {kind.name: kind for kind in kinds})
    keeper = LeaseKeeper(client, settings, clock, instance_id=instance, holder=runner)
    work = [runner.read_forever()]
    if beating:
        work.append(runner.keep_leases(keeper))
    else:
        await keeper.beat()
    running = Worker(runner, keeper, [asyncio.create_task(one) for one in work])
    try:
        yield running
    finally:
        await running.crash()


def a_job(key: str = "k", *, kind: str = "scripted", payload: bytes = b"") -> Job:
    """A job to submit."""
    return Job(job_id=new_id(), kind=kind, key=key, payload=payload, created=1.0)
