"""What executor's mirror is told: the last state of each thing, in order, bounded; a gap where that is not enough."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc
from redis.asyncio import Redis

from chassis.caller import Caller
from chassis.clock import SystemClock
from chassis.errors import FailedPrecondition, Unavailable
from chassis.redis_connections import cancellable
from chassis.settings import Live
from chassis.testing import channel_to, serve_in_process
from services.gateway import mirror
from services.gateway.journal import Journal, Session
from services.gateway.mirror_feed import MirrorFeed
from services.gateway.mirror_queue import MirrorQueue
from services.gateway.redis_store import RedisStore
from services.gateway.settings import GatewaySettings
from tests.support import eventually

GUILD = 9 << 22


def user(number: int) -> dict[str, Any]:
    return {"id": str(number), "username": f"user{number}", "global_name": None}


def member(number: int, *roles: int) -> dict[str, Any]:
    return {
        "user": user(number),
        "roles": [str(role) for role in roles],
        "joined_at": "2024-05-01T10:00:00.123000+00:00",
    }


def told(queue: MirrorQueue, limit: int = 10_000) -> mirror_pb2.GuildChange:
    (change,) = queue.take(limit).changes
    return change


def guild_create(*channels: int) -> dict[str, Any]:
    return {
        "id": str(GUILD),
        "name": "Crafters",
        "member_count": 5,
        "roles": [{"id": str(GUILD), "name": "@everyone"}],
        "emojis": [],
        "channels": [{"id": str(number), "type": 0, "name": f"c{number}"} for number in channels],
        "members": [member(1)],
        "presences": [],
        "threads": [],
    }


def test_of_many_changes_of_one_thing_the_last_is_told() -> None:
    queue = MirrorQueue(1000)
    for role in range(500):
        assert mirror.tell(queue, "GUILD_MEMBER_UPDATE", {"guild_id": str(GUILD), **member(1, role)})
    mirror.tell(queue, "GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(2)})
    mirror.tell(queue, "GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": user(2)})
    mirror.tell(queue, "CHANNEL_CREATE", {"guild_id": str(GUILD), "id": "7", "type": 0})
    mirror.tell(queue, "CHANNEL_DELETE", {"guild_id": str(GUILD), "id": "7", "type": 0})
    assert queue.size == 3
    change = told(queue)
    assert [list(one.role_ids) for one in change.members] == [[499]] and list(change.removed_members) == [2]
    assert [(thing.id, thing.discord_json) for thing in change.channels] == [(7, b"")]
    assert queue.size == 0 and queue.empty


def test_a_guild_told_whole_takes_the_place_of_what_was_told_of_it_before() -> None:
    queue = MirrorQueue(1000)
    mirror.tell(queue, "GUILD_UPDATE", {"id": str(GUILD), "name": "Old"})
    mirror.tell(queue, "CHANNEL_DELETE", {"guild_id": str(GUILD), "id": "7", "type": 0})
    mirror.tell(queue, "GUILD_CREATE", guild_create(11, 12))
    mirror.tell(queue, "CHANNEL_UPDATE", {"guild_id": str(GUILD), "id": "12", "type": 0, "name": "new"})
    change = told(queue)
    assert {thing.id for thing in change.snapshot.channels} == {11, 12}
    assert json.loads(change.snapshot.channels[0].discord_json)["guild_id"] == str(GUILD)
    assert json.loads(change.snapshot.guild_json) == {"id": str(GUILD), "name": "Crafters"}
    assert {thing.id for thing in change.channels} == {7, 12} and not change.guild_json
    assert [one.user_id for one in change.members] == [1] and change.snapshot.member_count == 5


@pytest.mark.parametrize("name", ["GUILD_CREATE", "GUILD_DELETE"])
def test_an_outage_is_no_farewell(name: str) -> None:
    queue = MirrorQueue(1000)
    assert not mirror.tell(queue, name, {"id": str(GUILD), "unavailable": True})
    assert queue.empty
    assert mirror.tell(queue, "GUILD_DELETE", {"id": str(GUILD)}) and told(queue).left


def test_what_is_too_much_for_one_call_is_told_in_order() -> None:
    queue = MirrorQueue(100_000)
    for index in range(3):
        chunk = {
            "guild_id": str(GUILD), "nonce": "n", "chunk_index": index, "chunk_count": 3,
            "members": [member(number) for number in range(index * 1000 + 1, index * 1000 + 1001)],
        }  # fmt: skip
        queue.of(GUILD).pages.append(mirror.page(chunk))
    for number in range(1, 1501):
        mirror.tell(queue, "GUILD_MEMBER_UPDATE", {"guild_id": str(GUILD), **member(number, 5)})
    mirror.tell(queue, "GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": user(9999)})
    batches = []
    while not queue.empty:
        batches.append(told(queue, 1000))
    assert [[page.index for page in one.pages] for one in batches] == [[0], [1], [2], [], []]
    assert [len(one.members) for one in batches] == [0, 0, 0, 1000, 500]
    assert [list(one.removed_members) for one in batches] == [[], [], [], [], [9999]]


def test_members_are_seen_by_the_way_but_webhooks_are_not() -> None:
    queue = MirrorQueue(1000)
    bare = {"roles": ["5"], "joined_at": "2024-05-01T10:00:00+00:00", "nick": "N"}
    mirror.see(queue, "MESSAGE_CREATE", {"guild_id": str(GUILD), "author": user(3), "member": bare})
    mirror.see(queue, "MESSAGE_CREATE", {"guild_id": str(GUILD), "author": user(4), "member": bare, "webhook_id": "1"})
    mirror.see(queue, "MESSAGE_CREATE", {"author": user(5)})
    mirror.see(queue, "INTERACTION_CREATE", {"guild_id": str(GUILD), "member": member(6)})
    assert [one.user_id for one in told(queue).seen_members] == [3, 6]


def test_fifty_chunks_cost_the_loop_little_each() -> None:
    chunk = {"nonce": "n", "chunk_index": 0, "chunk_count": 50, "members": [member(n, 1, 2, 3) for n in range(1, 1001)]}
    started = time.process_time()
    for _ in range(10):
        mirror.page(chunk)
    assert (time.process_time() - started) / 10 < 0.05


class Executor(mirror_pb2_grpc.MirrorFeedServiceServicer):
    """Takes what it is told, unless it is told to be away."""

    def __init__(self) -> None:
        self.opened: list[mirror_pb2.OpenFeedRequest] = []
        self.applied: list[mirror_pb2.ApplyChangesRequest] = []
        self.away = False
        self.superseded = False
        self.wanted: list[int] = []

    async def OpenFeed(self, request: mirror_pb2.OpenFeedRequest, context: object) -> mirror_pb2.OpenFeedResponse:
        if self.away:
            raise Unavailable("away", reason="STORE_UNAVAILABLE")
        self.opened.append(request)
        return mirror_pb2.OpenFeedResponse(epoch=len(self.opened), wanted_guild_ids=self.wanted)

    async def ApplyChanges(
        self, request: mirror_pb2.ApplyChangesRequest, context: object
    ) -> mirror_pb2.ApplyChangesResponse:
        if self.away:
            raise Unavailable("away", reason="STORE_UNAVAILABLE")
        if self.superseded:
            self.superseded = False
            raise FailedPrecondition("superseded", reason="FEED_SUPERSEDED")
        self.applied.append(request)
        return mirror_pb2.ApplyChangesResponse()

    @property
    def members(self) -> list[int]:
        return [one.user_id for request in self.applied for change in request.changes for one in change.members]


class Connected:
    """The part of a shard that a feed needs."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.shard_id = journal.shard_id
        self.is_connected = True
        self.looked_at = 0
        self.asked: list[tuple[int, str]] = []

    @property
    def connected(self) -> bool:
        """Counts who asks, so that a test can wait for that."""
        self.looked_at += 1
        return self.is_connected

    async def request_members(self, guild_id: int, nonce: str) -> bool:
        self.asked.append((guild_id, nonce))
        return True


