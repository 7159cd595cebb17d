"""The parts of gateway and how they hang together; `bot` starts and stops them.

Some are there from the start, those that speak with Discord once it said who we are.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiohttp
from guildhall.executor.v1 import mirror_pb2_grpc, notice_pb2_grpc, reply_pb2_grpc
from guildhall.llm.v1 import model_pb2_grpc
from guildhall.ratelimit.v1 import discord_pb2_grpc, ratelimit_pb2_grpc

from chassis import person_data
from chassis.rpc.fan_out import ask_every_replica
from chassis.runtime import Runtime
from chassis.scoped import ScopedSettings, SettingsMirror
from services.gateway import client as discord_client
from services.gateway.analytics.person import ActivityOfPerson
from services.gateway.analytics.recorder import ActivityRecorder
from services.gateway.analytics.store import ActivityStore
from services.gateway.callbacks import Callbacks
from services.gateway.claims import Claims
from services.gateway.client import Client, Recommended
from services.gateway.context import Context, Services
from services.gateway.conversation import Conversations
from services.gateway.events import Interaction
from services.gateway.fleet import Fleet
from services.gateway.guild_settings import SETTINGS, GuildSettings
from services.gateway.handover import HandOver
from services.gateway.intake import Intake
from services.gateway.journal import Journal
from services.gateway.languages import Languages, LocaleOfPerson, LocaleStore
from services.gateway.mirror_feed import MirrorFeed
from services.gateway.model_names import ModelNames
from services.gateway.notices import ExecutorNotices
from services.gateway.numbers.recorder import SampleRecorder
from services.gateway.numbers.store import SampleStore
from services.gateway.permits import Permits
from services.gateway.redis_store import RedisStore
from services.gateway.registry import discover
from services.gateway.router import Router
from services.gateway.settings import GatewaySettings
from services.gateway.shards import Shard
from services.gateway.text_commands import TextCommands
from services.gateway.threads import ThreadIndex
from services.gateway.writers import Writers
from views.catalogue import texts


@dataclass(frozen=True)
class Connections:
    """What there is of Discord: the sessions, and what takes in what they are told."""

    fleet: Fleet
    intake: Intake


class Parts:
    """Everything that gateway is made of."""

    def __init__(self, runtime: Runtime[GatewaySettings]) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._rng = random.Random()  # noqa: S311 - jitter, no secret
        self._services = Services(runtime.channel, partial(ask_every_replica, runtime))
        self.registry = discover()
        own = ScopedSettings.serve(runtime, SETTINGS)
        self.guild_settings = GuildSettings(SettingsMirror.of_own(runtime, own), SettingsMirror.start(runtime, "llm"))
        self._models = ModelNames(self._services.stub(model_pb2_grpc.ModelServiceStub, "llm"))
        durable = runtime.redis("durable")
        self._samples = SampleStore(durable)
        self._activity_store = ActivityStore(durable, runtime.settings)
        self._activity = ActivityRecorder(self._activity_store, runtime.settings, runtime.clock)
        recorder = SampleRecorder(
            self._samples, self._services.every_replica, runtime.settings, runtime.clock, runtime.instance_id
        )
        locales = LocaleStore(durable, runtime.settings)
        self._languages = Languages(self.guild_settings, locales)
        person_data.serve(runtime, ActivityOfPerson(self._activity_store, self._activity), LocaleOfPerson(locales))
        runtime.background("models", self._models.follow)
        runtime.background("activity", self._activity.run)
        runtime.background("samples", recorder.run)
        runtime.on_stop(self._activity.flush)

    def store(self, bot_id: int) -> RedisStore:
        """What is kept of a bot."""
        return RedisStore(self._runtime.redis("durable"), bot_id)

    def connections(
        self,
        client: Client,
        session: aiohttp.ClientSession,
        *,
        bot_id: int,
        shards: int,
        where: Callable[[], Awaitable[Recommended]],
    ) -> Connections:
        """The parts that speak with Discord as this bot. `shards` is how many it recommends, `where` asks it anew."""
        settings, clock = self._settings, self._runtime.clock
        threads = ThreadIndex(bot_id)
        permits = Permits(
            self._services.stub(discord_pb2_grpc.DiscordLimitServiceStub, "ratelimit"), str(bot_id), where
        )

        def make(journal: Journal) -> tuple[Shard, MirrorFeed]:
            shard = Shard(
                journal.shard_id,
                journal.shard_count,
                client=client,
                journal=journal,
                permits=permits,
                where=where,
                deliver=intake.deliver,
                rng=self._rng,
                without_privileged=partial(discord_client.without_privileged, client, settings.current.intents),
            )
            return shard, self._mirror_feed(shard, client)

        fleet = Fleet(make, self.store(bot_id), threads, settings, recommended=shards, clock=clock)
        intake = Intake(
            router=self._router(threads, session),
            conversations=self._conversations(bot_id, threads),
            feeds=fleet.feeds,
            threads=threads,
            claims=Claims(settings.current.remembered_events),
            clock=clock,
        )
        return Connections(fleet, intake)

    def _mirror_feed(self, shard: Shard, client: Client) -> MirrorFeed:
        return MirrorFeed(
            shard,
            self._services.stub(mirror_pb2_grpc.MirrorFeedServiceStub, "executor"),
            members_told=lambda: client.intents.members,
            settings=self._settings,
            clock=self._runtime.clock,
            rng=self._rng,
        )

    def _router(self, threads: ThreadIndex, session: aiohttp.ClientSession) -> Router:
        callbacks = Callbacks(session, self._settings.current.deadlines.callback)

        def make_context(interaction: Interaction) -> Context:
            return Context(
                interaction,
                callbacks,
                self._services,
                texts(),
                self._settings,
                threads,
                self._runtime.clock,
                self.guild_settings,
                self._activity_store,
                self._samples,
            )

        return Router(self.registry, make_context, self._languages.heard, self._activity, self._runtime.calls)

    def _conversations(self, bot_id: int, threads: ThreadIndex) -> Conversations:
        stub, clock = self._services.stub, self._runtime.clock
        writers = Writers(self._services, self.guild_settings, self._settings)
        return Conversations(
            bot_id=bot_id,
            threads=threads,
            hand_over=HandOver(
                stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit"),
                stub(reply_pb2_grpc.ReplyServiceStub, "executor"),
            ),
            notices=ExecutorNotices(stub(notice_pb2_grpc.NoticeServiceStub, "executor"), texts(), clock),
            text_commands=TextCommands(
                self._services,
                texts(),
                self.guild_settings,
                models=self._models,
                writers=writers,
                activity=self._activity,
            ),
            writers=writers,
            guild_settings=self.guild_settings,
            languages=self._languages,
            models=self._models,
            settings=self._settings,
            clock=clock,
            rng=self._rng,
        )
