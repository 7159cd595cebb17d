"""Jobs wait for a store that takes nothing for a while, whatever of theirs cannot be written, and are done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio as redis

from chassis.clock import SystemClock
from chassis.redis_clients import connect
from chassis.redis_outage import is_outage
from chassis.settings.shared import Redis as RedisSettings
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from tests.support.redis_full import FULL
from tests.support.redis_process import RedisProcess
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def own_server() -> Iterator[RedisProcess]:
    """A server that nobody else needs room in."""
    server = RedisProcess()
    server.start()
    yield server
    server.close()


@pytest.fixture
async def own_client(own_server: RedisProcess) -> AsyncIterator[redis.Redis]:
    """As a service has one."""
    client = connect(own_server.url, RedisSettings())
    await client.flushall()
    yield client
    await client.aclose()


@pytest.mark.parametrize("what", sorted(FULL))
async def test_a_job_waits_for_room(
    own_server: RedisProcess, own_client: redis.Redis, job_settings: JobSettings, what: str
) -> None:
    # A lease that could not be renewed ends the attempt that was under way, and that one counts; no other may.
    settings = job_settings.model_copy(update={"max_attempts": 2 if what == "disk" else 1})
    store = JobStore(own_client, settings, SystemClock())
    begun, full = asyncio.Event(), asyncio.Event()
    refusals: list[BaseException] = []
    done: list[str] = []

    async def body(job: Job, journal: Journal) -> None:
        begun.set()
        await full.wait()
        try:
            await journal.write({"step": "done"})
        except redis.RedisError as error:
            refusals.append(error)
            raise
        done.append(job.key)

    kind = Scripted(body)
    async with worker(own_client, settings, kind):
        await store.submit(a_job("first"), event_id=1)
        await begun.wait()
        async with FULL[what](own_server):
            with pytest.raises(redis.RedisError):
                await store.submit(a_job("refused"), event_id=2)
            full.set()
            await eventually(lambda: refusals)
            assert not done
        await store.submit(a_job("second"), event_id=3)
        await eventually(lambda: sorted(done) == ["first", "second"])

        async def finished() -> bool:
            return sum((await store.depth()).values()) == 0

        await eventually(finished)
    assert all(is_outage(error) for error in refusals)
    assert kind.given_up == []
    assert await store.dead_count() == 0
