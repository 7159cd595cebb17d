"""The health monitor: what it makes of looks, whom it tells, and how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
import redis.asyncio as redis
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.redis_clients import connect
from chassis.scoped import Scope, ScopedSettings, ScopeKind
from chassis.scoped.store import ScopeStore
from chassis.settings.shared import Redis as RedisSettings
from chassis.testing import channel_to, serve_in_process
from services.executor.guild_settings import LOG_CHANNEL, SETTINGS
from services.executor.health.book import HealthBook, Told
from services.executor.health.looking import DURABLE, LIMITS, PARTS, Looks
from services.executor.health.monitor import HealthMonitor
from services.executor.health.settings import HealthSettings
from services.executor.health.told import ToldStore
from services.executor.jobs import keys
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.replies.notice_job import Notice
from tests.support.clock import ManualClock
from tests.support.cuttable_proxy import CuttableProxy
from tests.support.redis_process import RedisProcess
from views.catalogue import texts

SETTINGS_OF_HEALTH = HealthSettings(post_pause_seconds=30, unwell_after_seconds=8, well_after_seconds=4)
GUILD, CHANNEL = 11, 22


def book() -> HealthBook:
    return HealthBook(unwell_after=8, well_after=4, first_patience=60)


def looked(seen: HealthBook, looks: list[tuple[float, bool]]) -> None:
    for now, well in looks:
        seen.note("llm", well=well, now=now)


def test_a_restart_is_not_told() -> None:
    seen = book()
    looked(seen, [(100, True), (105, False), (110, False), (112, True), (120, True)])
    assert seen.changes({}) == []


def test_an_outage_and_its_end_are_told_once_each() -> None:
    seen = book()
    looked(seen, [(100, True), (105, False), (110, False), (115, False)])
    (away,) = seen.changes({})
    assert (away.part, away.well, away.since) == ("llm", False, 105)
    told = {"llm": Told(False, 105)}
    assert seen.changes(told) == []
    looked(seen, [(120, True), (125, True)])
    (back,) = seen.changes(told)
    assert (back.well, back.since, back.lasted) == (True, 120, 15)
    assert seen.changes({"llm": Told(True, 120)}) == []


def test_an_outage_that_could_not_be_told_is_told_at_its_end() -> None:
    seen = book()
    looked(seen, [(100, True), (105, False), (115, False), (120, True), (125, True)])
    (back,) = seen.changes({"llm": Told(True, 50)})
    assert (back.well, back.lasted) == (True, 15)


def test_who_watches_next_says_nothing_twice() -> None:
    following = book()
    looked(following, [(200, True)])
    assert following.changes({"llm": Told(True, 120)}) == []
    (back,) = following.changes({"llm": Told(False, 105)})
    assert (back.well, back.lasted) == (True, 95)


def test_a_part_that_flutters_counts_as_away() -> None:
    seen = book()
    looked(seen, [(100, True), (105, False), (114, False), (116, True), (118, False), (121, True), (124, False)])
    assert [change.well for change in seen.changes({})] == [False]


def test_a_part_that_never_came_is_told_after_its_time_to_start() -> None:
    seen = book()
    looked(seen, [(100, False), (130, False)])
    assert seen.changes({}) == []
    looked(seen, [(161, False)])
    assert [change.well for change in seen.changes({})] == [False]


class Scripted:
    """Looks that the test gives. Stands in for the network, not for the monitor's own parts."""

    def __init__(self) -> None:
        self.found: Mapping[str, bool] = dict.fromkeys(PARTS, True)

    async def look(self) -> dict[str, bool]:
        return dict(self.found)


@pytest.fixture
async def guilds(client: redis.Redis, clock: ManualClock) -> ScopedSettings:
    """One guild with a log channel and one without."""
    store = ScopeStore(client, "executor:", clock)
    scope = Scope(ScopeKind.GUILD, GUILD, GUILD)
    await store.change(scope, lambda _: {LOG_CHANNEL: str(CHANNEL)}, expected_version=None, recovered=False)
    quiet = Scope(ScopeKind.GUILD, 33, 33)
    await store.change(quiet, lambda _: {"footer": False}, expected_version=None, recovered=False)
    return ScopedSettings(SETTINGS, store)


