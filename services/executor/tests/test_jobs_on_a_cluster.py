"""Jobs on a real Redis Cluster of three nodes: each partition's keys stand in one slot."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from chassis.clock import SystemClock
from chassis.redis_clients import connect
from chassis.settings.shared import Redis as RedisSettings
from chassis.settings.shared import SecretUrl
from services.executor.jobs.dead_letters import DeadLetters
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from tests.support.redis_process import RedisProcess, redis_binary
from tests.support.waiting import eventually, free_port

SLOTS = 16_384
_VERSION = subprocess.run([redis_binary(), "--version"], capture_output=True, text=True, check=True).stdout

pytestmark = pytest.mark.skipif(
    int(_VERSION.partition("v=")[2].partition(".")[0]) < 7, reason="a cluster on free ports needs Redis 7 or newer"
)


@pytest.fixture
async def cluster() -> AsyncIterator[str]:
    """The address of one node of a cluster without replicas."""
    # By default a node's second port lies 10,000 above its first, which may be more than there are.
    buses = [free_port() for _ in range(3)]
    nodes = [
        RedisProcess(*("--cluster-enabled", "yes", "--cluster-port", str(bus)), *("--save", "", "--appendonly", "no"))
        for bus in buses
    ]
    for node in nodes:
        node.start()
    clients: list[Any] = [redis.Redis.from_url(node.url) for node in nodes]
    bounds = [index * SLOTS // 3 for index in range(4)]
    for client, first, last in zip(clients, bounds, bounds[1:], strict=False):
        client.execute_command("CLUSTER ADDSLOTSRANGE", first, last - 1)
        client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port, buses[0])

    def joined() -> bool:
        return all(
            info["cluster_state"] == "ok" and info["cluster_known_nodes"] == "3"
            for info in (client.execute_command("CLUSTER INFO") for client in clients)
        )

    try:
        await eventually(joined, timeout=30)
        yield nodes[0].url
    finally:
        for client in clients:
            client.close()
        for node in nodes:
            node.close()


async def test_jobs_are_run_given_up_and_put_back(cluster: str, job_settings: JobSettings) -> None:
    settings = job_settings.model_copy(update={"streams_per_read": 1})
    client = connect(cluster, RedisSettings(url=SecretUrl(cluster), cluster=True))
    store = JobStore(client, settings, SystemClock())
    done: list[str] = []

    async def body(job: Job, journal: Journal) -> None:
        if job.payload == b"poison":
            raise RuntimeError("poison")
        await journal.write({"step": "one"})
        done.append(job.key)

    names = [f"key-{number}" for number in range(16)]
    assert len({store.partition(name) for name in names}) == settings.partitions
    for event, name in enumerate(names):
        await store.submit(a_job(name), event_id=event)
    poison = a_job("poison", payload=b"poison")
    await store.submit(poison, event_id=99)
    async with worker(client, settings, Scripted(body)) as running:
        await eventually(lambda: sorted(done) == sorted(names))
        await eventually(lambda: _dead(store, 1))
        backlog = await store.backlog(running.runner.partitions)
        assert (backlog.pending, backlog.dead) == (0, 1)
    await DeadLetters(client, settings).retry(poison.job_id)
    assert (await store.backlog(range(settings.partitions))).pending == 1
    await client.aclose()


async def _dead(store: JobStore, count: int) -> bool:
    return await store.dead_count() == count
