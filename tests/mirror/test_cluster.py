"""The mirror on a real Redis Cluster: what one transaction touches stands in one slot."""

from __future__ import annotations

import pytest

from chassis.clock import SystemClock
from chassis.redis_clients import connect
from chassis.settings.shared import Redis as RedisSettings
from chassis.settings.shared import SecretUrl
from services.executor.board.record import BoardRecord, Shown
from services.executor.mirror.change import Change, Page, Snapshot
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.gone import GoneRegister
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.store import MirrorStore
from services.executor.mirror.watching import Changes
from tests.ratelimit.replicas import redis_cluster

pytestmark = pytest.mark.timeout(120)


async def test_guilds_are_told_filled_read_and_forgotten() -> None:
    settings, clock = MirrorSettings(), SystemClock()
    async with redis_cluster() as nodes:
        client = connect(nodes[0].url, RedisSettings(url=SecretUrl(nodes[0].url), cluster=True))
        store, feeds = MirrorStore(client, lambda: settings, clock), Feeds(client, lambda: settings, clock)
        reader = MirrorReader(client, store, feeds, lambda: settings)
        changes = Changes(client, reader, lambda: settings, clock)
        feed = await feeds.open("0/1", "s", gap=False, members_told=True)
        await feeds.heard(feed)
        people = tuple(MemberRecord(number, f"user{number}", role_ids=(5,)) for number in range(1, 600))
        guilds = [number << 22 for number in (7, 8, 9)]
        for guild in guilds:
            whole = Snapshot(b'{"id":"1"}', {11: b"{}"}, {5: b"{}"}, b"[]", 600)
            await store.apply(feed, 1, Change(guild, snapshot=whole, guild=b'{"name":"x"}'))
            pages = (Page("n", 0, 2, people[:300]), Page("n", 1, 2, people[300:]))
            await store.apply(feed, 2, Change(guild, guild=b'{"name":"y"}', pages=pages, removed=(3,)))
            assert await store.finish_filling(guild) is not None
            assert len(await reader.all_members(guild, 10_000)) == 598
            assert (await reader.certainty(guild)).members and await store.keep_alive(guild)
            await changes.announce(guild, [1, 2])
        told = [one.kind async for one in changes.watch("", 0.5)]
        assert told[:2] == ["reset", "current"]
        register = GoneRegister(client, reader, lambda: settings, clock)
        await register.guild(guilds[0])
        await register.came_back(guilds[0])
        record = BoardRecord(client, kept_days=1)
        await record.keep_shown("post:1", Shown(11, 12, 1.0))
        assert await record.mark_gone(lambda channel: channel == 11) == 1
        for guild in await store.guilds():
            await store.forget(guild)
        left = [key async for key in client.scan_iter(match="executor:{mirror/*")]
        assert left == [] and await store.guilds() == []
        await client.aclose()
