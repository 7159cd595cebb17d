"""The health monitor: looks, keeps the book, and tells guilds' log channels of each change, once.

One executor watches: the owner of the first partition, and for a while whoever owned it before, since nobody owns
anything while the durable store is away. What is told becomes a notice job for each guild under an id made
of the post's number, so that a post that was half made before a crash is completed and not repeated. While the durable
store is away nothing can be told; the book remembers, and it is told when the store is back.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.scoped import ScopedSettings
from services.executor.health.book import Change, HealthBook, Told
from services.executor.health.looking import DURABLE
from services.executor.health.settings import HealthSettings
from services.executor.health.told import Record, ToldStore
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore
from services.executor.log_channels import LogChannel, log_channels
from services.executor.replies.notice_job import KIND as NOTICE
from services.executor.replies.notice_job import Notice
from views.health import report
from views.messages import message

_log = structlog.get_logger(__name__)

_STILL_WATCHING_SECONDS = 120.0
"""Longer than a store takes to come back and be shared out anew, in all but the worst outages."""


class Looking(Protocol):
    """Whoever looks at every part."""

    async def look(self) -> dict[str, bool]:
        """Whether each part is at work."""
        ...


class HealthMonitor:
    """Watches for as long as the process runs."""

    def __init__(
        self,
        looks: Looking,
        told: ToldStore,
        jobs: JobStore,
        guild_settings: ScopedSettings,
        *,
        language: Callable[[int], str],
        leads: Callable[[], bool],
        settings: HealthSettings,
        clock: Clock,
    ) -> None:
        self._looks = looks
        self._told = told
        self._jobs = jobs
        self._guild_settings = guild_settings
        self._language = language
        self._leads = leads
        self._settings = settings
        self._clock = clock
        self._led_at = -math.inf
        self._logged: dict[str, Told] = {}
        self._book = self._empty_book()

    async def watch(self) -> None:
        """Looks until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._settings.interval_seconds)

    async def once(self) -> None:
        """Looks once, and tells what there is to tell."""
        if not self._is_watching():
            self._book = self._empty_book()
            return
        found = await self._looks.look()
        now = self._clock.now()
        for name, well in found.items():
            self._book.note(name, well=well, now=now)
        for change in self._book.changes(self._logged):
            self._logged[change.part] = Told(change.well, change.since)
            _log.warning("health.changed", part=change.part, well=change.well, since=change.since)
        if not self._settings.enabled or not found.get(DURABLE, True):
            return  # To try and tell would wait for the store, and keep from looking as long as it is away.
        try:
            await self._tell(now)
        except RedisError as error:
            _log.info("health.not_told", why=str(error))

    def _is_watching(self) -> bool:
        now = self._clock.monotonic()
        if self._leads():
            self._led_at = now
        return now - self._led_at <= _STILL_WATCHING_SECONDS

    def _empty_book(self) -> HealthBook:
        return HealthBook(
            unwell_after=self._settings.unwell_after_seconds,
            well_after=self._settings.well_after_seconds,
            first_patience=self._settings.first_patience_seconds,
        )

    async def _tell(self, now: float) -> None:
        record = await self._told.load()
        changes = self._book.changes(record.parts)
        if not changes or now - record.posted_at < self._settings.post_pause_seconds:
            return
        number = record.number + 1
        async for channel in log_channels(self._guild_settings):
            await self._post(number, channel, changes)
        parts = {**record.parts, **{change.part: Told(change.well, change.since) for change in changes}}
        await self._told.save(Record(number, now, parts))

    async def _post(self, number: int, channel: LogChannel, changes: Sequence[Change]) -> None:
        body = message(report(self._language(channel.guild_id), changes))
        notice = Notice(guild_id=channel.guild_id, channel_id=channel.channel_id, body=body)
        once = hashlib.blake2b(f"health/{number}/{channel.guild_id}".encode(), digest_size=8).digest()
        now = self._clock.now()
        job = Job(new_id(now), NOTICE, f"notice:{channel.channel_id}", notice.model_dump_json().encode(), now)
        await self._jobs.submit(job, event_id=int.from_bytes(once, "big"))
