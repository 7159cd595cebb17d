"""Tells guilds' log channels what llm's event log says of their budgets, each alert once.

One executor asks: the owner of the first partition. What is told becomes a notice job under an id made of the event's
own, so an event that is seen again makes no second job; the cursor moves once the job is on disk.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import grpc
import redis.asyncio as redis
import structlog
from guildhall.llm.v1 import usage_pb2, usage_pb2_grpc
from redis.exceptions import RedisError

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, from_rpc_error
from chassis.ids import new_id
from chassis.scoped import ScopedSettings
from services.executor.budgets.settings import BudgetSettings
from services.executor.jobs import keys
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore
from services.executor.log_channels import LogChannel, log_channels
from services.executor.replies.notice_job import KIND as NOTICE
from services.executor.replies.notice_job import Notice
from views.budgets import alert
from views.messages import message

_log = structlog.get_logger(__name__)


class BudgetAlerts:
    """Asks for as long as the process runs and leads."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        client: redis.Redis,
        jobs: JobStore,
        guild_settings: ScopedSettings,
        *,
        language: Callable[[int], str],
        leads: Callable[[], bool],
        settings: BudgetSettings,
        clock: Clock,
    ) -> None:
        self._usage = usage_pb2_grpc.UsageServiceStub(channel)
        self._redis: Any = client
        self._jobs = jobs
        self._guild_settings = guild_settings
        self._language = language
        self._leads = leads
        self._settings = settings
        self._clock = clock

    async def watch(self) -> None:
        """Asks until cancelled."""
        while True:
            if self._leads():
                try:
                    await self.once()
                except (RedisError, GuildhallError) as error:
                    _log.info("budgets.not_told", why=str(error), error=type(error).__name__)
            await asyncio.sleep(self._settings.interval_seconds)

    async def once(self) -> None:
        """Asks once for every guild that wants to be told."""
        told = {int(guild): int(last) for guild, last in (await self._redis.hgetall(keys.BUDGETS_TOLD)).items()}
        async for channel in log_channels(self._guild_settings):
            await self._tell(channel, told.get(channel.guild_id, 0))

    async def _tell(self, channel: LogChannel, last: int) -> None:
        request = usage_pb2.WatchEventsRequest(guild_id=channel.guild_id, after_sequence=last, until_now=True)
        with acting_for(None):
            stream = self._usage.WatchEvents(request, timeout=self._settings.timeout_seconds)
        try:
            async for answer in stream:
                event = answer.event
                if event.HasField("budget_alert") and self._is_news(event):
                    await self._post(channel, event)
                await self._redis.hset(keys.BUDGETS_TOLD, channel.guild_id, event.sequence)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        finally:
            stream.cancel()

    def _is_news(self, event: usage_pb2.Event) -> bool:
        return self._clock.now() - event.create_time.ToNanoseconds() / 1e9 <= self._settings.too_old_seconds

    async def _post(self, channel: LogChannel, event: usage_pb2.Event) -> None:
        body = message(alert(self._language(channel.guild_id), event.budget_alert))
        notice = Notice(guild_id=channel.guild_id, channel_id=channel.channel_id, body=body)
        once = hashlib.blake2b(f"budget/{channel.guild_id}/{event.sequence}".encode(), digest_size=8).digest()
        now = self._clock.now()
        job = Job(new_id(now), NOTICE, f"notice:{channel.channel_id}", notice.model_dump_json().encode(), now)
        await self._jobs.submit(job, event_id=int.from_bytes(once, "big"))
