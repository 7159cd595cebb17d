"""Jobs that were given up: looking at them, putting them back, throwing them away.

A letter lies in its partition's own stream, so it goes back to the jobs in one transaction, without the partition's
lease: putting back is taking over again, and whoever owns the partition reads it like any new job. It keeps its id and
goes on where its journal ends. The journal of a letter expires, and a job without one would do everything again: that
happens only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis
from redis.exceptions import WatchError

from chassis.errors import Aborted, FailedPrecondition, NotFound
from services.executor.jobs import keys
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import fields_of, job_of
from services.executor.jobs.settings import JobSettings

_MAX_RACES = 16


@dataclass(frozen=True)
class Letter:
    """A job that was given up."""

    partition: int
    entry_id: str
    job: Job
    reason: str
    time: float
    """When it was given up, in Unix seconds."""
    created_known: bool = True
    """Whether the job says when it was taken over; else it counts from when it was given up."""


class DeadLetters:
    """The dead letters of all partitions."""

    def __init__(self, client: redis.Redis, settings: JobSettings) -> None:
        self._redis: Any = client
        self._partitions = settings.partitions

    async def list(self) -> list[Letter]:
        """All of them, the oldest first."""
        found = [
            _letter(partition, entry_id.decode(), fields)
            for partition in range(self._partitions)
            for entry_id, fields in await self._redis.xrange(keys.dead(partition))
        ]
        return sorted(found, key=lambda letter: letter.time)

    async def find(self, job_id: str) -> Letter:
        """The letter of a job. Raises NotFound."""
        for letter in await self.list():
            if letter.job.job_id == job_id:
                return letter
        raise NotFound(f"no job {job_id} was given up", reason="JOB_NOT_FOUND")

    async def journal(self, letter: Letter) -> dict[str, bytes]:
        """What the job did before it was given up, the runner's own fields included; empty once that has expired."""
        fields = await self._redis.hgetall(keys.journal(letter.partition, letter.job.job_id))
        return {name.decode(): value for name, value in fields.items()}

    async def retry(self, job_id: str, *, anew: bool = False) -> None:
        """Puts a job back; it goes on where its journal ends, or from its beginning where `anew` is asked for.

        Raises NotFound; FailedPrecondition where the journal has expired and `anew` was not asked for.
        """
        letter = await self.find(job_id)
        journal = keys.journal(letter.partition, job_id)
        if not anew and not await self._redis.exists(journal):
            raise FailedPrecondition(
                f"what {job_id} did is not known any more, so it can only begin anew and may do things twice",
                reason="JOURNAL_EXPIRED",
            )

        def commands(pipe: Any) -> None:
            pipe.xadd(keys.stream(letter.partition), fields_of(letter.job))
            if anew:
                pipe.delete(journal)
            else:
                pipe.hset(journal, mapping={"_attempts": 0, "_waited": 0})
                pipe.persist(journal)

        await self._take(letter, commands)

    async def drop(self, job_id: str) -> None:
        """Throws a job away. Raises NotFound."""
        letter = await self.find(job_id)
        await self._take(letter, lambda pipe: pipe.delete(keys.journal(letter.partition, job_id)))

    async def _take(self, letter: Letter, commands: Callable[[Any], None]) -> None:
        """Removes a letter along with other commands, unless somebody else was quicker."""
        dead = keys.dead(letter.partition)
        async with self._redis.pipeline(transaction=True) as pipe:
            for _ in range(_MAX_RACES):
                await pipe.watch(dead)
                if not await pipe.xrange(dead, letter.entry_id, letter.entry_id):
                    raise NotFound(f"somebody else has taken {letter.job.job_id}", reason="JOB_NOT_FOUND")
                pipe.multi()
                commands(pipe)
                pipe.xdel(dead, letter.entry_id)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return
        raise Aborted("other jobs are being given up all the time; try again", reason="JOBS_BUSY")


def _letter(partition: int, entry_id: str, fields: Mapping[bytes, bytes]) -> Letter:
    # Earlier versions wrote neither when a job was taken over nor its trace into a letter.
    left_out = {b"created": fields[b"time"], b"trace": b"{}"}
    return Letter(
        partition=partition,
        entry_id=entry_id,
        job=job_of({**left_out, **fields}),
        created_known=b"created" in fields,
        reason=fields[b"reason"].decode(),
        time=float(fields[b"time"]),
    )
