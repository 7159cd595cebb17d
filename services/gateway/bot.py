"""The bot in Discord: what there is once Discord said who we are, and the order in which it starts and stops.

Start: who we are, which intents we may have, where we were (journals), then the shards; commands are registered beside
them. Stop: the connections first, so that nothing new comes in, then what is being handed over, then the journals.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import aiohttp
import disnake
import structlog
from guildhall.executor.v1 import mirror_pb2_grpc, notice_pb2_grpc, reply_pb2_grpc
from guildhall.llm.v1 import model_pb2_grpc
from guildhall.ratelimit.v1 import discord_pb2_grpc, ratelimit_pb2_grpc

from chassis import person_data
from chassis.rpc.fan_out import ask_every_replica
from chassis.runtime import JSON, Runtime
from chassis.scoped import ScopedSettings, SettingsMirror
from services.gateway import client as discord_client
from services.gateway.analytics.person import ActivityOfPerson
from services.gateway.analytics.recorder import ActivityRecorder
from services.gateway.analytics.store import ActivityStore
from services.gateway.callbacks import Callbacks
from services.gateway.claims import Claims
from services.gateway.client import Application, Client, Misconfigured, Recommended
from services.gateway.context import Context, Services
from services.gateway.conversation import Conversations
from services.gateway.events import Interaction
from services.gateway.fleet import Fleet, check_shards
from services.gateway.guild_settings import SETTINGS, GuildSettings
from services.gateway.handover import HandOver
from services.gateway.intake import Intake
from services.gateway.journal import Journal
from services.gateway.mirror_feed import MirrorFeed
from services.gateway.model_names import ModelNames
from services.gateway.notices import ExecutorNotices
from services.gateway.numbers.recorder import SampleRecorder
from services.gateway.numbers.store import SampleStore
from services.gateway.permits import Permits
from services.gateway.redis_store import RedisStore
from services.gateway.registration import register
from services.gateway.registry import discover
from services.gateway.router import Router
from services.gateway.settings import GatewaySettings
from services.gateway.shards import Shard
from services.gateway.text_commands import TextCommands
from services.gateway.threads import ThreadIndex
from services.gateway.writers import Writers
from views.catalogue import texts

_log = structlog.get_logger(__name__)

AnswerT = TypeVar("AnswerT")

_LONGEST_RETRY = 30.0
_DRAIN = 5.0
_MIRROR_DRAIN = 2.0
_LOOK = 0.25
_UNREACHABLE = (aiohttp.ClientError, OSError, disnake.HTTPException, disnake.GatewayNotFound)


class Bot:
    """Everything between Discord and the other services."""

    def __init__(self, runtime: Runtime[GatewaySettings]) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._health = runtime.health("discord")
        self._health.not_serving("not connected yet")
        self._rng = random.Random()  # noqa: S311 - jitter, no secret
        self._services = Services(runtime.channel, partial(ask_every_replica, runtime))
        own = ScopedSettings.serve(runtime, SETTINGS)
        self._guild_settings = GuildSettings(SettingsMirror.of_own(runtime, own), SettingsMirror.start(runtime, "llm"))
        self._models = ModelNames(self._services.stub(model_pb2_grpc.ModelServiceStub, "llm"))
        runtime.background("models", self._models.follow)
        durable = runtime.redis("durable")
        self._samples = SampleStore(durable)
        self._activity_store = ActivityStore(durable, self._settings)
        self._activity = ActivityRecorder(self._activity_store, self._settings, runtime.clock)
        recorder = SampleRecorder(
            self._samples, self._services.every_replica, self._settings, runtime.clock, runtime.instance_id
        )
        person_data.serve(runtime, ActivityOfPerson(self._activity_store, self._activity))
        runtime.background("activity", self._activity.run)
        runtime.background("samples", recorder.run)
        runtime.on_stop(self._activity.flush)
        self._registry = discover()
        self._fleet: Fleet | None = None
        self._intake: Intake | None = None
        self._client: Client | None = None
        self._where: Recommended | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Lives until cancelled. Returns early only where Discord refuses for good; one logged line says what to do."""
        try:
            await self._live()
        except* Misconfigured as refused:
            for error in _each(refused):
                self._health.not_serving(str(error))
                _log.critical(str(error))

    async def stop(self) -> None:
        """Leaves Discord so that the sessions can be resumed, with everything handed over and written down."""
        self._stopping.set()
        if self._fleet is not None and self._intake is not None:
            await self._fleet.close()
            await self._intake.drain(_DRAIN)
            await self._fleet.save(_MIRROR_DRAIN)
        if self._client is not None:
            await self._client.http.close()

    def status(self) -> Mapping[str, JSON]:
        """How each shard is, for operators."""
        fleet = self._fleet
        shards = fleet.feeds.items() if fleet is not None else ()
        return {
            "shards": [
                {
                    "shard": shard.shard_id,
                    "of": shard.shard_count,
                    "connected": shard.connected,
                    "latency_ms": round(shard.latency * 1000, 1) if shard.connected else None,
                    "handing_over": shard.journal.outstanding,
                    "mirror_waiting": feed.waiting,
                }
                for shard, feed in shards
            ],
            "commands": len(self._registry.commands),
        }

    async def _live(self) -> None:
        access = self._settings.current.discord
        token = access.token.get_secret_value()
        about = await self._reached(lambda: discord_client.application(access.api_base, token))
        intents, missing = discord_client.intents(self._settings.current.intents, about.flags)
        for label in missing:
            _log.warning(f"the bot does without the {label}: it is not turned on in the developer portal")
        self._client = discord_client.create(access.api_base, intents)
        await self._reached(lambda: self._login(token))
        self._settings.subscribe(lambda _, new: discord_client.use_token(self._connected_client(), new.discord.token))
        where = await self._reached(self._recommended)
        # What is said in a channel means what its settings make of it, from the first event on.
        await self._guild_settings.known()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            store = RedisStore(self._runtime.redis("durable"), about.bot_id)
            fleet = self._fleet = self._assemble(about, where, session, store)
            group.create_task(self._register(about, store))
            group.create_task(fleet.run())
            group.create_task(self._watch(fleet))
            await self._stopping.wait()
            # Background work that ends takes the process with it; this one ends with the process.
            await asyncio.Event().wait()

    def _assemble(
        self, about: Application, where: Recommended, session: aiohttp.ClientSession, store: RedisStore
    ) -> Fleet:
        runtime, settings = self._runtime, self._settings
        threads = ThreadIndex(about.bot_id)
        callbacks = Callbacks(session, settings.current.deadlines.callback)

        def make_context(interaction: Interaction) -> Context:
            return Context(
                interaction,
                callbacks,
                self._services,
                texts(),
                settings,
                threads,
                runtime.clock,
                self._guild_settings,
                self._activity_store,
                self._samples,
            )

        writers = Writers(self._services, self._guild_settings, settings)
        conversations = Conversations(
            bot_id=about.bot_id,
            threads=threads,
            hand_over=HandOver(
                self._services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit"),
                self._services.stub(reply_pb2_grpc.ReplyServiceStub, "executor"),
            ),
            notices=ExecutorNotices(
                self._services.stub(notice_pb2_grpc.NoticeServiceStub, "executor"), texts(), runtime.clock
            ),
            text_commands=TextCommands(
                self._services,
                texts(),
                self._guild_settings,
                models=self._models,
                writers=writers,
                activity=self._activity,
            ),
            writers=writers,
            guild_settings=self._guild_settings,
            models=self._models,
            settings=settings,
            clock=runtime.clock,
            rng=self._rng,
        )
        permits = Permits(
            self._services.stub(discord_pb2_grpc.DiscordLimitServiceStub, "ratelimit"),
            str(about.bot_id),
            self._recommended,
        )
        client = self._connected_client()

        def make(journal: Journal) -> tuple[Shard, MirrorFeed]:
            shard = Shard(
                journal.shard_id,
                journal.shard_count,
                client=client,
                journal=journal,
                permits=permits,
                where=self._recommended,
                deliver=intake.deliver,
                rng=self._rng,
                without_privileged=partial(discord_client.without_privileged, client, settings.current.intents),
            )
            return shard, MirrorFeed(
                shard,
                self._services.stub(mirror_pb2_grpc.MirrorFeedServiceStub, "executor"),
                members_told=lambda: client.intents.members,
                settings=settings,
                clock=runtime.clock,
                rng=self._rng,
            )

        fleet = Fleet(make, store, threads, settings, recommended=where.shards, clock=runtime.clock)
        intake = self._intake = Intake(
            router=Router(self._registry, make_context, self._activity, runtime.calls),
            conversations=conversations,
            feeds=fleet.feeds,
            threads=threads,
            claims=Claims(settings.current.remembered_events),
            clock=runtime.clock,
        )
        settings.guard(lambda new: check_shards(new, where.shards))
        return fleet

    def _connected_client(self) -> Client:
        assert self._client is not None
        return self._client

    async def _login(self, token: str) -> None:
        await discord_client.login(self._connected_client(), token)

    async def _recommended(self) -> Recommended:
        return await discord_client.recommended(self._connected_client())

    async def _register(self, about: Application, store: RedisStore) -> None:
        client = self._connected_client()
        payload = self._registry.payload(texts())

        async def send(commands: list[dict[str, object]]) -> object:
            return await client.http.bulk_upsert_global_commands(about.application_id, commands)  # type: ignore[arg-type]

        async def fetch() -> Sequence[Mapping[str, object]]:
            return await client.http.get_global_commands(about.application_id, with_localizations=False)

        await self._reached(lambda: register(payload, store, send, fetch))

    async def _watch(self, fleet: Fleet) -> None:
        """Says how it is, and under the bot's name what the configuration says, again and again: Discord forgets it."""
        told: dict[Shard, float] = {}
        while True:
            if fleet.connected:
                self._health.serving()
            else:
                self._health.not_serving("a shard is not connected")
            presence, now = self._settings.current.presence, self._runtime.clock.monotonic()
            told = {shard: at for shard, at in told.items() if shard in fleet.feeds}
            for shard in fleet.shards:
                if shard.connected and now - told.get(shard, -math.inf) >= presence.interval:
                    await shard.change_presence(presence.text)
                    told[shard] = now
            await asyncio.sleep(_LOOK)

    async def _reached(self, call: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """Calls Discord until it answers; Misconfigured is an answer."""
        delay = 0.5
        while True:
            try:
                return await call()
            except _UNREACHABLE as error:
                _log.warning("Discord not reached", error=repr(error))
                self._health.not_serving("Discord does not answer")
            await asyncio.sleep(self._rng.uniform(delay / 2, delay))
            delay = min(_LONGEST_RETRY, delay * 2)


def _each(group: BaseExceptionGroup[Misconfigured]) -> Iterator[Misconfigured]:
    """What was raised, however deep in groups of groups it lies."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error
