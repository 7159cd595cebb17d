"""What belonged to channels and guilds that are gone is cleaned up after a grace time, in every service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import redis.asyncio as redis
from guildhall.settings.v1 import settings_pb2_grpc

from chassis.caller import Caller
from chassis.rpc.channel import Channel
from chassis.scoped import Scope, ScopedSettings, ScopeKind, Setting, ValueKind
from chassis.scoped.servicer import SettingsServicer
from chassis.scoped.store import ScopeStore
from chassis.testing import channel_to, serve_in_process
from services.executor.board.record import BoardRecord, Shown
from services.executor.jobs import keys as job_keys
from services.executor.mirror import keys
from services.executor.mirror.change import Change
from services.executor.mirror.gone import SERVICES, GoneRegister, Sweeper
from services.executor.mirror.tests.conftest import GUILD, Copies, snapshot
from services.executor.replies.threads import ThreadDirectory, ThreadEntry

DAY = 86_400
CHANNEL, THREAD, CATEGORY, FORUM = 11, 12, 13, 14
KEY = Setting("quiet", ValueKind.BOOL, "Whether.", default=False)


@dataclass
class Platform:
    """The services that keep settings, and what executor keeps of channels."""

    copies: Copies
    settings: dict[str, ScopedSettings]
    channels: dict[str, Channel]
    register: GoneRegister
    sweeper: Sweeper
    threads: ThreadDirectory
    record: BoardRecord

    async def held(self, service: str, scope: Scope) -> bool:
        """Whether a scope holds anything."""
        (found,) = await self.settings[service].store.get([scope])
        return bool(found.values)

    async def apply(self, change: Change, number: int = 1) -> None:
        """What the feed does with a change, as far as cleaning up goes."""
        feed = await self.copies.feeds.open("0/1", "s", gap=False, members_told=True)
        await self.copies.store.apply(feed, number, change)


def channel_of(kind: ScopeKind, number: int) -> Scope:
    return Scope(kind, GUILD, number)


@pytest.fixture
async def platform(copies: Copies) -> AsyncIterator[Platform]:
    client: redis.Redis = copies.client
    async with AsyncExitStack() as stack:
        settings, channels = {}, {}
        for service in (*SERVICES, "executor"):
            settings[service] = ScopedSettings([KEY], ScopeStore(client, f"{service}:", copies.clock))
            add = settings_pb2_grpc.add_SettingsServiceServicer_to_server
            address = await stack.enter_async_context(
                serve_in_process((add, SettingsServicer(settings[service])), name=service)
            )
            channels[service] = await stack.enter_async_context(
                channel_to(address, Caller("executor"), audience=service)
            )
        register = GoneRegister(client, copies.reader, lambda: copies.settings, copies.clock)
        record = BoardRecord(client, kept_days=30)
        sweeper = Sweeper(
            client,
            register,
            copies.store,
            copies.reader,
            record,
            channel=lambda service: channels[service],
            own=settings["executor"],
            settings=lambda: copies.settings,
            clock=copies.clock,
            leads=lambda: True,
        )
        threads = ThreadDirectory(client, ttl_days=90)
        yield Platform(copies, settings, channels, register, sweeper, threads, record)


async def furnished(platform: Platform) -> None:
    """Settings in every service, a conversation in a thread, a post in a forum."""
    for service in platform.settings.values():
        for scope in (
            channel_of(ScopeKind.GUILD, GUILD),
            channel_of(ScopeKind.CHANNEL, CHANNEL),
            channel_of(ScopeKind.THREAD, THREAD),
            channel_of(ScopeKind.CATEGORY, CATEGORY),
            Scope(ScopeKind.CHANNEL, GUILD + 1, 99),
        ):
            await service.update(Caller("executor"), scope, {"quiet": True})
    await platform.threads.remember(THREAD, ThreadEntry("c1", CHANNEL))
    await platform.threads.remember(98, ThreadEntry("c2", 99))
    await platform.record.keep_shown("post:r1", Shown(FORUM, 500, 1.0))
    await platform.record.keep_shown("post:r2", Shown(99, 501, 1.0))
    whole = snapshot(CHANNEL, FORUM)
    things = {**whole.channels, CATEGORY: json.dumps({"id": str(CATEGORY), "type": 4}).encode()}
    await platform.apply(Change(GUILD, snapshot=type(whole)(whole.guild, things, whole.roles, b"[]", 3)))


async def test_a_channel_is_cleaned_up_after_the_grace_time_and_not_before(platform: Platform) -> None:
    await furnished(platform)
    await platform.register.channels(GUILD, [CHANNEL])
    await platform.register.channels(GUILD, [CATEGORY])
    platform.copies.clock.advance(7 * DAY - 60)
    await platform.register.channels(GUILD, [CHANNEL])
    assert await platform.sweeper.sweep() == 0
    assert await platform.threads.find(THREAD) is not None
    platform.copies.clock.advance(120)
    assert await platform.sweeper.sweep() == 2, "a repeated event does not put it off"
    for service in platform.settings:
        assert not await platform.held(service, channel_of(ScopeKind.CHANNEL, CHANNEL)), service
        assert not await platform.held(service, channel_of(ScopeKind.CATEGORY, CATEGORY)), service
        assert await platform.held(service, channel_of(ScopeKind.GUILD, GUILD)), service
        assert await platform.held(service, Scope(ScopeKind.CHANNEL, GUILD + 1, 99)), service
    assert await platform.threads.find(THREAD) is None, "the conversation stood in a thread of that channel"
    assert await platform.threads.find(98) is not None
    assert await platform.sweeper.sweep() == 0


async def test_a_thread_is_cleaned_up_by_itself(platform: Platform) -> None:
    await furnished(platform)
    await platform.register.thread(GUILD, THREAD)
    platform.copies.clock.advance(8 * DAY)
    assert await platform.sweeper.sweep() == 1
    assert await platform.threads.find(THREAD) is None
    assert not await platform.held("llm", channel_of(ScopeKind.THREAD, THREAD))
    assert await platform.held("llm", channel_of(ScopeKind.CHANNEL, CHANNEL))


async def test_posts_in_a_channel_that_is_gone_are_marked_and_kept(platform: Platform) -> None:
    await furnished(platform)
    await platform.register.channels(GUILD, [FORUM])
    platform.copies.clock.advance(8 * DAY)
    await platform.sweeper.sweep()
    assert await platform.record.shown("post:r1") is None and await platform.record.shown("post:r2") is not None
    raw = await platform.copies.client.get(f"{job_keys.PREFIX}board:shown:post:r1")
    assert raw is not None
    assert json.loads(raw)["gone"] is True and json.loads(raw)["message_id"] == 500


async def test_a_guild_that_was_left_goes_with_all_that_was_in_it(platform: Platform) -> None:
    await furnished(platform)
    await platform.register.guild(GUILD)
    platform.copies.clock.advance(8 * DAY)
    assert await platform.sweeper.sweep() == 1
    for service in platform.settings:
        for kind, number in ((ScopeKind.GUILD, GUILD), (ScopeKind.CHANNEL, CHANNEL), (ScopeKind.THREAD, THREAD)):
            assert not await platform.held(service, channel_of(kind, number)), service
        assert await platform.held(service, Scope(ScopeKind.CHANNEL, GUILD + 1, 99))
    assert await platform.threads.find(THREAD) is None and await platform.threads.find(98) is not None
    assert await platform.record.shown("post:r1") is None
    assert not await platform.copies.client.exists(keys.state(GUILD), keys.things(GUILD))


async def test_a_guild_that_comes_back_keeps_everything_but_its_deleted_channels(platform: Platform) -> None:
    await furnished(platform)
    await platform.register.channels(GUILD, [FORUM])
    await platform.register.guild(GUILD)
    platform.copies.clock.advance(DAY)
    await platform.register.came_back(GUILD)
    platform.copies.clock.advance(8 * DAY)
    assert await platform.sweeper.sweep() == 1
    assert await platform.held("gateway", channel_of(ScopeKind.GUILD, GUILD))
    assert await platform.threads.find(THREAD) is not None


async def test_what_a_service_that_is_away_keeps_is_tried_again(platform: Platform) -> None:
    await furnished(platform)
    await platform.register.channels(GUILD, [CHANNEL])
    platform.copies.clock.advance(8 * DAY)
    async with channel_to("127.0.0.1:1", Caller("executor"), audience="board") as nobody:
        there, platform.channels["board"] = platform.channels["board"], nobody
        assert await platform.sweeper.sweep() == 0
    platform.channels["board"] = there
    assert await platform.held("board", channel_of(ScopeKind.CHANNEL, CHANNEL))
    assert await platform.sweeper.sweep() == 1
    assert not await platform.held("board", channel_of(ScopeKind.CHANNEL, CHANNEL))