def monitor(
    looks: Any, client: redis.Redis, store: JobStore, guilds: ScopedSettings, clock: ManualClock, *, leads: bool = True
) -> HealthMonitor:
    return HealthMonitor(
        looks,
        ToldStore(client),
        store,
        guilds,
        language=lambda guild_id: "de",
        leads=lambda: leads,
        settings=SETTINGS_OF_HEALTH,
        clock=clock,
    )


async def notices(client: redis.Redis, job_settings: JobSettings) -> list[Notice]:
    found = []
    for partition in range(job_settings.partitions):
        for _, fields in cast(Any, await client.xrange(keys.stream(partition))):
            found.append((float(fields[b"created"]), Notice.model_validate_json(fields[b"payload"])))
    return [notice for _, notice in sorted(found, key=lambda each: each[0])]


async def watched(watching: HealthMonitor, clock: ManualClock, times: int) -> None:
    for _ in range(times):
        await watching.once()
        clock.advance(5)


async def test_a_log_channel_hears_once_of_each_change_in_its_language(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, guilds: ScopedSettings, clock: ManualClock
) -> None:
    looks = Scripted()
    first = monitor(looks, client, store, guilds, clock)
    idle = monitor(looks, client, store, guilds, clock, leads=False)
    await watched(first, clock, 2)
    looks.found = {**looks.found, "llm": False}
    for _ in range(5):
        await idle.once()
        await watched(first, clock, 1)
    (away,) = await notices(client, job_settings)
    assert (away.guild_id, away.channel_id) == (GUILD, CHANNEL)
    assert texts().text("de", "health.part.llm") in away.body["content"]
    assert away.body["allowed_mentions"] == {"parse": []}

    looks.found = {**looks.found, "llm": True}
    second = monitor(looks, client, store, guilds, clock)  # another executor leads from now on
    clock.advance(30)
    await watched(second, clock, 4)
    await watched(first, clock, 4)
    _, back = await notices(client, job_settings)
    assert back.body["content"].startswith("**Der Dienst für Sprachmodelle** arbeitet wieder")


async def test_who_led_until_the_store_went_away_tells_of_it(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, guilds: ScopedSettings, clock: ManualClock
) -> None:
    looks, leading = Scripted(), [True]
    watching = HealthMonitor(
        looks, ToldStore(client), store, guilds,
        language=lambda guild_id: "en", leads=lambda: leading[0], settings=SETTINGS_OF_HEALTH, clock=clock,
    )  # fmt: skip
    await watched(watching, clock, 2)
    looks.found = {**looks.found, DURABLE: False}
    leading[0] = False  # nobody owns a partition while the store is away
    await client.config_set("maxmemory", "1")
    try:
        await watched(watching, clock, 4)
    finally:
        await client.config_set("maxmemory", "0")
    looks.found = {**looks.found, DURABLE: True}
    await watched(watching, clock, 2)
    (told,) = await notices(client, job_settings)
    assert texts().text("en", "health.part.durable") in told.body["content"]


async def test_changes_in_quick_succession_are_told_together(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, guilds: ScopedSettings, clock: ManualClock
) -> None:
    looks = Scripted()
    watching = monitor(looks, client, store, guilds, clock)
    await watched(watching, clock, 2)
    looks.found = {**looks.found, "llm": False}
    await watched(watching, clock, 3)
    assert len(await notices(client, job_settings)) == 1
    looks.found = {**looks.found, "board": False, "ratelimit": False}
    await watched(watching, clock, 3)
    assert len(await notices(client, job_settings)) == 1
    clock.advance(30)
    await watched(watching, clock, 1)
    _, both = await notices(client, job_settings)
    assert len(both.body["content"].splitlines()) == 3  # two parts, and what it means


