"""A plan's record as the contract's Plan, and the card that shows it where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.executor.v1 import plan_pb2

from services.executor.plans.kinds import Reversible
from services.executor.plans.operation import Operation, Outcome, Status
from services.executor.plans.record import PlanRecord, PlanStatus
from services.executor.plans.saying import Text, loss_of, saying, title_of
from services.executor.plans.table import TABLE, kind_of
from views.plans import preview, progress

_STATUSES = {
    PlanStatus.DRAFTING: plan_pb2.PLAN_STATUS_DRAFTING,
    PlanStatus.QUESTION: plan_pb2.PLAN_STATUS_QUESTION,
    PlanStatus.PREVIEW: plan_pb2.PLAN_STATUS_PREVIEW,
    PlanStatus.APPROVAL: plan_pb2.PLAN_STATUS_APPROVAL,
    PlanStatus.RUNNING: plan_pb2.PLAN_STATUS_RUNNING,
    PlanStatus.PAUSED: plan_pb2.PLAN_STATUS_PAUSED,
    PlanStatus.DONE: plan_pb2.PLAN_STATUS_DONE,
    PlanStatus.CANCELLED: plan_pb2.PLAN_STATUS_CANCELLED,
    PlanStatus.REFUSED: plan_pb2.PLAN_STATUS_REFUSED,
    PlanStatus.FAILED: plan_pb2.PLAN_STATUS_FAILED,
}
_STEPS = {
    Status.PENDING: plan_pb2.STEP_STATUS_PENDING,
    Status.INTENT: plan_pb2.STEP_STATUS_RUNNING,
    Status.UNKNOWN: plan_pb2.STEP_STATUS_RUNNING,
    Status.DONE: plan_pb2.STEP_STATUS_DONE,
    Status.FAILED: plan_pb2.STEP_STATUS_FAILED,
    Status.SKIPPED: plan_pb2.STEP_STATUS_SKIPPED,
}
_REVERSIBLE = {
    Reversible.FULLY: plan_pb2.REVERSIBILITY_FULL,
    Reversible.PARTLY: plan_pb2.REVERSIBILITY_PARTIAL,
    Reversible.NOT: plan_pb2.REVERSIBILITY_NONE,
}


def contract(
    plan: PlanRecord, outcomes: Mapping[str, Outcome] | None = None, *, steps: bool = True, waiting_for: str = ""
) -> plan_pb2.Plan:
    """The plan as others see it; `outcomes` are a run's that is under way."""
    reached = plan.outcomes if outcomes is None else outcomes
    text = saying(plan.requester.locale)
    made = plan_pb2.Plan(
        plan_id=plan.plan_id,
        guild_id=plan.guild_id,
        channel_id=plan.channel_id,
        requester_id=plan.requester.user_id,
        status=_STATUSES[plan.status],
        words=plan.words,
        summary=plan.summary,
        steps=[_step(operation, reached.get(operation.id, Outcome()), text) for operation in plan.operations]
        if steps
        else [],
        problems=[plan_pb2.PlanProblem(code=one.code, text=one.text) for one in plan.problems],
        questions=[
            plan_pb2.PlanQuestion(
                key=one.key,
                name=one.name,
                candidates=[plan_pb2.PlanCandidate(id=name, label=label) for name, label in one.candidates],
            )
            for one in plan.questions
        ],
        question=plan.question,
        notes=plan.notes,
        unsupported=plan.unsupported,
        losses=plan.losses,
        high_risk=plan.high_risk,
        estimate_p50=_duration(plan.estimate.p50),
        estimate_p90=_duration(plan.estimate.p90),
        quotas=[
            plan_pb2.PlanQuota(
                title=title_of(kind, text),
                fits=fits,
                wanted=wanted,
                window=_duration(window),
                per_channel=any(rate.seconds == window and rate.per == "channel_id" for rate in TABLE[kind].rates),
            )
            for kind, fits, wanted, window in plan.estimate.quotas
        ],
        hash=plan.hash if steps else "",
        stale=plan.stale,
        polite=plan.polite,
        dry_run=plan.dry_run,
        waiting_for=waiting_for,
        pause_reason=plan.pause_reason,
        undo_of=plan.undo_of,
        page=plan.page,
        confirmed_by=plan.confirmed_by,
        error=plan.error,
        create_time=_timestamp(plan.created),
    )
    for name, moment in (
        ("expire_time", plan.expires),
        ("resume_time", plan.resume_at),
        ("start_time", plan.started),
        ("end_time", plan.ended),
    ):
        if moment:
            getattr(made, name).CopyFrom(_timestamp(moment))
    return made


def card(plan: PlanRecord) -> dict[str, Any]:
    """The message that shows a plan where it stands."""
    shown, text = contract(plan), saying(plan.requester.locale)
    if plan.status is PlanStatus.DRAFTING:
        return preview.drafting(shown, text)
    if plan.status is PlanStatus.QUESTION:
        return preview.question(shown, text)
    if plan.status in (PlanStatus.PREVIEW, PlanStatus.APPROVAL):
        return preview.preview(shown, text)
    if plan.status is PlanStatus.REFUSED:
        return preview.refused(shown, text)
    if plan.status in (PlanStatus.RUNNING, PlanStatus.PAUSED):
        return progress.progress(shown, text, remaining=plan.estimate.p50)
    if plan.status is PlanStatus.DONE or plan.started:
        return progress.report(shown, text)
    return preview.ended_early(shown, text)


def _step(operation: Operation, outcome: Outcome, text: Text) -> plan_pb2.PlanStep:
    kind = kind_of(operation)
    return plan_pb2.PlanStep(
        step_id=operation.id,
        kind=operation.kind,
        title=title_of(operation.kind, text),
        label=operation.label,
        status=_STEPS[outcome.status],
        error=outcome.error,
        reversibility=_REVERSIBLE[kind.reversible],
        loss=loss_of(operation.kind, text),
        risky=operation.risky,
        result=outcome.result,
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _timestamp(seconds: float) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromNanoseconds(round(seconds * 1e9))
    return timestamp
