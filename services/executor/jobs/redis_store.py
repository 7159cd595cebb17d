"""Jobs in Redis: taking over, reading, journalling, finishing. With `dead_letters`, which looks after jobs that were
given up, the only module that knows their commands.

A stream holds the jobs that are not done, so no consumer group is needed: a partition has one owner, which reads from
the beginning when it takes over and deletes each entry when it is done. Nothing is claimed by idle time.

Each write under a lease watches the partition's epoch: `WATCH epoch`, compare, `MULTI … EXEC`. An owner that was
replaced between the two finds its transaction refused (M. Kleppmann, "How to do distributed locking", on fencing).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError, WatchError

from chassis.clock import Clock
from services.executor.jobs import keys
from services.executor.jobs.model import Fence, Job, LeaseLost, partition_of
from services.executor.jobs.settings import JobSettings

_MAX_RACES = 16
_ATTEMPTS = "_attempts"
_WAITED = "_waited"


@dataclass(frozen=True)
class Entry:
    """A job with its place in a stream."""

    partition: int
    entry_id: str
    job: Job


@dataclass(frozen=True)
class Backlog:
    """What waits in some partitions."""

    pending: int
    """Jobs that are not done, those under way included."""
    dead: int
    """Jobs that were given up and are still kept."""
    oldest: float | None
    """When the oldest job that is not done was taken over, in Unix seconds."""


class JobStore:
    """The streams and journals of all partitions. Stateless: any number may use one Redis."""

    def __init__(self, client: redis.Redis, settings: JobSettings, clock: Clock) -> None:
        self._redis: Any = client
        self._settings = settings
        self._clock = clock
        # A watching transaction keeps a connection to itself; without a bound many jobs would empty the pool.
        self._transactions = asyncio.Semaphore(settings.transactions)

    def partition(self, key: str) -> int:
        """The partition of a key."""
        return partition_of(key, self._settings.partitions)

    async def submit(self, job: Job, *, event_id: int) -> tuple[str, bool]:
        """Takes a job over, durably; gives its id and whether the event had become a job before."""
        partition = self.partition(job.key)
        seen = keys.event(partition, event_id)
        async with self._transactions, self._redis.pipeline(transaction=True) as pipe:
            for _ in range(_MAX_RACES):
                await pipe.watch(seen)
                first = await pipe.get(seen)
                if first is not None:
                    return first.decode(), True
                pipe.multi()
                pipe.set(seen, job.job_id, ex=self._settings.event_ttl_seconds)
                pipe.xadd(keys.stream(partition), fields_of(job))
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return job.job_id, False
        raise RedisError("a submission lost every race for its event")

    async def read(self, cursors: Mapping[int, str], *, block_seconds: float, count: int = 64) -> list[Entry]:
        """The entries after each partition's cursor; waits up to `block_seconds` where there is none."""
        streams = {keys.stream(partition): cursor for partition, cursor in cursors.items()}
        names = {keys.stream(partition): partition for partition in cursors}
        reply = await self._redis.xread(streams, count=count, block=max(1, int(block_seconds * 1000)))
        rows = reply.items() if isinstance(reply, dict) else reply or ()
        return [
            _entry(names[name.decode()], entry_id.decode(), fields)
            for name, entries in rows
            for entry_id, fields in entries
        ]

    async def depth(self) -> dict[int, int]:
        """How many jobs of each partition are not done."""
        return {p: int(await self._redis.xlen(keys.stream(p))) for p in range(self._settings.partitions)}

    async def dead_count(self) -> int:
        """How many jobs were given up and are still kept."""
        return sum([int(await self._redis.xlen(keys.dead(p))) for p in range(self._settings.partitions)])

    async def backlog(self, partitions: Collection[int]) -> Backlog:
        """What waits in some partitions, at one look."""
        if not partitions:
            return Backlog(0, 0, None)
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.xlen(keys.stream(partition))
                pipe.xlen(keys.dead(partition))
                pipe.xrange(keys.stream(partition), count=1)
            found = await pipe.execute()
        first = [float(fields[b"created"]) for entries in found[2::3] for _, fields in entries]
        return Backlog(sum(found[0::3]), sum(found[1::3]), min(first, default=None))

    async def journal_of(self, key: str, job_id: str) -> dict[str, bytes]:
        """The journal of any job, for reading only."""
        return _decoded(await self._redis.hgetall(keys.journal(self.partition(key), job_id)))

    async def fenced(self, partition: int, fence: Fence, commands: Callable[[Any], None]) -> list[Any]:
        """Runs commands in one transaction, if the fence's epoch is the newest. Raises `LeaseLost` otherwise."""
        if fence.remaining() <= 0:
            raise LeaseLost(fence.name)
        epoch_key = keys.epoch(partition)
        async with self._transactions, self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(epoch_key)
            current = await pipe.get(epoch_key)
            if current is None or int(current) != fence.epoch:
                raise LeaseLost(fence.name)
            pipe.multi()
            commands(pipe)
            try:
                result: list[Any] = await pipe.execute()
            except WatchError:
                raise LeaseLost(fence.name) from None
            return result

    async def begin(self, entry: Entry, fence: Fence, *, forgiven: int = 0) -> int:
        """Counts an attempt; gives how many there were since the job last made progress, this one included.

        So many attempts are `forgiven` with it that ended through no fault of the job when nothing could be written.
        """
        name = keys.journal(entry.partition, entry.job.job_id)
        result = await self.fenced(entry.partition, fence, lambda pipe: pipe.hincrby(name, _ATTEMPTS, 1 - forgiven))
        return int(result[0])

    async def forgive(self, entry: Entry, fence: Fence) -> None:
        """Takes the last attempt off the count: it ended through no fault of the job."""
        name = keys.journal(entry.partition, entry.job.job_id)
        await self.fenced(entry.partition, fence, lambda pipe: pipe.hincrby(name, _ATTEMPTS, -1))

    async def waited(self, entry: Entry, fence: Fence, seconds: float) -> float:
        """Adds to how long a job has waited for a version that knows its kind; gives all of it."""
        name = keys.journal(entry.partition, entry.job.job_id)
        result = await self.fenced(entry.partition, fence, lambda pipe: pipe.hincrbyfloat(name, _WAITED, seconds))
        return float(result[0])

    async def finish(self, entry: Entry, fence: Fence) -> None:
        """Takes a job that is done out of its stream; its journal stays for a while."""

        def commands(pipe: Any) -> None:
            pipe.xdel(keys.stream(entry.partition), entry.entry_id)
            pipe.expire(keys.journal(entry.partition, entry.job.job_id), self._settings.journal_ttl_seconds)

        await self.fenced(entry.partition, fence, commands)

    async def bury(self, entry: Entry, fence: Fence, reason: str) -> None:
        """Moves a job that was given up to the dead letters."""

        def commands(pipe: Any) -> None:
            letter = {**fields_of(entry.job), "reason": reason, "time": repr(self._clock.now())}
            pipe.xadd(keys.dead(entry.partition), letter, maxlen=self._settings.dead_letters, approximate=True)
            pipe.xdel(keys.stream(entry.partition), entry.entry_id)
            pipe.expire(keys.journal(entry.partition, entry.job.job_id), self._settings.event_ttl_seconds)

        await self.fenced(entry.partition, fence, commands)

    def journal(self, entry: Entry, fence: Fence) -> RedisJournal:
        """The journal of a job for its owner."""
        return RedisJournal(self, entry, fence, self._redis.hgetall)


