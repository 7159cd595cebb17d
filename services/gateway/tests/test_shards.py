"""How sessions end and go on: against a Discord that takes its time or moves, and while their number changes."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import disnake
import pytest
from aiohttp import WSMsgType, web
from guildhall.executor.v1 import mirror_pb2_grpc
from guildhall.ratelimit.v1 import discord_pb2, discord_pb2_grpc
from redis.asyncio import Redis

from chassis.clock import SystemClock
from chassis.redis_connections import cancellable
from chassis.settings import Live
from chassis.testing import channel_to, serve_in_process
from services.gateway import client as discord_client
from services.gateway import shards
from services.gateway.client import Client, Recommended
from services.gateway.fleet import Fleet
from services.gateway.journal import Journal, Session
from services.gateway.mirror_feed import MirrorFeed
from services.gateway.permits import Permits
from services.gateway.redis_store import RedisStore
from services.gateway.settings import GatewaySettings
from services.gateway.shards import FINAL_CLOSE, Shard
from services.gateway.threads import ThreadIndex
from tests.support import eventually, free_port

ADD = discord_pb2_grpc.add_DiscordLimitServiceServicer_to_server
PATIENCE = 20.0
S = TypeVar("S", bound=Shard)
ANSWERS_AFTER = 0.3
"""Seconds that this Discord lets a close wait."""


class Discord:
    """Discord's gateway as far as a session that is resumed needs it. It answers a close late."""

    def __init__(self) -> None:
        self.url = ""
        self.reached, self.may_greet, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.close_code: int | None = None
        self.dropped = False
        """Whether the connection was gone before the close was answered."""

    async def session(self, request: web.Request) -> web.WebSocketResponse:
        """One connection."""
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        self.reached.set()
        await self.may_greet.wait()
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 45_000}})
        async for said in socket:
            if said.type == WSMsgType.TEXT and said.json()["op"] == 6:
                await socket.send_json({"op": 0, "t": "RESUMED", "s": 2, "d": {}})
        self.close_code = socket.close_code
        await asyncio.sleep(ANSWERS_AFTER)
        self.dropped = request.transport is None or request.transport.is_closing()
        self.left.set()
        await socket.close()
        return socket

    async def me(self, request: web.Request) -> web.Response:
        """Whose token it is."""
        body = json.dumps({"id": "7", "username": "guildhall", "discriminator": "0", "avatar": None}).encode()
        return web.Response(body=body, content_type="application/json")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Client]:
        """A client that is logged in here."""
        app = web.Application()
        app.add_routes([web.get("/", self.session), web.get("/api/v10/users/@me", self.me)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"ws://{host}:{port}/"
        client = discord_client.create(f"http://{host}:{port}/api/v10", disnake.Intents.none())
        try:
            await discord_client.login(client, "token")
            yield client
        finally:
            await client.http.close()
            await runner.cleanup()

    async def where(self) -> Recommended:
        """What Discord recommends."""
        return Recommended(self.url, 1, 1000, 60.0, 1)


class Granting(discord_pb2_grpc.DiscordLimitServiceServicer):
    """Grants every session, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    async def AcquireIdentify(
        self, request: discord_pb2.AcquireIdentifyRequest, context: object
    ) -> discord_pb2.AcquireIdentifyResponse:
        self.asked += 1
        return discord_pb2.AcquireIdentifyResponse(allowed=True, permit_id=str(self.asked))

    async def ReportIdentify(
        self, request: discord_pb2.ReportIdentifyRequest, context: object
    ) -> discord_pb2.ReportIdentifyResponse:
        return discord_pb2.ReportIdentifyResponse()


class SlowStore(RedisStore):
    """A store that can be held up."""

    def __init__(self, redis: Redis, bot_id: int) -> None:
        super().__init__(redis, bot_id)
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0

    async def load(self, shard_id: int, shard_count: int) -> tuple[Session | None, Mapping[str, str]]:
        """Waits while it is held up."""
        self.asked += 1
        await self.open.wait()
        return await super().load(shard_id, shard_count)


class Ending(Shard):
    """A shard that says when it has ended."""

    ended: asyncio.Event

    async def run(self) -> None:
        """Runs it."""
        self.ended = asyncio.Event()
        try:
            await super().run()
        finally:
            self.ended.set()


def shard_of(journal: Journal, client: Client, permits: Permits, discord: Discord, kind: type[S]) -> S:
    """A shard of this Discord's."""
    return kind(
        journal.shard_id,
        journal.shard_count,
        client=client,
        journal=journal,
        permits=permits,
        where=discord.where,
        deliver=lambda *_: None,
        rng=random.Random(1),
    )


def with_shards(count: int) -> GatewaySettings:
    """gateway's settings with so many shards."""
    return GatewaySettings.model_validate({"discord": {"token": "x"}, "shards": {"count": count}})


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[SlowStore]:
    async with cancellable(Redis.from_url(redis_url)) as redis:
        yield SlowStore(redis, 7)


async def test_a_close_that_is_for_good_is_answered_before_the_connection_is_dropped(
    store: SlowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_HANG_UP_TIMEOUT", ANSWERS_AFTER / 10)
    discord = Discord()
    async with (
        asyncio.timeout(PATIENCE),
        discord.running() as client,
        serve_in_process((ADD, Granting())) as address,  # type: ignore[abstract]  # the others are never called
        channel_to(address) as channel,
    ):
        journal = Journal(0, 1, store)
        journal.started(Session("session", discord.url, 1))
        permits = Permits(discord_pb2_grpc.DiscordLimitServiceStub(channel), "7", discord.where)
        shard = shard_of(journal, client, permits, discord, Shard)
        running = asyncio.create_task(shard.run())
        await discord.reached.wait()
        await shard.close(for_good=True)
        discord.may_greet.set()
        await discord.left.wait()
        await running
    assert discord.close_code == FINAL_CLOSE
    assert not discord.dropped


async def test_a_session_is_resumed_elsewhere_when_its_own_address_is_gone(store: SlowStore) -> None:
    discord = Discord()
    discord.may_greet.set()
    async with (
        asyncio.timeout(PATIENCE),
        discord.running() as client,
        serve_in_process((ADD, Granting())) as address,  # type: ignore[abstract]  # the others are never called
        channel_to(address) as channel,
    ):
        journal = Journal(0, 1, store)
        journal.started(Session("session", f"ws://127.0.0.1:{free_port()}/", 1))
        permits = Permits(discord_pb2_grpc.DiscordLimitServiceStub(channel), "7", discord.where)
        shard = shard_of(journal, client, permits, discord, Shard)
        running = asyncio.create_task(shard.run())
        await shard.ready.wait()
        assert journal.session is not None and journal.session.session_id == "session"
        await shard.close()
        await running


async def test_no_session_begins_once_the_fleet_closes_though_their_number_changes(store: SlowStore) -> None:
    discord, granting = Discord(), Granting()  # type: ignore[abstract]  # the others are never called
    discord.may_greet.set()
    made: list[Ending] = []
    settings = Live(with_shards(1))
    async with (
        asyncio.timeout(PATIENCE),
        discord.running() as client,
        serve_in_process((ADD, granting)) as address,
        channel_to(address) as channel,
    ):
        permits = Permits(discord_pb2_grpc.DiscordLimitServiceStub(channel), "7", discord.where)

        def make(journal: Journal) -> tuple[Shard, MirrorFeed]:
            shard = shard_of(journal, client, permits, discord, Ending)
            made.append(shard)
            feed = MirrorFeed(
                shard,
                mirror_pb2_grpc.MirrorFeedServiceStub(channel),
                members_told=lambda: False,
                settings=settings,
                clock=SystemClock(),
                rng=random.Random(1),
            )
            return shard, feed

        await store.save(0, 1, Session("session", discord.url, 1), {})
        fleet = Fleet(make, store, ThreadIndex(7), settings, recommended=1, clock=SystemClock())
        running = asyncio.create_task(fleet.run())
        await eventually(lambda: fleet.connected and _in_service(store), timeout=PATIENCE)
        # The change is under way when the process is told to stop.
        store.open.clear()
        asked = store.asked
        settings.replace(with_shards(2))
        await eventually(lambda: store.asked > asked, timeout=PATIENCE)
        await fleet.close()
        store.open.set()
        await eventually(lambda: len(made) == 3, timeout=PATIENCE)
        for shard in made:
            await shard.ended.wait()
        assert granting.asked == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _in_service(store: SlowStore) -> bool:
    return bool(await store.in_service())
