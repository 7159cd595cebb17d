"""A wall clock that is set forward or back while things are under way; clocks are injected, nothing else is."""

from __future__ import annotations

import asyncio

import grpc
import pytest
import redis.asyncio as redis
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.caller import Caller
from chassis.caller_signing import Signer, Verifier
from chassis.clock import SystemClock
from chassis.redis_clients import connect
from chassis.rpc.channel import open_channel
from chassis.rpc.health import Health
from chassis.rpc.server import Server
from chassis.settings.shared import Redis as RedisSettings
from chassis.settings.shared import Rpc
from chassis.testing import TestKeys, channel_to, running_service
from chassis.tests.echo import Echo, EchoStub, add_to_server, text
from services.executor.jobs import keys
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from services.ratelimit.app import build as build_ratelimit
from services.ratelimit.settings import RatelimitSettings
from tests.support.waiting import eventually

HOUR = 3600.0
SETTINGS = JobSettings(
    partitions=2, lease_seconds=2.0, heartbeat_seconds=0.2, read_block_seconds=0.05, backoff_seconds=0.01
)


class SteppedClock(SystemClock):
    """This machine's clock, corrected by hand as NTP or an operator would; the monotonic clock knows nothing of it."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_jobs_run_once_and_leases_stay(redis_url: str, step: float) -> None:
    client: redis.Redis = connect(redis_url, RedisSettings())
    clock = SteppedClock()
    store = JobStore(client, SETTINGS, clock)
    ran: list[str] = []
    stepped = asyncio.Event()

    async def body(job: Job, journal: Journal) -> None:
        await journal.write({"step": "begun"})
        await stepped.wait()
        await journal.write({"step": "done"})  # refused, had the lease been reckoned lost
        ran.append(job.job_id)

    before = [a_job(f"before-{number}") for number in range(4)]
    after = [a_job(f"after-{number}") for number in range(4)]
    try:
        async with worker(client, SETTINGS, Scripted(body), clock=clock) as running:
            for number, job in enumerate(before):
                await store.submit(job, event_id=number)
            await eventually(lambda: running.runner.running == len(before))
            epochs = [await client.get(keys.epoch(partition)) for partition in range(SETTINGS.partitions)]
            clock.offset += step
            stepped.set()
            for number, job in enumerate(after):
                await store.submit(job, event_id=100 + number)
            await eventually(lambda: len(ran) == len(before) + len(after))
            await asyncio.sleep(SETTINGS.lease_seconds)  # as long as a lease that is not renewed would last
            assert epochs == [await client.get(keys.epoch(partition)) for partition in range(SETTINGS.partitions)]
        assert sorted(ran) == sorted(job.job_id for job in (*before, *after))
    finally:
        await client.aclose()


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_limits_are_counted_by_the_stores_clock(redis_url: str, step: float) -> None:
    clock = SteppedClock()
    few = '{"algorithm": "token_bucket", "by": ["person"], "capacity": 3, "rate": 3, "per": "1h"}'
    variables = {"REDIS_URL": redis_url, "GUILDHALL_LIMITS__POLICIES__FEW": few}
    request = ratelimit_pb2.AcquireRequest(
        subject=ratelimit_pb2.Subject(user_id=7), charges=[ratelimit_pb2.Charge(limit="few")]
    )
    async with running_service(
        "ratelimit", RatelimitSettings, build_ratelimit, variables=variables, clock=clock
    ) as service:

        async def allowed(number: int) -> bool:
            request.request_id = f"try-{step}-{number}"
            # The caller's own clock is right; only the service's is set.
            async with channel_to(service.address, Caller("gateway"), audience="ratelimit") as channel:
                stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)
                return bool((await stub.Acquire(request, timeout=5)).allowed)

        assert [await allowed(number) for number in range(4)] == [True, True, True, False]
        clock.offset += step
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await allowed(4)  # an hour apart, neither side can say whether a Caller is fresh
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        clock.offset = 4.0 if step > 0 else -4.0  # what `callers.clock_skew` bears
        assert await allowed(5) is False


async def test_a_service_whose_clock_is_right_again_is_believed_again() -> None:
    clock = SteppedClock()
    server = Server(Rpc(), Verifier("test", TestKeys(), SystemClock(), clock_skew=5.0), Health())
    server.registrar.add(add_to_server, Echo(), None)
    await server.start(0)
    channel = open_channel(f"127.0.0.1:{server.port}", "test", Signer("gateway", TestKeys(), clock))
    try:
        stub = EchoStub(channel)
        await stub.Unary(text(), timeout=5)
        clock.offset = -HOUR
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Unary(text(), timeout=5)
        clock.offset = 0.0
        await stub.Unary(text(), timeout=5)
    finally:
        await channel.close()
        await server.stop(0)
