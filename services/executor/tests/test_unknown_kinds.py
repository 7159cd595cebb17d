"""Old and new executors side by side: a job that only the newer one knows waits for it."""

from __future__ import annotations

import redis.asyncio as redis

from services.executor.jobs.dead_letters import DeadLetters
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from tests.support.waiting import eventually


class Done:
    """Notes the jobs that ran."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    async def __call__(self, job: Job, journal: Journal) -> None:
        self.jobs.append(job.job_id)


async def _waits(client: redis.Redis, store: JobStore, job: Job) -> bool:
    journal = await client.hgetall(f"executor:{{p{store.partition(job.key)}}}:job:{job.job_id}")
    return float(journal.get(b"_waited", 0)) > 0


async def test_it_waits_in_its_order_and_holds_up_no_other_key(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    of_tomorrow, behind, beside = a_job("k", kind="of-tomorrow"), a_job("k"), a_job("other")
    assert store.partition("k") != store.partition("other")
    for event, job in enumerate((of_tomorrow, behind, beside)):
        await store.submit(job, event_id=event)
    old, new = Done(), Done()
    one_slot = job_settings.model_copy(update={"max_running": 1})
    async with worker(client, one_slot, Scripted(old), instance="old") as running:
        await eventually(lambda: old.jobs == [beside.job_id])
        await eventually(lambda: _waits(client, store, of_tomorrow))
        # It does not keep an executor from stopping, nor a partition from being given to another.
        assert running.runner.idle(store.partition("k"))
        await running.runner.drain()
        await running.keeper.release_all()
    assert await store.dead_count() == 0
    async with worker(client, job_settings, Scripted(new), Scripted(new, "of-tomorrow"), instance="new"):
        await eventually(lambda: new.jobs == [of_tomorrow.job_id, behind.job_id])


async def test_an_executor_that_comes_along_is_given_its_partition(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    new = Done()
    waiting = [a_job(f"k{number}", kind="of-tomorrow") for number in range(16)]
    for event, job in enumerate(waiting):
        await store.submit(job, event_id=event)
    async with worker(client, job_settings, Scripted(Done()), instance="old") as old:
        await eventually(lambda: len(old.runner.partitions) == job_settings.partitions)
        async with worker(client, job_settings, Scripted(new, "of-tomorrow"), instance="new") as newer:
            await eventually(lambda: len(newer.runner.partitions) == job_settings.partitions // 2)
            await old.keeper.release_all()
            await eventually(lambda: sorted(new.jobs) == sorted(job.job_id for job in waiting))
    assert await store.dead_count() == 0


async def test_it_is_given_up_after_a_while_through_whatever_hands_it_went_and_can_be_put_back(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    brief = job_settings.model_copy(update={"unknown_kind_seconds": 0.2})
    of_tomorrow, behind = a_job("k", kind="of-tomorrow"), a_job("k")
    await store.submit(of_tomorrow, event_id=1)
    await store.submit(behind, event_id=2)
    old, new = Done(), Done()
    async with worker(client, brief, Scripted(old), instance="first") as first:
        await eventually(lambda: _waits(client, store, of_tomorrow))
        await first.keeper.release_all()
    async with worker(client, brief, Scripted(old), instance="second"):
        await eventually(lambda: old.jobs == [behind.job_id])
    letters = DeadLetters(client, job_settings)
    (letter,) = await letters.list()
    assert letter.job == of_tomorrow
    assert letter.reason == (
        "no version that runs here knows jobs of the kind 'of-tomorrow'; waited 0.2 s for one that does"
    )
    await letters.retry(of_tomorrow.job_id)
    # It waits anew where only older ones run, and is done by a newer one.
    async with worker(client, job_settings, Scripted(old), instance="third") as third:
        await eventually(lambda: _waits(client, store, of_tomorrow))
        await third.keeper.release_all()
    async with worker(client, job_settings, Scripted(new, "of-tomorrow"), instance="fourth"):
        await eventually(lambda: new.jobs == [of_tomorrow.job_id])
    assert await store.dead_count() == 0