async def test_a_post_that_was_half_made_is_completed_and_not_repeated(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, guilds: ScopedSettings, clock: ManualClock
) -> None:
    looks = Scripted()
    watching = monitor(looks, client, store, guilds, clock)
    await watched(watching, clock, 1)
    looks.found = {**looks.found, "llm": False}
    await watched(watching, clock, 3)
    told = json.loads(await client.get(keys.HEALTH_TOLD) or b"{}")
    await client.delete(keys.HEALTH_TOLD)  # as if the process had died before it was written
    assert told["number"] == 1
    await watched(watching, clock, 1)
    assert len(await notices(client, job_settings)) == 1


async def test_a_store_that_hangs_keeps_nobody_from_looking(
    redis_server: RedisProcess, client: redis.Redis, job_settings: JobSettings, clock: ManualClock
) -> None:
    proxy = CuttableProxy(redis_server.port)
    await proxy.start()
    cut_off = connect(f"redis://127.0.0.1:{proxy.port}/0", RedisSettings())

    async def nobody(service: str, ask: Any) -> dict[str, Any]:
        raise OSError("no such name")

    looks = Looks(cut_off, nobody, timeout=0.1)
    guilds = ScopedSettings(SETTINGS, ScopeStore(cut_off, "executor:", clock))
    await guilds.store.change(
        Scope(ScopeKind.GUILD, GUILD, GUILD),
        lambda _: {LOG_CHANNEL: str(CHANNEL)},
        expected_version=None,
        recovered=False,
    )
    watching = monitor(looks, cut_off, JobStore(cut_off, job_settings, clock), guilds, clock)
    try:
        await watched(watching, clock, 2)
        async with proxy.cut():
            # Each waits as long as a look may take, never as long as the client of the store tries again.
            async with asyncio.timeout(5):
                await watched(watching, clock, 4)
        await watched(watching, clock, 3)
    finally:
        await cut_off.aclose()
        await proxy.stop()
    (told,) = await notices(client, job_settings)
    assert texts().text("de", "health.part.durable") in told.body["content"]


class Status(admin_pb2_grpc.AdminServiceServicer):
    """Answers as a service whose parts are so."""

    def __init__(self, service: str, parts: Mapping[str, bool]) -> None:
        self._service, self._parts = service, parts

    async def GetStatus(self, request: admin_pb2.GetStatusRequest, context: Any) -> admin_pb2.GetStatusResponse:
        parts = [admin_pb2.Part(name=name, serving=serving) for name, serving in self._parts.items()]
        return admin_pb2.GetStatusResponse(service=self._service, serving=all(self._parts.values()), parts=parts)


async def test_a_look_asks_every_replica_and_tries_the_store_by_writing(client: redis.Redis) -> None:
    add = admin_pb2_grpc.add_AdminServiceServicer_to_server
    well = Status("llm", {"models": True})  # type: ignore[abstract]  # the other methods are never called
    limits_away = Status("ratelimit", {"store": False, "redis redis://limits": True})  # type: ignore[abstract]
    async with serve_in_process((add, well)) as one, serve_in_process((add, limits_away)) as other:
        addresses = {"llm": ["127.0.0.1:1", one], "ratelimit": [other], "gateway": []}

        async def ask_every_replica(service: str, ask: Any) -> dict[str, Any]:
            if service not in addresses:
                raise OSError("no such name")
            found: dict[str, Any] = {}
            for address in addresses[service]:
                async with channel_to(address) as channel:
                    try:
                        found[address] = await ask(channel)
                    except Exception as error:  # noqa: BLE001  as the fan-out does, an error is an answer
                        found[address] = error
            return found

        looks = Looks(client, ask_every_replica, timeout=2.0)
        seen = await looks.look()
        assert seen == {
            "llm": True, "ratelimit": False, "gateway": False, "board": False, DURABLE: True, LIMITS: False,
        }  # fmt: skip
        await client.config_set("maxmemory", "1")
        try:
            assert (await looks.look())[DURABLE] is False
        finally:
            await client.config_set("maxmemory", "0")


def test_every_part_has_its_texts_in_every_language() -> None:
    for language in texts().languages:
        for part in PARTS:
            assert texts().has(f"health.part.{part}"), language
            assert texts().has(f"health.effect.{part}"), language