class World:
    """A feed with everything around it."""

    def __init__(self, feed: MirrorFeed, shard: Connected, executor: Executor) -> None:
        self.feed = feed
        self.shard = shard
        self.executor = executor
        self.sequence = 0

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """Delivers an event as the intake does."""
        self.sequence += 1
        event = self.shard.journal.begin(self.sequence)
        if not self.feed.take(name, data, event):
            event.done()

    @property
    def position(self) -> int:
        session = self.shard.journal.session
        return 0 if session is None else session.sequence


SETTINGS = {
    "discord": {"token": "t"},
    "mirror": {"queue": 1000, "heartbeat": 0.2, "patience": 0.5, "fill_pause": 0.0, "fill_patience": 5.0},
}


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    client = cancellable(Redis.from_url(redis_url))
    yield RedisStore(client, 7)
    await client.aclose()


@pytest.fixture
async def world(store: RedisStore) -> AsyncIterator[World]:
    executor = Executor()
    journal = Journal(0, 1, store)
    journal.started(Session("session", "ws://127.0.0.1", 0))
    shard = Connected(journal)
    async with (
        serve_in_process(
            (mirror_pb2_grpc.add_MirrorFeedServiceServicer_to_server, executor), name="executor"
        ) as address,
        channel_to(address, Caller("gateway"), audience="executor") as channel,
    ):
        feed = MirrorFeed(
            shard,  # type: ignore[arg-type]
            mirror_pb2_grpc.MirrorFeedServiceStub(channel),
            members_told=lambda: True,
            settings=Live(GatewaySettings.model_validate(SETTINGS)),
            clock=SystemClock(),
            rng=random.Random(1),
        )
        task = asyncio.create_task(feed.run())
        yield World(feed, shard, executor)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_counts_once_executor_has_it(world: World) -> None:
    world.executor.away = True
    world.event("GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(1)})
    world.event("PRESENCE_UPDATE", {})
    assert world.position == 0
    world.executor.away = False
    await eventually(lambda: world.position == 2, timeout=5)
    assert world.executor.members == [1] and not world.executor.opened[0].gap


async def test_silence_is_told_as_well(world: World) -> None:
    await eventually(lambda: len(world.executor.applied) >= 2, timeout=5)
    assert all(not request.changes for request in world.executor.applied)
    numbers = [request.number for request in world.executor.applied]
    assert numbers == sorted(set(numbers))
    world.shard.is_connected = False
    count = len(world.executor.applied)
    looked_at = world.shard.looked_at
    await eventually(lambda: world.shard.looked_at >= looked_at + 3, timeout=5)
    assert len(world.executor.applied) <= count + 1, "nothing is known while the shard is not connected"


async def test_a_feed_that_was_superseded_is_opened_anew_and_loses_nothing(world: World) -> None:
    world.event("GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(1)})
    await eventually(lambda: world.executor.members == [1], timeout=5)
    world.executor.superseded = True
    world.event("GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(2)})
    await eventually(lambda: world.executor.members == [1, 2], timeout=5)
    assert len(world.executor.opened) == 2 and world.executor.applied[-1].epoch == 2


async def test_what_waits_too_long_is_let_go_and_the_gap_outlives_the_process(world: World, store: RedisStore) -> None:
    world.executor.away = True
    world.event("GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(1)})
    await eventually(lambda: world.position == 1, timeout=10)
    assert world.shard.journal.gap
    await world.shard.journal.save()
    restarted = Journal(0, 1, store)
    await restarted.load()
    assert restarted.gap and restarted.session is not None and restarted.session.sequence == 1
    world.executor.away = False
    await eventually(lambda: bool(world.executor.opened) and world.executor.opened[-1].gap, timeout=10)
    await eventually(lambda: not world.shard.journal.gap, timeout=5)
    assert world.executor.members == []


async def test_more_than_the_queue_holds_is_a_gap(world: World) -> None:
    world.executor.away = True
    for number in range(1, 1500):
        world.event("GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(number)})
    assert world.shard.journal.gap and world.feed.waiting < 1000


async def test_a_new_session_forgets_what_was_left_of_the_old_one(world: World) -> None:
    world.executor.away = True
    world.event("GUILD_MEMBER_ADD", {"guild_id": str(GUILD), **member(1)})
    world.shard.journal.started(Session("another", "ws://127.0.0.1", 0))
    world.sequence = 0
    world.event("READY", {"guilds": [{"id": str(GUILD), "unavailable": True}]})
    world.executor.away = False
    world.event("GUILD_CREATE", guild_create(11))
    await eventually(lambda: world.position == 2, timeout=5)
    assert world.executor.applied[-1].changes[0].HasField("snapshot") and world.executor.members == [1]
    assert len({request.session for request in world.executor.opened}) == 1
    assert list(world.executor.opened[-1].guilds.guild_ids) == [GUILD]
    world.executor.superseded = True
    world.event("GUILD_UPDATE", {"id": str(GUILD), "name": "x"})
    await eventually(lambda: len(world.executor.opened) == 2, timeout=5)
    assert not world.executor.opened[-1].HasField("guilds"), "what READY said is old by now"


async def test_members_are_asked_for_one_guild_after_another_and_only_that_answer_is_taken(world: World) -> None:
    world.executor.wanted = [GUILD, GUILD + (1 << 22)]
    await eventually(lambda: len(world.shard.asked) == 1, timeout=5)
    guild_id, nonce = world.shard.asked[0]
    for name, index in ((nonce, 0), ("another's", 1), (nonce, 1)):
        world.event(
            "GUILD_MEMBERS_CHUNK",
            {
                "guild_id": str(guild_id), "nonce": name, "chunk_index": index, "chunk_count": 2,
                "members": [member(index + 10)],
            },
        )  # fmt: skip
    await eventually(lambda: len(world.shard.asked) == 2, timeout=5)
    assert world.shard.asked[1][0] != guild_id
    changes = [change for request in world.executor.applied for change in request.changes]
    pages = [(page.nonce, page.index) for change in changes for page in change.pages]
    await eventually(lambda: world.feed.waiting == 0, timeout=5)
    assert all(name == nonce for name, _ in pages)


async def test_a_limit_or_a_lost_page_only_puts_a_request_off(world: World) -> None:
    world.executor.wanted = [GUILD]
    await eventually(lambda: len(world.shard.asked) == 1, timeout=5)
    world.event("RATE_LIMITED", {"opcode": 8, "retry_after": 0.05, "meta": {}})
    await eventually(lambda: len(world.shard.asked) == 2, timeout=5)
    world.event(
        "GUILD_MEMBERS_CHUNK",
        {
            "guild_id": str(GUILD), "nonce": world.shard.asked[1][1], "chunk_index": 3, "chunk_count": 5, "members": [],
        },
    )  # fmt: skip
    await eventually(lambda: len(world.shard.asked) == 3, timeout=5)
