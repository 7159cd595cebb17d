"""The parts of executor and how they hang together; `__main__` starts them."""

from __future__ import annotations

import asyncio

from guildhall.executor.v1 import announcement_pb2_grpc, notice_pb2_grpc, reply_pb2_grpc
from guildhall.llm.v1 import conversation_pb2_grpc, generation_pb2_grpc

from chassis.scoped import ScopedSettings
from chassis.service import Runtime
from services.executor.archive.announce_job import AnnounceJobs
from services.executor.archive.recovery import Recovery
from services.executor.archive.scopes import Scopes
from services.executor.archive.servicer import AnnouncementServicer
from services.executor.board.wiring import BoardDelivery
from services.executor.discord.api import DiscordApi
from services.executor.discord.identity import BotIdentity, learn
from services.executor.discord.permits import RateLimitPermits
from services.executor.discord.rest import RestClient
from services.executor.guild_settings import SETTINGS
from services.executor.jobs.lease import LeaseKeeper
from services.executor.jobs.model import JobKind
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.runner import JobRunner
from services.executor.plans.parts import PlanParts
from services.executor.replies.action_jobs import ForkJobs, ShowJobs
from services.executor.replies.actions import ReplyActions
from services.executor.replies.job import ReplyJobs
from services.executor.replies.notice_job import NoticeJobs
from services.executor.replies.record import ReplyRecords
from services.executor.replies.stops import Stops
from services.executor.replies.submission import Submission
from services.executor.replies.threads import ThreadDirectory
from services.executor.servicer import REPLY_METHODS, NoticeServicer, ReplyServicer
from services.executor.settings import ExecutorSettings
from views.announcement import key_from


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
        self.api = DiscordApi(self.rest)
        self.store = JobStore(redis, settings.jobs, clock)
        self.threads = ThreadDirectory(redis, ttl_days=settings.replies.thread_alias_days)
        self.records = ReplyRecords(redis, ttl_days=settings.replies.thread_alias_days)
        self.stops = Stops(redis, clock)
        self.guild_settings = ScopedSettings.serve(runtime, SETTINGS)
        scopes = Scopes(runtime.channel)
        key = key_from(access.token.get_secret_value())
        recovery = Recovery(redis, api=self.api, identity=self.identity, scopes=scopes, key=key)
        replies = ReplyJobs(
            api=self.api,
            identity=self.identity,
            llm=generation_pb2_grpc.GenerationServiceStub(runtime.channel("llm")),
            threads=self.threads,
            records=self.records,
            stops=self.stops,
            guild_settings=self.guild_settings,
            recovery=recovery,
            settings=settings.replies,
            clock=clock,
        )
        shows = ShowJobs(
            api=self.api, identity=self.identity, records=self.records, settings=settings.replies, clock=clock
        )
        forks = ForkJobs(
            api=self.api,
            identity=self.identity,
            llm=conversation_pb2_grpc.ConversationServiceStub(runtime.channel("llm")),
            records=self.records,
            threads=self.threads,
            settings=settings.replies,
            clock=clock,
        )
        notices = NoticeJobs(api=self.api, identity=self.identity, settings=settings.replies, clock=clock)
        announcements = AnnounceJobs(
            api=self.api, identity=self.identity, scopes=scopes, key=key, settings=settings.replies, clock=clock
        )
        self.plans = PlanParts(runtime, redis, jobs=self.store, rest=self.rest, api=self.api, identity=self.identity)
        self.board = BoardDelivery(
            runtime,
            settings=settings.board,
            rest=self.rest,
            identity=self.identity,
            store=self.store,
            leads=lambda: 0 in self.runner.partitions,
        )
        kinds: tuple[JobKind, ...] = (
            replies, shows, forks, notices, announcements, *self.plans.kinds, *self.board.kinds,
        )  # fmt: skip
        self.runner = JobRunner(self.store, settings.jobs, clock, {kind.name: kind for kind in kinds})
        self.leases = LeaseKeeper(redis, settings.jobs, clock, instance_id=runtime.instance_id, holder=self.runner)

    def serve(self) -> None:
        """Registers the contracts."""
        settings, clock = self._runtime.settings.current, self._runtime.clock
        submission = Submission(self.store, self.threads, settings.replies, clock)
        actions = ReplyActions(self.store, self.records, self.stops, clock)
        self._runtime.serve(
            reply_pb2_grpc.add_ReplyServiceServicer_to_server,
            ReplyServicer(submission, actions, self.guild_settings),
            callers=dict.fromkeys(REPLY_METHODS, ("gateway",)),
        )
        self._runtime.serve(
            notice_pb2_grpc.add_NoticeServiceServicer_to_server,
            NoticeServicer(actions),
            callers={"PostNotice": {"gateway"}},
        )
        self._runtime.serve(
            announcement_pb2_grpc.add_AnnouncementServiceServicer_to_server,
            AnnouncementServicer(actions),
            callers={"AnnounceSettings": {"gateway"}},
        )

        self.plans.serve()
        self.board.serve()

    def work(self) -> None:
        """Registers what runs beside the server, and how it stops."""
        runtime = self._runtime
        runtime.background("leases", self._lead)
        runtime.background("jobs", self._run_jobs)
        runtime.background("stops", self.stops.listen)
        self.board.work()
        runtime.status("jobs", self._status)
        for step in (self.rest.close, self._start_up_rest.close, self.permits.close, self._stop_jobs):
            runtime.on_stop(step)

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
