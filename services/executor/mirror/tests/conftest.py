"""A mirror on a real Redis, with a clock that the test moves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import redis.asyncio as redis

from services.executor.mirror.change import Page, Snapshot
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.store import MirrorStore
from services.executor.mirror.watching import Changes
from tests.support import ManualClock

GUILD = 7 << 22
RAIDER, VETERAN = 501, 502


@dataclass(frozen=True)
class Copies:
    """The parts under test."""

    client: redis.Redis
    store: MirrorStore
    feeds: Feeds
    reader: MirrorReader
    changes: Changes
    settings: MirrorSettings
    clock: ManualClock


@pytest.fixture
async def copies(redis_url: str, clock: ManualClock) -> AsyncIterator[Copies]:
    """A mirror with nothing in it."""
    client = redis.Redis.from_url(redis_url)
    settings = MirrorSettings(watch_pause_seconds=0.05)
    store, feeds = MirrorStore(client, lambda: settings, clock), Feeds(client, lambda: settings, clock)
    reader = MirrorReader(client, store, feeds, lambda: settings)
    yield Copies(client, store, feeds, reader, Changes(client, reader, lambda: settings, clock), settings, clock)
    await client.aclose()


def person(number: int, *roles: int, nickname: str = "") -> MemberRecord:
    """A member."""
    return MemberRecord(number, f"user{number}", f"User {number}", nickname, roles, joined=1_600_000_000)


def snapshot(*channels: int, members: int = 3) -> Snapshot:
    """A guild with some channels and two roles."""
    return Snapshot(
        guild=b'{"id":"29360128","name":"Crafters","owner_id":"1"}',
        channels={id_: b'{"id":"%d","type":0,"name":"c%d"}' % (id_, id_) for id_ in channels},
        roles={id_: b'{"id":"%d","name":"r"}' % id_ for id_ in (GUILD, RAIDER, VETERAN)},
        emojis=b"[]",
        member_count=members,
    )


def page(nonce: str, index: int, count: int, *members: MemberRecord) -> Page:
    """A page of members."""
    return Page(nonce, index, count, members)
