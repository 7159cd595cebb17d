"""Jobs on a real Redis: deduplication, order, redelivery, fencing, dead letters."""

from __future__ import annotations

import asyncio
import itertools

import pytest
import redis.asyncio as redis
from redis import Redis as SyncRedis

from chassis.clock import SystemClock
from services.executor.jobs import keys
from services.executor.jobs.lease import Lease, LeaseKeeper
from services.executor.jobs.model import Job, Journal, LeaseLost, Postpone, partition_of
from services.executor.jobs.redis_store import Entry, JobStore
from services.executor.jobs.runner import JobRunner
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


async def test_an_event_becomes_one_job_however_often_it_comes(store: JobStore) -> None:
    answers = await asyncio.gather(*(store.submit(a_job("c"), event_id=7) for _ in range(10)))
    assert len({job_id for job_id, _ in answers}) == 1
    assert [duplicate for _, duplicate in answers].count(False) == 1
    assert sum((await store.depth()).values()) == 1


async def test_jobs_of_one_key_run_in_order_and_keys_side_by_side(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    started: list[tuple[str, bytes]] = []
    release = asyncio.Event()

    async def body(job: Job, journal: Journal) -> None:
        started.append((job.key, job.payload))
        await release.wait()

    names = [f"key-{number}" for number in range(8)]
    for event, (name, step) in enumerate(itertools.product(names, (b"1", b"2"))):
        await store.submit(a_job(name, payload=step), event_id=event)
    async with worker(client, job_settings, Scripted(body)):
        await eventually(lambda: len(started) == len(names))
        assert set(started) == {(name, b"1") for name in names}
        release.set()
        await eventually(lambda: len(started) == 2 * len(names))
        for name in names:
            assert [step for key, step in started if key == name] == [b"1", b"2"]
        await eventually(lambda: _empty(store))


async def test_a_job_goes_to_the_next_owner_when_the_lease_is_gone_and_not_before(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    runs: list[str] = []

    async def hang(job: Job, journal: Journal) -> None:
        await journal.write({"step": "begun"})
        runs.append("first")
        await asyncio.Event().wait()

    async def go_on(job: Job, journal: Journal) -> None:
        runs.append((await journal.read())["step"].decode())

    await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, Scripted(hang), instance="first") as first:
        await eventually(lambda: runs == ["first"])
        async with worker(client, job_settings, Scripted(go_on), instance="second"):
            # The first one lives and beats, so its job stays its own however long it takes.
            assert await client.exists(*(keys.lease(p) for p in first.runner.partitions))
            assert runs == ["first"]
            await first.crash()
            await eventually(lambda: runs == ["first", "begun"])
            await eventually(lambda: _empty(store))


async def test_an_owner_that_was_replaced_writes_nothing(client: redis.Redis, job_settings: JobSettings) -> None:
    clock = SystemClock()
    store = JobStore(client, job_settings, clock)
    job = a_job()
    entry = Entry(partition_of(job.key, 4), "1-1", job)
    await client.set(keys.epoch(entry.partition), 5)
    old = Lease(entry.partition, 4, clock.monotonic() + 100, clock)
    new = Lease(entry.partition, 5, clock.monotonic() + 100, clock)
    with pytest.raises(LeaseLost):
        await store.journal(entry, old).write({"a": "old"})
    with pytest.raises(LeaseLost):
        await store.finish(entry, old)
    await store.journal(entry, new).write({"a": "new"})
    assert await store.journal(entry, new).read() == {"a": b"new"}


async def test_an_owner_replaced_in_the_middle_of_a_write_writes_nothing(
    client: redis.Redis, store: JobStore, redis_url: str
) -> None:
    clock = SystemClock()
    await client.set(keys.epoch(0), 1)
    lease = Lease(0, 1, clock.monotonic() + 100, clock)

    def commands(pipe: redis.client.Pipeline) -> None:
        # The epoch has been compared by now; the next owner comes before the transaction is executed.
        with SyncRedis.from_url(redis_url) as other:
            other.incr(keys.epoch(0))
        pipe.set("executor:{p0}:x", "1")

    with pytest.raises(LeaseLost):
        await store.fenced(0, lease, commands)
    assert await client.get("executor:{p0}:x") is None


async def test_an_owner_whose_time_ran_out_stops_by_its_own_clock(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, clock: ManualClock
) -> None:
    stopped = asyncio.Event()
    started = asyncio.Event()

    async def hang(job: Job, journal: Journal) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, Scripted(hang), beating=False, clock=clock) as one:
        async with asyncio.timeout(30):
            await started.wait()
        lease = next(iter(one.keeper.held.values()))
        clock.advance(job_settings.lease_seconds)
        with pytest.raises(LeaseLost):
            await store.fenced(lease.partition, lease, lambda pipe: pipe.set("x", "1"))
        await one.keeper.beat()
        async with asyncio.timeout(30):
            await stopped.wait()


