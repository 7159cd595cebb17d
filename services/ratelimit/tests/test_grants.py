"""Wider limits for single people: who may give them, where and how long they hold, and that nobody else gains."""

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb
from redis.asyncio import Redis

from chassis.caller import Caller, Person
from chassis.clock import SystemClock
from chassis.errors import FailedPrecondition, GuildhallError, from_rpc_error
from chassis.redis_connections import cancellable
from services.ratelimit.algorithms import CalendarQuota, Concurrency, SlidingWindow, TokenBucket
from services.ratelimit.grant_store import GrantStore
from services.ratelimit.grants import Grant, Grants, widen
from services.ratelimit.tests.conftest import Start
from tests.support import eventually
from tests.support.clock import ManualClock

LIMITS: dict[str, Any] = {
    "policies": {
        "few": {"algorithm": "sliding_window", "by": ["person"], "limit": 2, "window": "1h"},
        "burst": {"algorithm": "token_bucket", "by": ["person"], "capacity": 2, "rate": 1, "per": "1h"},
        "shared": {"algorithm": "calendar", "by": ["guild"], "limit": 1000, "period": "day"},
    },
    "groups": {"all": ["few", "burst", "shared"]},
    "operators": [99],
}
ADMIN = Caller("gateway", Person(user_id=1, guild_id=5, permissions=1 << 5))
OPERATOR = Caller("gateway", Person(user_id=99, guild_id=6))
MEMBER = Caller("gateway", Person(user_id=7, guild_id=5))


def grant(*limits: str, guild: int = 5, user: int = 7, times: int = 3, seconds: float = 60.0) -> pb.GrantRequest:
    until = Timestamp()
    until.FromNanoseconds(round((SystemClock().now() + seconds) * 1e9))
    subject = pb.Subject(guild_id=guild, user_id=user)
    return pb.GrantRequest(subject=subject, limits=limits, times=times, until=until, reason="an event")


async def capacity(limits: Any, limit: str, *, guild: int = 5, user: int = 7) -> int:
    answer = await limits.Peek(
        pb.PeekRequest(subject=pb.Subject(guild_id=guild, user_id=user), charges=[pb.Charge(limit=limit)]), timeout=5
    )
    return int(answer.limits[0].capacity)


async def refused(call: Any) -> GuildhallError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_what_is_kept_of_grants_goes_by_itself(start: Start, redis_url: str) -> None:
    async with start(LIMITS, caller=ADMIN) as (limits, _), cancellable(Redis.from_url(redis_url)) as redis:
        await limits.Grant(grant("few"), timeout=5)
        keys = [key async for key in redis.scan_iter("*grants*")]
        assert len(keys) == 2
        assert all([await redis.ttl(key) > 60 for key in keys])


async def test_a_person_can_do_more_and_nobody_else(start: Start) -> None:
    async with start(LIMITS, caller=ADMIN) as (limits, _):
        assert list((await limits.Grant(grant("all"), timeout=5)).limits) == ["few", "burst"]
        assert (await capacity(limits, "few"), await capacity(limits, "burst")) == (6, 6)
        for _ in range(6):
            ask = pb.AcquireRequest(
                subject=pb.Subject(guild_id=5, user_id=7), charges=[pb.Charge(limit="few"), pb.Charge(limit="burst")]
            )
            assert (await limits.Acquire(ask, timeout=5)).allowed
        assert not (await limits.Acquire(ask, timeout=5)).allowed
        assert await capacity(limits, "few", user=8) == 2
        assert await capacity(limits, "few", guild=6) == 2
        assert await capacity(limits, "shared") == 1000
        listed = (
            await limits.ListGrants(pb.ListGrantsRequest(subject=pb.Subject(guild_id=5, user_id=7)), timeout=5)
        ).grants
        assert [(each.limit, each.times, each.administrator_id) for each in listed] == [("burst", 3, 1), ("few", 3, 1)]
        assert list((await limits.Grant(grant("few", times=1), timeout=5)).limits) == ["few"]
        assert (await capacity(limits, "few"), await capacity(limits, "burst")) == (2, 6)


async def test_every_replica_knows_soon_and_after_a_restart(start: Start) -> None:
    async with (
        start(LIMITS, caller=ADMIN) as (one, _),
        start(LIMITS, {"grants": {"refresh": 0.05}}, caller=ADMIN) as (other, _),
    ):
        await one.Grant(grant("few"), timeout=5)

        async def known() -> bool:
            return await capacity(other, "few") == 6

        await eventually(known, timeout=10)
    async with start(LIMITS, caller=ADMIN) as (again, _):

        async def read() -> bool:
            return await capacity(again, "few") == 6

        await eventually(read, timeout=10)


