"""Scopes that are remembered, and forgotten the moment that they change, whoever changes them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis

from chassis.clock import SystemClock
from chassis.redis_connections import cancellable
from chassis.runtime import Runtime
from chassis.scoped import Place, Scope, ScopedSettings, ScopeKind, Setting, ValueKind
from chassis.scoped.recent import RecentScopes
from chassis.scoped.store import ScopeStore
from chassis.settings import Section
from chassis.testing import running_service
from tests.support import eventually


class Empty(Section):
    """No settings of its own."""


GUILD, OTHER = Scope(ScopeKind.GUILD, 10, 10), Scope(ScopeKind.GUILD, 20, 20)


async def put(store: ScopeStore, scope: Scope, **values: str) -> None:
    await store.change(scope, lambda _: values, expected_version=None, recovered=False)


@asynccontextmanager
async def followed(recent: RecentScopes) -> AsyncIterator[None]:
    """The log is read, and so far as it has been written."""
    task = asyncio.create_task(recent.follow_forever())
    try:

        async def remembers() -> bool:
            await recent.get([OTHER])
            return len(recent) == 1

        await eventually(remembers)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def commands(redis: Redis) -> int:
    """How often a hash was read."""
    counted = (await redis.info("commandstats")).get("cmdstat_hmget", {})
    return int(counted.get("calls", 0))


async def test_what_is_remembered_costs_nothing_and_follows_other_processes(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    own, others = (ScopeStore(redis, "llm:", SystemClock()) for _ in range(2))
    await put(others, GUILD, model="small")
    recent = RecentScopes(own)
    async with followed(recent):
        (held,) = await recent.get([GUILD])
        assert held.values == {"model": "small"}
        before = await commands(redis)
        for _ in range(5):
            assert [each.values for each in await recent.get([GUILD, OTHER])] == [{"model": "small"}, {}]
        assert await commands(redis) == before
        await put(others, GUILD, model="big")

        async def told() -> bool:
            return (await recent.get([GUILD]))[0].values == {"model": "big"}

        await eventually(told, 5)
        await others.delete("10/")

        async def forgotten() -> bool:
            return (await recent.get([GUILD]))[0].values == {}

        await eventually(forgotten, 5)
    await redis.aclose()


async def test_what_this_process_changes_is_seen_at_once(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    store = ScopeStore(redis, "llm:", SystemClock())
    recent = RecentScopes(store)
    async with followed(recent):
        for number in range(20):
            await recent.get([GUILD])
            await put(store, GUILD, model=str(number))
            assert (await recent.get([GUILD]))[0].values == {"model": str(number)}
    await redis.aclose()


async def test_nothing_is_remembered_while_the_log_is_not_read(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    recent = RecentScopes(ScopeStore(redis, "llm:", SystemClock()))
    await recent.get([GUILD])
    assert len(recent) == 0
    async with followed(recent):
        assert len(recent) == 1
    assert len(recent) == 0
    await redis.aclose()


async def test_the_least_recently_used_are_forgotten(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    recent = RecentScopes(ScopeStore(redis, "llm:", SystemClock()), entries=1)
    async with followed(recent):
        await recent.get([GUILD])
        before = await commands(redis)
        await recent.get([GUILD])
        assert await commands(redis) == before
        await recent.get([OTHER])
        assert (len(recent), await commands(redis)) == (1, before + 1)
    await redis.aclose()


async def test_a_service_that_remembers_asks_the_store_once(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    made: list[ScopedSettings] = []

    async def build(runtime: Runtime[Empty]) -> None:
        declared = (Setting("model", ValueKind.TEXT, "The model."),)
        made.append(ScopedSettings.serve(runtime, declared, remembered=True))

    variables = {"GUILDHALL_CONFIG": os.environ["GUILDHALL_CONFIG"], "REDIS_URL": redis_url}
    async with running_service("llm", Empty, build, variables=variables):

        async def costs_nothing() -> bool:
            before = await commands(redis)
            assert (await made[0].value(Place(10, 20, 30, 40, 50), "model")) is None
            return await commands(redis) == before

        await eventually(costs_nothing)
    await redis.aclose()
