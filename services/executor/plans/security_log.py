"""Refusals of authority: written down in the guild's audit trail, and said in its log channel where it has one."""

from __future__ import annotations

import hashlib

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.scoped import Place, ScopedSettings
from services.executor.guild_settings import LOG_CHANNEL
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore
from services.executor.plans.record import PlanRecord
from services.executor.plans.saying import saying
from services.executor.plans.store import AuditEntry, PlanStore
from services.executor.replies.notice_job import KIND as NOTICE
from services.executor.replies.notice_job import Notice
from views.messages import message
from views.plans.refusals import refusals


class SecurityLog:
    """Tells those who run a guild what was refused there."""

    def __init__(self, store: PlanStore, jobs: JobStore, settings: ScopedSettings, clock: Clock) -> None:
        self._store = store
        self._jobs = jobs
        self._settings = settings
        self._clock = clock

    async def refused(self, plan: PlanRecord, lines: list[str]) -> None:
        """Notes refusals of one plan; the same ones are said once."""
        if not lines:
            return
        now, person = self._clock.now(), plan.requester.user_id
        entries = [AuditEntry(now, plan.plan_id, person, "refused", line, "not allowed") for line in lines]
        await self._store.audit(plan.guild_id, entries)
        channel = str(await self._settings.value(Place(guild_id=plan.guild_id), LOG_CHANNEL) or "")
        if not channel.isdecimal():
            return
        body = message(embeds=[refusals(plan.plan_id, person, lines, saying(plan.requester.locale))])
        notice = Notice(guild_id=plan.guild_id, channel_id=int(channel), body=body)
        once = hashlib.blake2b(f"{plan.plan_id}/{plan.revision}/{lines}".encode(), digest_size=8).digest()
        job = Job(new_id(now), NOTICE, f"notice:{channel}", notice.model_dump_json().encode(), now)
        await self._jobs.submit(job, event_id=int.from_bytes(once, "big"))