async def test_only_administrators_grant_in_their_own_guild(start: Start) -> None:
    async with start(LIMITS, caller=MEMBER) as (limits, _):
        assert (await refused(limits.Grant(grant("few"), timeout=5))).reason == "NOT_AN_ADMINISTRATOR"
        assert await capacity(limits, "few") == 2
        own = await limits.ListGrants(pb.ListGrantsRequest(subject=pb.Subject(guild_id=5, user_id=7)), timeout=5)
        assert not own.grants
        others = pb.ListGrantsRequest(subject=pb.Subject(guild_id=5, user_id=8))
        assert (await refused(limits.ListGrants(others, timeout=5))).reason == "NOT_AN_ADMINISTRATOR"
    async with start(LIMITS, caller=ADMIN) as (limits, _):
        for guild in (0, 6):
            error = await refused(limits.Grant(grant("few", guild=guild), timeout=5))
            assert error.reason == "NOT_AN_ADMINISTRATOR"
    async with start(LIMITS, caller=OPERATOR) as (limits, _):
        await limits.Grant(grant("few", guild=0), timeout=5)
        assert await capacity(limits, "few", guild=1234) == 6


async def test_what_makes_no_sense_is_refused(start: Start) -> None:
    async with start(LIMITS, caller=ADMIN) as (limits, _):
        for request, reason in (
            (grant("few", times=0), "GRANT_INVALID"),
            (grant("few", times=101), "GRANT_INVALID"),
            (grant("few", seconds=-1), "GRANT_INVALID"),
            (grant("few", seconds=400 * 86_400), "GRANT_INVALID"),
            (grant("shared"), "NOTHING_TO_GRANT"),
            (grant("few", user=0), "NOTHING_TO_GRANT"),
            (grant("none_such"), "UNKNOWN_LIMIT"),
        ):
            assert (await refused(limits.Grant(request, timeout=5))).reason == reason
        without = grant("few")
        without.reason = " "
        assert (await refused(limits.Grant(without, timeout=5))).reason == "NO_REASON"


async def test_every_grant_is_audited_refused_ones_too(start: Start, redis_url: str) -> None:
    async with start(LIMITS, caller=MEMBER) as (limits, _):
        await refused(limits.Grant(grant("few"), timeout=5))
    async with start(LIMITS, caller=ADMIN) as (limits, _):
        await limits.Grant(grant("few"), timeout=5)
    redis: Any = cancellable(Redis.from_url(redis_url))
    entries = [entry for _, entry in await redis.xrange("ratelimit:{*}:audit")]
    assert [(entry[b"by"], entry[b"allowed"], entry[b"user"]) for entry in entries] == [
        (b"7", b"0", b"7"),
        (b"1", b"1", b"7"),
    ]
    assert all(entry[b"action"].startswith(b"grant 3 until ") for entry in entries)
    await redis.aclose()


async def test_a_grant_ends_by_itself_and_leaves_the_store(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    clock = ManualClock()
    grants = Grants(clock)
    store = GrantStore(redis, grants, clock)
    await store.give(
        [Grant("few", 7, 5, 3, clock.now() + 60, 1), Grant("few", 7, 0, 2, clock.now() + 600, 1)], most=2, longest=600
    )
    assert grants.times("few", 7, 5) == 3
    assert grants.times("few", 7, 6) == 2
    with pytest.raises(FailedPrecondition, match="too many"):
        await store.give([Grant("few", 8, 5, 3, clock.now() + 60, 1)], most=2, longest=600)
    clock.advance(61)
    assert grants.times("few", 7, 5) == 2
    assert len(grants.of(7, 5)) == 1
    await store.read()
    assert await redis.hlen("ratelimit:{*}:grants") == 1
    assert await store.forget(7) == 1
    assert not grants
    assert grants.times("few", 7, 5) == 1
    await redis.aclose()


def test_each_algorithm_grows_with_its_counter_unchanged() -> None:
    assert widen(TokenBucket(5, 15, 60, 2), 3) == TokenBucket(15, 45, 60, 6)
    assert widen(SlidingWindow(2, 60, 64), 3) == SlidingWindow(6, 60, 64)
    assert widen(CalendarQuota(2, "day", "UTC"), 3) == CalendarQuota(6, "day", "UTC")
    assert widen(Concurrency(1, 60), 3) == Concurrency(3, 60)