async def test_a_job_that_found_its_lease_gone_runs_again_though_the_lease_was_renewed(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    epochs: list[int] = []

    async def late(job: Job, journal: Journal) -> None:
        epochs.append(journal.fence.epoch)
        if len(epochs) == 1:
            # What a call raises that finds the time of its lease over, a moment before the renewal arrives.
            raise LeaseLost(journal.fence.name)

    await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, Scripted(late)):
        await eventually(lambda: _empty(store))
    assert epochs == [1, 2]


async def test_a_failing_job_is_given_up_after_its_attempts_and_is_kept_as_a_dead_letter(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    attempts = 0

    async def fail(job: Job, journal: Journal) -> None:
        nonlocal attempts
        attempts += 1
        raise RuntimeError("poison")

    kind = Scripted(fail)
    job_id, _ = await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, kind):
        await eventually(lambda: _empty(store))
    assert attempts == job_settings.max_attempts
    assert [given_up for given_up, _ in kind.given_up] == [job_id]
    assert await store.dead_count() == 1


async def test_progress_starts_the_attempts_anew(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    steps = 0

    async def slow(job: Job, journal: Journal) -> None:
        nonlocal steps
        steps += 1
        await journal.write({"step": str(steps)})
        if steps < job_settings.max_attempts * 2:
            raise RuntimeError("not yet")

    await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, Scripted(slow)):
        await eventually(lambda: _empty(store))
    assert await store.dead_count() == 0


async def test_waiting_for_something_that_is_away_is_no_failure(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    calls = 0

    async def wait(job: Job, journal: Journal) -> None:
        nonlocal calls
        calls += 1
        if calls <= job_settings.max_attempts * 3:
            raise Postpone(0.001, "llm is away")

    await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, Scripted(wait)):
        await eventually(lambda: _empty(store))
    assert await store.dead_count() == 0


async def test_a_job_in_which_something_was_cancelled_runs_again(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    attempts = 0

    async def cancelled_inside(job: Job, journal: Journal) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise asyncio.CancelledError

    await store.submit(a_job(), event_id=1)
    async with worker(client, job_settings, Scripted(cancelled_inside)):
        await eventually(lambda: _empty(store))
    assert attempts == 2


async def test_partitions_are_shared_out_and_given_back(client: redis.Redis, job_settings: JobSettings) -> None:
    async def nothing(job: Job, journal: Journal) -> None: ...

    async with worker(client, job_settings, Scripted(nothing), instance="one") as one:
        await eventually(lambda: len(one.keeper.held) == 4)
        async with worker(client, job_settings, Scripted(nothing), instance="two") as two:
            await eventually(lambda: (len(one.keeper.held), len(two.keeper.held)) == (2, 2))
            assert not set(one.keeper.held) & set(two.keeper.held)
            await two.keeper.release_all()
            await two.crash()
            await eventually(lambda: len(one.keeper.held) == 4)


async def test_a_stopping_owner_leaves_its_partitions_to_the_next_at_once(
    client: redis.Redis, job_settings: JobSettings
) -> None:
    clock = SystemClock()
    settings = job_settings.model_copy(update={"lease_seconds": 600.0})
    store = JobStore(client, settings, clock)
    for instance in ("one", "two"):
        runner = JobRunner(store, settings, clock, {})
        keeper = LeaseKeeper(client, settings, clock, instance_id=instance, holder=runner)
        await keeper.beat()
        assert len(keeper.held) == settings.partitions
        await keeper.release_all()
        assert not keeper.held
    assert {int(await client.get(keys.epoch(p)) or 0) for p in range(settings.partitions)} == {2}


async def test_what_is_done_leaves_the_stream(client: redis.Redis, store: JobStore, job_settings: JobSettings) -> None:
    async def body(job: Job, journal: Journal) -> None:
        await journal.write({"done": "yes"})

    job = a_job("key")
    await store.submit(job, event_id=1)
    async with worker(client, job_settings, Scripted(body)):
        await eventually(lambda: _empty(store))
    assert await store.journal_of("key", job.job_id) == {"done": b"yes"}
    assert 0 < await client.ttl(keys.journal(store.partition("key"), job.job_id)) <= job_settings.journal_ttl_seconds


async def _empty(store: JobStore) -> bool:
    return sum((await store.depth()).values()) == 0
