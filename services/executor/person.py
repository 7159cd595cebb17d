"""What executor keeps about a person: answers to their questions, and the plans they asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from chassis.person_data import Forgotten
from chassis.runtime import JSON
from services.executor.plans.record import PlanStatus
from services.executor.plans.store import PlanStore
from services.executor.replies.record import ReplyRecords

UNDER_WAY = frozenset({PlanStatus.DRAFTING, PlanStatus.RUNNING, PlanStatus.PAUSED})


class WorkOfPerson:
    """Gives and forgets it."""

    def __init__(self, records: ReplyRecords, plans: PlanStore) -> None:
        self._records = records
        self._plans = plans

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        """See PersonData."""
        return {
            "answers": [
                {
                    "job_id": record.job_id,
                    "guild_id": str(record.question.guild_id),
                    "channel_id": str(record.channel_id),
                    "asked": record.question.prompt,
                    "answers": [version.text for version in record.versions],
                }
                for record in await self._records.of_person(user_id)
            ],
            "plans": [
                {
                    "plan_id": plan.plan_id,
                    "guild_id": str(plan.guild_id),
                    "words": list(plan.words),
                    "summary": plan.summary,
                    "status": plan.status.value,
                    "created": datetime.fromtimestamp(plan.created, UTC).isoformat(timespec="seconds"),
                }
                for plan in await self._plans.of_person(user_id)
            ],
        }

    async def forget_person(self, user_id: int) -> Forgotten:
        """See PersonData. A plan that is under way stays until it has ended; the guild's own audit trail stays. What is
        known of jobs that were just done goes by itself (`jobs.journal_ttl_seconds`)."""
        answers = await self._records.forget_person(user_id)
        plans = await self._plans.of_person(user_id)
        over = [plan for plan in plans if plan.status not in UNDER_WAY]
        for plan in over:
            await self._plans.forget(plan)
        kept = ("recent_jobs", "audit_trail") + (() if len(over) == len(plans) else ("plans_under_way",))
        return Forgotten({"answers": answers, "plans": len(over)}, kept)