class RedisJournal:
    """A job's journal, one hash."""

    def __init__(
        self, store: JobStore, entry: Entry, fence: Fence, hgetall: Callable[[str], Awaitable[dict[bytes, bytes]]]
    ) -> None:
        self._store = store
        self._partition = entry.partition
        self._name = keys.journal(entry.partition, entry.job.job_id)
        self._fence = fence
        self._hgetall = hgetall

    @property
    def fence(self) -> Fence:
        """The lease under which the job runs."""
        return self._fence

    async def read(self) -> dict[str, bytes]:
        """All fields, without the runner's own."""
        return _decoded(await self._hgetall(self._name))

    async def write(self, fields: Mapping[str, bytes | str]) -> None:
        """Sets fields under the fence."""
        mapping = {**fields, _ATTEMPTS: 0}
        await self._store.fenced(self._partition, self._fence, lambda pipe: pipe.hset(self._name, mapping=mapping))


def _entry(partition: int, entry_id: str, fields: Mapping[bytes, bytes]) -> Entry:
    return Entry(partition=partition, entry_id=entry_id, job=job_of(fields))


def fields_of(job: Job) -> dict[str, str | bytes]:
    """A job as the fields of a stream's entry."""
    return {
        "job": job.job_id,
        "kind": job.kind,
        "key": job.key,
        "payload": job.payload,
        "created": repr(job.created),
        "trace": json.dumps(dict(job.trace)),
    }


def job_of(fields: Mapping[bytes, bytes]) -> Job:
    """The job of a stream's entry."""
    return Job(
        job_id=fields[b"job"].decode(),
        kind=fields[b"kind"].decode(),
        key=fields[b"key"].decode(),
        payload=fields[b"payload"],
        created=float(fields[b"created"]),
        trace=json.loads(fields[b"trace"]),
    )


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in fields.items() if not name.startswith(b"_")}
