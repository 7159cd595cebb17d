"""The parts of executor and how they hang together; `__main__` starts them."""

from __future__ import annotations

import asyncio
from functools import partial

from chassis import person_data
from chassis.rpc.fan_out import ask_every_replica
from chassis.scoped import Place
from chassis.service import Runtime
from services.executor.board.wiring import BoardDelivery
from services.executor.budgets.alerts import BudgetAlerts
from services.executor.discord.api import DiscordApi
from services.executor.discord.identity import BotIdentity, learn
from services.executor.discord.permits import RateLimitPermits
from services.executor.discord.rest import RestClient
from services.executor.discord.webhooks import WebhookApi
from services.executor.health.looking import Looks
from services.executor.health.monitor import HealthMonitor
from services.executor.health.told import ToldStore
from services.executor.jobs.lease import LeaseKeeper
from services.executor.jobs.model import JobKind
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.runner import JobRunner
from services.executor.mirror.wiring import Mirror
from services.executor.person import WorkOfPerson
from services.executor.plans.mirrored import MirroredGuilds
from services.executor.plans.parts import PlanParts
from services.executor.replies.parts import ReplyParts
from services.executor.settings import ExecutorSettings


class Parts:
    """Everything that executor is made of."""

    def __init__(self, runtime: Runtime[ExecutorSettings]) -> None:
        settings, clock = runtime.settings.current, runtime.clock
        redis = runtime.redis("durable")
        self._runtime = runtime
        self._health = runtime.health("discord", critical=False)
        self._redis_health = runtime.health("jobs")
        self.identity = BotIdentity()
        self.permits = RateLimitPermits(runtime.channel("ratelimit"), self.identity)
        access = settings.discord
        # Asking who the bot is comes before there is a credential to take permits for; it is asked once.
        self._start_up_rest = RestClient(
            api_base=access.api_base, token=access.token, settings=settings.rest, permits=None, clock=clock
        )
        self.rest = RestClient(
            api_base=access.api_base, token=access.token, settings=settings.rest, permits=self.permits, clock=clock
        )
        runtime.settings.subscribe(self._use_new_token)
        self.api = DiscordApi(self.rest)
        self.store = JobStore(redis, settings.jobs, clock)
        self.replies = ReplyParts(
            runtime, redis, store=self.store, api=self.api, webhooks=WebhookApi(self.rest), identity=self.identity
        )
        self.mirror = Mirror(
            runtime,
            redis,
            jobs=self.store,
            rest=self.rest,
            guild_settings=self.replies.guild_settings,
            leads=lambda: 0 in self.runner.partitions,
        )
        self.plans = PlanParts(
            runtime,
            redis,
            jobs=self.store,
            rest=self.rest,
            api=self.api,
            identity=self.identity,
            guild_settings=self.replies.guild_settings,
            mirror=MirroredGuilds(self.mirror.reader),
        )
        self.board = BoardDelivery(
            runtime,
            settings=settings.board,
            rest=self.rest,
            identity=self.identity,
            store=self.store,
            leads=lambda: 0 in self.runner.partitions,
        )
        self.monitor = HealthMonitor(
            Looks(redis, partial(ask_every_replica, runtime), timeout=settings.health.look_timeout_seconds),
            ToldStore(redis),
            self.store,
            self.replies.guild_settings,
            language=self._language,
            leads=lambda: 0 in self.runner.partitions,
            settings=settings.health,
            clock=clock,
        )
        self.budgets = BudgetAlerts(
            runtime.channel("llm"),
            redis,
            self.store,
            self.replies.guild_settings,
            language=self._language,
            leads=lambda: 0 in self.runner.partitions,
            settings=settings.budgets,
            clock=clock,
        )
        kinds: tuple[JobKind, ...] = (
            *self.replies.kinds,
            *self.plans.kinds,
            *self.board.kinds,
            *self.mirror.kinds,
        )
        self.runner = JobRunner(self.store, settings.jobs, clock, {kind.name: kind for kind in kinds})
        self.leases = LeaseKeeper(redis, settings.jobs, clock, instance_id=runtime.instance_id, holder=self.runner)

    def serve(self) -> None:
        """Registers the contracts."""
        self.replies.serve()
        self.plans.serve()
        self.board.serve()
        self.mirror.serve()
        person_data.serve(self._runtime, WorkOfPerson(self.replies.records, self.plans.store))

    def work(self) -> None:
        """Registers what runs beside the server, and how it stops."""
        runtime = self._runtime
        runtime.background("leases", self._lead)
        runtime.background("jobs", self._run_jobs)
        runtime.background("health", self.monitor.watch)
        runtime.background("budgets", self.budgets.watch)
        self.replies.work()
        self.board.work()
        self.mirror.work()
        runtime.status("jobs", self._status)
        for step in (self.rest.close, self._start_up_rest.close, self.permits.close, self._stop_jobs):
            runtime.on_stop(step)

    def _use_new_token(self, _: ExecutorSettings, new: ExecutorSettings) -> None:
        for client in (self._start_up_rest, self.rest):
            client.use_token(new.discord.token)

    def _language(self, guild_id: int) -> str:
        return str(self.board.gateway_settings.value(Place(guild_id=guild_id), "language") or "en")

    async def _lead(self) -> None:
        await learn(self.identity, DiscordApi(self._start_up_rest).current_user)
        self._health.serving()
        await self.runner.keep_leases(self.leases)

    async def _run_jobs(self) -> None:
        self._redis_health.serving()
        await self.runner.read_forever()
        await asyncio.Event().wait()

    async def _stop_jobs(self) -> None:
        await self.runner.drain()
        await self.leases.release_all()

    def _status(self) -> dict[str, int | str]:
        return {
            "partitions": len(self.runner.partitions),
            "running": self.runner.running,
            "bot": str(self.identity.user_id) if self.identity.known else "",
        }
