"""The parts of plans and how they hang together."""

from __future__ import annotations

import redis.asyncio as redis
from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc

from chassis.scoped import ScopedSettings
from chassis.service import Runtime
from services.executor.discord.api import DiscordApi
from services.executor.discord.files import FileFetcher
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.discord.rest import RestClient
from services.executor.jobs.model import JobKind
from services.executor.jobs.redis_store import JobStore
from services.executor.plans.desk import PlanDesk
from services.executor.plans.draft_job import DraftJobs
from services.executor.plans.fetch import Fetcher
from services.executor.plans.latencies import Latencies
from services.executor.plans.mirrored import Mirrored
from services.executor.plans.pictures import Pictures
from services.executor.plans.run_job import RunJobs
from services.executor.plans.screen import Screen
from services.executor.plans.security_log import SecurityLog
from services.executor.plans.servicer import PlanServicer
from services.executor.plans.starting import Starter
from services.executor.plans.store import PlanStore
from services.executor.plans.words import Words
from services.executor.settings import ExecutorSettings

_METHODS = tuple(method.name for method in plan_pb2.DESCRIPTOR.services_by_name["PlanService"].methods)


class PlanParts:
    """Everything that plans are made of."""

    def __init__(
        self,
        runtime: Runtime[ExecutorSettings],
        client: redis.Redis,
        *,
        jobs: JobStore,
        rest: RestClient,
        api: DiscordApi,
        identity: BotIdentity,
        guild_settings: ScopedSettings,
        mirror: Mirrored,
    ) -> None:
        settings, clock = runtime.settings.current.plans, runtime.clock
        self._runtime = runtime
        self.store = store = PlanStore(client, settings, clock)
        """The plans that are kept."""
        latencies = Latencies(settings.latency_seconds, settings.overhead_seconds)
        # What a run reads belongs to its bulk work; nobody waits for it as for a preview.
        running = Fetcher(rest, latencies, members_limit=settings.members_limit, priority=Priority.BULK)
        fetcher = Fetcher(rest, latencies, members_limit=settings.members_limit)
        drafting = Fetcher(rest, latencies, members_limit=settings.members_limit, mirror=mirror)
        screen = Screen(api, store, clock, runtime.settings.current.replies)
        attachments = runtime.settings.current.replies.attachments
        files = FileFetcher(
            hosts=attachments.hosts,
            seconds=attachments.fetch_seconds,
            api_base=runtime.settings.current.discord.api_base,
        )
        runtime.on_stop(files.close)
        pictures = Pictures(files)
        starter = Starter(jobs, store, settings, clock)
        security = SecurityLog(store, jobs, guild_settings, clock)
        self._desk = PlanDesk(
            store=store, starter=starter, fetcher=fetcher, identity=identity, settings=settings, clock=clock
        )
        self.kinds: tuple[JobKind, ...] = (
            DraftJobs(
                store=store,
                fetcher=drafting,
                words=Words(runtime.channel("llm"), settings),
                pictures=pictures,
                screen=screen,
                identity=identity,
                starter=starter,
                security=security,
                settings=settings,
                clock=clock,
                latencies=latencies,
            ),
            RunJobs(
                store=store,
                fetcher=running,
                mirrored=drafting,
                rest=rest,
                screen=screen,
                identity=identity,
                starter=starter,
                security=security,
                settings=settings,
                clock=clock,
                latencies=latencies,
            ),
        )

    def serve(self) -> None:
        """Registers the contract."""
        self._runtime.serve(
            plan_pb2_grpc.add_PlanServiceServicer_to_server,
            PlanServicer(self._desk, self._runtime.clock),
            callers=dict.fromkeys(_METHODS, ("gateway",)),
        )
