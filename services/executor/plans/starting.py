"""Confirming, pausing, resuming and cancelling: the wishes of people about plans, decided by the plan's own record.

A confirmation is bound to the hash of what was shown, to who asked, to a time, and works once. The decision and the
job that acts on it are two writes; a repeat of the wish makes up for a crash between them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from guildhall.executor.v1 import plan_pb2

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.telemetry.propagation import producer_span
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore
from services.executor.plans.record import PlanRecord, PlanStatus, Wish
from services.executor.plans.settings import PlanSettings
from services.executor.plans.store import AuditEntry, PlanStore

DRAFT, RUN = "plan.draft", "plan.run"
GRANTED = plan_pb2.PLAN_REFUSAL_UNSPECIFIED
_HASH_LEAST = 8

Refusal = plan_pb2.PlanRefusal


class Starter:
    """Decides over wishes and hands the work to jobs."""

    def __init__(self, jobs: JobStore, store: PlanStore, settings: PlanSettings, clock: Clock) -> None:
        self._jobs = jobs
        self._store = store
        self._settings = settings
        self._clock = clock

    async def draft(self, plan: PlanRecord) -> None:
        """Has the preview of a plan made. Drafts of different plans run side by side."""
        await self._submit(DRAFT, f"plan:{plan.plan_id}", plan, f"{plan.plan_id}/{plan.revision}")

    async def confirm(self, plan_id: str, person: int, shown: str, *, may_approve: bool = False) -> Refusal.ValueType:
        """Confirms what was shown, or approves it as a second person, who must be one that manages the guild."""
        refusal = GRANTED
        approving = False

        def decide(plan: PlanRecord) -> PlanRecord | None:
            nonlocal refusal, approving
            refusal, approving = self._refusal(plan, person, shown), plan.status is PlanStatus.APPROVAL
            if approving and refusal is GRANTED and not may_approve:
                refusal = plan_pb2.PLAN_REFUSAL_WRONG_PERSON
            if refusal is not GRANTED:
                return None
            if self._wants_approval(plan):
                refusal = plan_pb2.PLAN_REFUSAL_NEEDS_APPROVAL
                return plan.model_copy(
                    update={"status": PlanStatus.APPROVAL, "confirmed_by": person, "confirmed_hash": plan.hash}
                )
            changes = {"status": PlanStatus.RUNNING, "wish": Wish.RUN, "runs": plan.runs + 1, "stale": []}
            changes |= {"approver": person} if approving else {"confirmed_by": person, "confirmed_hash": plan.hash}
            return plan.model_copy(update=changes)

        plan = await self._store.change(plan_id, decide)
        mine = plan.status is PlanStatus.RUNNING and person in (plan.confirmed_by, plan.approver)
        if refusal is GRANTED or (refusal == plan_pb2.PLAN_REFUSAL_ALREADY_CONFIRMED and mine):
            await self.run(plan)
        action = "approved" if approving else "confirmed"
        outcome = "" if refusal is GRANTED else plan_pb2.PlanRefusal.Name(refusal)
        await self._audit(plan, person, action, outcome or "yes")
        return refusal

    async def cancel(self, plan_id: str, person: int, *, may_others: bool) -> Refusal.ValueType:
        """Cancels a plan, or ends its run."""

        def change(plan: PlanRecord) -> PlanRecord | None:
            if plan.status is PlanStatus.RUNNING:
                return plan.model_copy(update={"wish": Wish.CANCEL})
            if plan.status is PlanStatus.PAUSED:
                return plan.model_copy(
                    update={"wish": Wish.CANCEL, "status": PlanStatus.RUNNING, "runs": plan.runs + 1}
                )
            if plan.status in (PlanStatus.PREVIEW, PlanStatus.QUESTION, PlanStatus.DRAFTING, PlanStatus.APPROVAL):
                return plan.model_copy(update={"status": PlanStatus.CANCELLED, "ended": self._clock.now()})
            return None

        return await self._wish(plan_id, person, "cancelled", change, may_others=may_others)

    async def pause(self, plan_id: str, person: int, *, may_others: bool) -> Refusal.ValueType:
        """Halts a run between operations."""

        def change(plan: PlanRecord) -> PlanRecord | None:
            return plan.model_copy(update={"wish": Wish.PAUSE}) if plan.status is PlanStatus.RUNNING else None

        return await self._wish(plan_id, person, "paused", change, may_others=may_others)

    async def resume(self, plan_id: str, person: int, *, may_others: bool) -> Refusal.ValueType:
        """Lets a run go on that stands still."""

        def change(plan: PlanRecord) -> PlanRecord | None:
            if plan.status is not PlanStatus.PAUSED:
                return plan.model_copy(update={"wish": Wish.RUN}) if plan.wish is Wish.PAUSE else None
            return plan.model_copy(
                update={
                    "status": PlanStatus.RUNNING,
                    "wish": Wish.RUN,
                    "pause_reason": "",
                    "resume_at": 0.0,
                    "runs": plan.runs + 1,
                }
            )

        return await self._wish(plan_id, person, "resumed", change, may_others=may_others)

    async def run(self, plan: PlanRecord) -> None:
        """Has a plan run. Runs of one guild come one after another: there is one writer."""
        await self._submit(RUN, f"guild:{plan.guild_id}", plan, f"{plan.plan_id}/run/{plan.runs}")

    async def _wish(
        self,
        plan_id: str,
        person: int,
        action: str,
        change: Callable[[PlanRecord], PlanRecord | None],
        *,
        may_others: bool,
    ) -> Refusal.ValueType:
        refusal = GRANTED

        def decide(plan: PlanRecord) -> PlanRecord | None:
            nonlocal refusal
            refusal = GRANTED
            if person != plan.requester.user_id and not may_others:
                refusal = plan_pb2.PLAN_REFUSAL_WRONG_PERSON
                return None
            changed = change(plan)
            if changed is None:
                refusal = plan_pb2.PLAN_REFUSAL_WRONG_STATUS
            return changed

        plan = await self._store.change(plan_id, decide)
        if refusal is GRANTED:
            if plan.status is PlanStatus.RUNNING:
                await self.run(plan)
            await self._audit(plan, person, action, "yes")
        return refusal

    def _refusal(self, plan: PlanRecord, person: int, shown: str) -> Refusal.ValueType:
        second = plan.status is PlanStatus.APPROVAL
        if plan.status in (PlanStatus.RUNNING, PlanStatus.PAUSED, PlanStatus.DONE):
            return plan_pb2.PLAN_REFUSAL_ALREADY_CONFIRMED
        if plan.status not in (PlanStatus.PREVIEW, PlanStatus.APPROVAL):
            return plan_pb2.PLAN_REFUSAL_WRONG_STATUS
        if (person == plan.requester.user_id) == second:
            return plan_pb2.PLAN_REFUSAL_NEEDS_APPROVAL if second else plan_pb2.PLAN_REFUSAL_WRONG_PERSON
        if self._clock.now() >= plan.expires:
            return plan_pb2.PLAN_REFUSAL_EXPIRED
        if len(shown) < _HASH_LEAST or not plan.hash.startswith(shown):
            return plan_pb2.PLAN_REFUSAL_CHANGED
        return GRANTED

    def _wants_approval(self, plan: PlanRecord) -> bool:
        wanted = plan.high_risk and plan.guild_id in self._settings.second_approver_guilds and not plan.dry_run
        return wanted and plan.status is PlanStatus.PREVIEW

    async def _submit(self, kind: str, key: str, plan: PlanRecord, once: str) -> None:
        carrier: dict[str, str] = {}
        now = self._clock.now()
        with producer_span(f"executor.{kind}", carrier):
            job = Job(new_id(now), kind, key, plan.plan_id.encode(), now, carrier)
            event = int.from_bytes(hashlib.blake2b(once.encode(), digest_size=8).digest(), "big")
            await self._jobs.submit(job, event_id=event)

    async def _audit(self, plan: PlanRecord, person: int, action: str, outcome: str) -> None:
        target = plan.summary or " / ".join(plan.words)
        entry = AuditEntry(self._clock.now(), plan.plan_id, person, action, target[:500], outcome)
        await self._store.audit(plan.guild_id, [entry])
