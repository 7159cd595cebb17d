"""What happens while the store is away, and when it is back."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import redis
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import discord_pb2
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb

from chassis.errors import Unavailable, from_rpc_error
from services.ratelimit.tests.conftest import Start
from tests.support import eventually
from tests.support.redis_process import RedisProcess

WINDOW = {"algorithm": "sliding_window", "by": ["person"], "window": "1h"}
LIMITS: dict[str, Any] = {
    "policies": {
        "closed": WINDOW | {"limit": 5, "on_outage": "closed"},
        "open": WINDOW | {"limit": 5, "on_outage": "open"},
        "shared": WINDOW | {"limit": 10, "on_outage": "share", "share": 0.5},
    },
    "groups": {},
}


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    server = RedisProcess("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
    server.start()
    yield server
    server.close()


def acquire(name: str, cost: int = 1) -> pb.AcquireRequest:
    return pb.AcquireRequest(subject=pb.Subject(user_id=7), charges=[pb.Charge(limit=name, cost=cost)])


async def test_each_policy_decides_what_happens_without_the_store(start: Start, own_redis: RedisProcess) -> None:
    identify = discord_pb2.AcquireIdentifyRequest(
        credential="100", max_concurrency=1, remaining=1000, reset_after=Duration(seconds=60)
    )
    rest = discord_pb2.AcquireRestRequest(
        credential="100", method="POST", route="/channels/{channel_id}/messages", major="channels/1"
    )
    async with start(LIMITS, {"store": {"probe_interval": 0.05}}, url=own_redis.url) as (limits, discord):
        assert (await limits.Acquire(acquire("shared"), timeout=5)).allowed
        own_redis.kill()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await limits.Acquire(acquire("closed"), timeout=5)
        error = from_rpc_error(caught.value)
        assert isinstance(error, Unavailable)
        assert error.reason == "STORE_UNAVAILABLE"
        assert error.retry_after
        opened = await limits.Acquire(acquire("open"), timeout=5)
        assert opened.allowed
        assert opened.limits[0].degraded
        shared = [await limits.Acquire(acquire("shared"), timeout=5) for _ in range(7)]
        assert [answer.allowed for answer in shared] == [True] * 5 + [False] * 2
        assert not (await discord.AcquireIdentify(identify, timeout=5)).allowed
        permit = await discord.AcquireRest(rest, timeout=5)
        assert permit.permit.permit_id
        assert (await discord.AcquireRest(rest, timeout=5)).refusal.reason == discord_pb2.REST_REFUSAL_REASON_LIMITED
        await discord.ReportRest(
            discord_pb2.ReportRestRequest(permit_id=permit.permit.permit_id, status=200), timeout=5
        )

        own_redis.start()

        async def back() -> bool:
            answer = await limits.Acquire(acquire("open"), timeout=5)
            return not answer.limits[0].degraded

        await eventually(back)
        # What was given out meanwhile is charged: one before the outage and five during it.
        after = await limits.Peek(
            pb.PeekRequest(subject=pb.Subject(user_id=7), charges=[pb.Charge(limit="shared")]), timeout=5
        )
        assert after.limits[0].remaining in (4, 5)  # everysec may lose the one charge before the kill


async def test_a_shadow_of_a_closed_limit_denies_nobody_while_the_store_is_away_and_says_that_it_would(
    start: Start, own_redis: RedisProcess
) -> None:
    limits_ = {
        "policies": {
            "tried": WINDOW | {"limit": 5, "mode": "shadow"},
            "tried_share": WINDOW | {"limit": 2, "mode": "shadow", "on_outage": "share"},
            "open": WINDOW | {"limit": 5, "on_outage": "open"},
        },
        "groups": {"all": ["tried", "tried_share", "open"]},
    }
    async with start(limits_, url=own_redis.url) as (limits, _):
        assert (await limits.Acquire(acquire("all"), timeout=5)).allowed
        own_redis.kill()
        answers = [await limits.Acquire(acquire("all"), timeout=5) for _ in range(2)]
        assert [answer.allowed for answer in answers] == [True, True]
        told = [[(state.limit, state.allowed, state.shadow) for state in answer.limits] for answer in answers]
        assert told[0] == [("tried", False, True), ("tried_share", True, True), ("open", True, False)]
        assert told[1] == [("tried", False, True), ("tried_share", False, True), ("open", True, False)]


async def test_a_reservation_without_the_store_is_the_policys_matter_too(start: Start, own_redis: RedisProcess) -> None:
    async with start(LIMITS, url=own_redis.url) as (limits, _):
        assert (await limits.Acquire(acquire("shared"), timeout=5)).allowed
        own_redis.kill()
        reserve = pb.ReserveRequest(request_id="a", subject=pb.Subject(user_id=7), charges=[pb.Charge(limit="open")])
        held = await limits.Reserve(reserve, timeout=5)
        assert held.allowed
        await limits.Extend(pb.ExtendRequest(reservation=held.reservation), timeout=5)
        await limits.Settle(pb.SettleRequest(reservation=held.reservation), timeout=5)
        reserve.charges[0].limit = "closed"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await limits.Reserve(reserve, timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_forgotten_scripts_are_noticed_by_nobody(start: Start, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with start({"policies": {"many": WINDOW | {"limit": 10_000}}, "groups": {}}) as (limits, _):
            stop = asyncio.Event()

            async def flush() -> None:
                while not stop.is_set():
                    await asyncio.to_thread(client.script_flush)

            flushing = asyncio.create_task(flush())
            answers = await asyncio.gather(*(limits.Acquire(acquire("many"), timeout=10) for _ in range(200)))
            stop.set()
            await flushing
            assert all(answer.allowed for answer in answers)
            assert {answer.limits[0].degraded for answer in answers} == {False}
            assert min(answer.limits[0].remaining for answer in answers) == 9_800
