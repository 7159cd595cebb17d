"""Runs jobs: each key in order, keys side by side, under the leases that this process holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.redis_outage import is_outage
from chassis.telemetry import consumer_span
from services.executor.jobs.lease import Lease, LeaseKeeper
from services.executor.jobs.model import Gathering, Job, JobKind, Journal, LeaseLost, Postpone, Queueing
from services.executor.jobs.redis_store import Entry, JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.jobs.slots import Slots, Ticket
from services.executor.jobs.unknown import UnknownKinds

_log = structlog.get_logger(__name__)


@dataclass
class _Partition:
    """What runs and waits in one leased partition."""

    lease: Lease
    cursor: str = "0-0"
    waiting: dict[str, deque[Entry]] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """The keys whose next job only another version knows: nothing is under way there."""

    def under_way(self) -> list[asyncio.Task[None]]:
        """What does something that should come to its end."""
        return [task for key, task in self.tasks.items() if key not in self.unknown]


class JobRunner:
    """Reads the streams of the partitions that are leased and runs what is in them. Is a `Holder`."""

    def __init__(self, store: JobStore, settings: JobSettings, clock: Clock, kinds: Mapping[str, JobKind]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._kinds = dict(kinds)
        self._partitions: dict[int, _Partition] = {}
        self._slots = Slots(settings.max_running, clock)
        self._unknown = UnknownKinds(store, settings)
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def running(self) -> int:
        """How many keys have a job under way or waiting."""
        return sum(len(partition.tasks) for partition in self._partitions.values())

    @property
    def partitions(self) -> list[int]:
        """The partitions that are held."""
        return sorted(self._partitions)

    def gained(self, lease: Lease) -> None:
        """Starts on a partition from the beginning of its stream."""
        self._partitions[lease.partition] = _Partition(lease)
        self._changed.set()

    async def lost(self, partition: int) -> None:
        """Stops everything in a partition."""
        gone = self._partitions.pop(partition, None)
        if gone is None:
            return
        tasks = list(gone.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def idle(self, partition: int) -> bool:
        """Whether nothing is under way there."""
        held = self._partitions.get(partition)
        return held is None or not held.under_way()

    async def keep_leases(self, keeper: LeaseKeeper) -> None:
        """Beats until cancelled."""
        while True:
            await keeper.beat()
            await asyncio.sleep(self._settings.heartbeat_seconds)

    async def read_forever(self) -> None:
        """Reads every held partition until cancelled."""
        per_read = self._settings.streams_per_read
        groups = [
            range(i, min(i + per_read, self._settings.partitions))
            for i in range(0, self._settings.partitions, per_read)
        ]
        async with asyncio.TaskGroup() as readers:
            for group in groups:
                readers.create_task(self._follow(group))

    async def drain(self) -> None:
        """Takes on nothing more and lets what runs go on for a while."""
        self._stopping = True
        tasks = [task for held in self._partitions.values() for task in held.under_way()]
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_seconds)

    async def _follow(self, group: range) -> None:
        pause = self._settings.backoff_seconds
        while not self._stopping:
            held = {p: self._partitions[p] for p in group if p in self._partitions}
            if not held:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                entries = await self._store.read(
                    {p: partition.cursor for p, partition in held.items()},
                    block_seconds=self._settings.read_block_seconds,
                )
            except RedisError as error:
                if not is_outage(error):
                    raise
                _log.warning("jobs.unreachable", error=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                continue
            for entry in entries:
                # The partition may have been lost, or lost and won anew, while the read was under way.
                if self._partitions.get(entry.partition) is held[entry.partition]:
                    self._enqueue(held[entry.partition], entry)

    def _enqueue(self, partition: _Partition, entry: Entry) -> None:
        partition.cursor = entry.entry_id
        key = entry.job.key
        partition.waiting.setdefault(key, deque()).append(entry)
        if key not in partition.tasks:
            partition.tasks[key] = asyncio.create_task(self._run_key(partition, key), name=f"key {key}")

    async def _run_key(self, partition: _Partition, key: str) -> None:
        queue = partition.waiting[key]
        try:
            while queue and not self._stopping:
                if queue[0].job.kind not in self._kinds:
                    partition.unknown.add(key)
                    await self._unknown.wait(queue[0], partition.lease)
                    partition.unknown.discard(key)
                    queue.popleft()
                    continue
                ticket = self._slots.enter()
                try:
                    if not ticket.granted.is_set():
                        await self._wait(ticket, queue[0], partition.lease)
                    done = await self._run(partition.lease, list(queue))
                finally:
                    self._slots.leave(ticket)
                for _ in range(done):
                    queue.popleft()
        except LeaseLost:
            # A renewal under way could bring the lease back to life, and the job would wait in a partition whose cursor
            # is past it. A lease of its own begins with the whole stream.
            partition.lease.revoke()
            _log.info("job.lease_lost", key=key, partition=partition.lease.partition)
        finally:
            partition.tasks.pop(key, None)
            partition.waiting.pop(key, None)
            partition.unknown.discard(key)

    async def _wait(self, ticket: Ticket, entry: Entry, lease: Lease) -> None:
        """Waits for a slot, and lets the job's kind tell from time to time at which place."""
        kind, told = self._kinds[entry.job.kind], 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.place_seconds):
                    await ticket.granted.wait()
            place = self._slots.place(ticket)
            if not place:
                return
            if place == told or not isinstance(kind, Queueing):
                continue
            try:
                await kind.queued(entry.job, self._store.journal(entry, lease), place, self._slots.expected(ticket))
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001  a courtesy: the job itself is not touched by it
                _log.warning("job.place_not_told", job_id=entry.job.job_id, error=repr(error))
            told = place

    async def _run(self, lease: Lease, queue: Sequence[Entry]) -> int:
        """Runs the first job until it is done or given up, with those that it does along; gives how many are done."""
        entry = queue[0]
        job = entry.job
        kind = self._kinds[job.kind]
        log = _log.bind(job_id=job.job_id, kind=job.kind, key=job.key, epoch=lease.epoch)
        journal = self._store.journal(entry, lease)
        owed = 0
        while True:
            attempts = 0
            try:
                attempts = await self._store.begin(entry, lease, forgiven=owed)
                owed = 0
                if attempts > self._settings.max_attempts:
                    await self._bury(kind, entry, lease, f"{attempts - 1} attempts without progress")
                    return 1
                along = self._along(kind, queue)
                with consumer_span(f"executor.{job.kind}", job.trace, redelivered=attempts > 1):
                    await self._do(kind, job, [other.job for other in along], journal)
                    log.info("job.done", attempt=attempts, seconds=round(self._clock.now() - job.created, 3))
                # The first comes last: while it stands in the stream, its journal says that the others are done too.
                for each in (*along, entry):
                    await self._store.finish(each, lease)
            except (LeaseLost, asyncio.CancelledError):
                raise
            except Postpone as later:
                log.info("job.postponed", why=str(later), after=later.after)
                owed += not await self._forgive(entry, lease)
                await asyncio.sleep(later.after)
            except Exception as error:
                if isinstance(error, Unavailable) or is_outage(error):
                    log.warning("job.dependency_away", error=str(error))
                    # Where not even the attempt was counted, there is nothing to forgive.
                    owed += attempts > 0 and not await self._forgive(entry, lease)
                    await asyncio.sleep(self._pause(1))
                else:
                    log.exception("job.failed", attempt=attempts, error=str(error))
                    await asyncio.sleep(self._pause(attempts))
            else:
                return 1 + len(along)

    @staticmethod
    async def _do(kind: JobKind, job: Job, along: Sequence[Job], journal: Journal) -> None:
        try:
            if along and isinstance(kind, Gathering):
                await kind.run_gathered(job, along, journal)
            else:
                await kind.run(job, journal)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something in the job was cancelled, not the job: it would wait for the next owner if it counted as ended.
            raise RuntimeError("something in the job was cancelled") from error

    @staticmethod
    def _along(kind: JobKind, queue: Sequence[Entry]) -> Sequence[Entry]:
        """The entries that the first one's kind does along with it."""
        if not isinstance(kind, Gathering) or len(queue) < 2:
            return ()
        return queue[1 : 1 + kind.gathers(queue[0].job, [entry.job for entry in queue[1:]])]

    async def _forgive(self, entry: Entry, lease: Lease) -> bool:
        """Takes the attempt off the count; whether that could be written."""
        try:
            await self._store.forgive(entry, lease)
        except RedisError as error:
            _log.warning("job.attempt_not_forgiven", job_id=entry.job.job_id, error=str(error))
            return False
        return True

    async def _bury(self, kind: JobKind, entry: Entry, lease: Lease, reason: str) -> None:
        _log.error("job.given_up", job_id=entry.job.job_id, kind=entry.job.kind, reason=reason)
        try:
            await kind.give_up(entry.job, self._store.journal(entry, lease), reason)
        except LeaseLost:
            raise
        except Exception:  # noqa: BLE001  telling the person is the last thing that can be tried
            _log.exception("job.give_up_failed", job_id=entry.job.job_id)
        await self._store.bury(entry, lease, reason)

    def _pause(self, attempt: int) -> float:
        return min(self._settings.backoff_seconds * 2.0 ** max(0, attempt - 1), self._settings.max_backoff_seconds)
