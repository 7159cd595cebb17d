"""A run while it goes on, and its report: bar, counts, live estimate, failures so far."""

from __future__ import annotations

from typing import Any

from guildhall.executor.v1 import plan_pb2

from views import components
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import message
from views.plans import parts

_DONE, _FAILED, _SKIPPED = plan_pb2.STEP_STATUS_DONE, plan_pb2.STEP_STATUS_FAILED, plan_pb2.STEP_STATUS_SKIPPED
_WORDS = {
    _DONE: "done",
    _FAILED: "FAILED",
    _SKIPPED: "skipped",
    plan_pb2.STEP_STATUS_RUNNING: "unknown",
    plan_pb2.STEP_STATUS_PENDING: "not begun",
}


def progress(plan: plan_pb2.Plan, *, remaining: float) -> dict[str, Any]:
    """A run under way; `remaining` is what it will still take, in seconds."""
    total, done = len(plan.steps), parts.count(plan.steps, _DONE)
    ended = parts.count(plan.steps, _DONE, _FAILED, _SKIPPED)
    paused = plan.status == plan_pb2.PLAN_STATUS_PAUSED
    lines = [f"`{parts.bar(ended, total)}` {done} of {total}"]
    if paused:
        lines.append(f"Paused. {plan.pause_reason}".rstrip())
        if plan.resume_time.seconds:
            moment = relative_time(plan.resume_time.seconds)
            lines.append(f"It can go on {moment}; what is done stays done.")
    else:
        lines.append(f"About {parts.span(remaining)} to go.")
    if plan.waiting_for:
        lines.append(plan.waiting_for)
    embed = {
        "title": shortened(plan.summary or "A plan", 256),
        "description": "\n".join(lines),
        "color": parts.CAREFUL if paused else parts.CALM,
        "fields": parts.bullet_field("Failures so far", _failures(plan)),
        "footer": {"text": f"Plan {plan.plan_id}"},
    }
    go_on = (
        parts.button("Resume", "plan.resume", plan.plan_id, style=parts.PRIMARY)
        if paused
        else parts.button("Pause", "plan.pause", plan.plan_id)
    )
    buttons = parts.row(go_on, parts.button("Stop", "plan.cancel", plan.plan_id, style=parts.DANGER))
    return message(embeds=[embed], components=[buttons])


def report(plan: plan_pb2.Plan) -> dict[str, Any]:
    """A run that has ended."""
    done = parts.count(plan.steps, _DONE)
    failed, skipped = parts.count(plan.steps, _FAILED), parts.count(plan.steps, _SKIPPED)
    took = (plan.end_time.ToNanoseconds() - plan.start_time.ToNanoseconds()) / 1e9
    head = f"{done} of {len(plan.steps)} done in {parts.span(max(0.0, took))}."
    if plan.dry_run:
        head = f"Dry run: {len(plan.steps)} steps would be made. Nothing was changed."
    elif plan.status == plan_pb2.PLAN_STATUS_CANCELLED:
        head = "Stopped. " + head
    counts = [f"{failed} failed" if failed else "", f"{skipped} left out" if skipped and not plan.dry_run else ""]
    lines = [head, ", ".join(part for part in counts if part)]
    embed = {
        "title": shortened(plan.summary or "A plan", 256),
        "description": "\n".join(line for line in lines if line),
        "color": parts.ALARM if failed else parts.GOOD,
        "fields": parts.bullet_field("Failed", _failures(plan)) + parts.bullet_field("Good to know", plan.notes),
        "footer": {"text": f"Plan {plan.plan_id}"},
    }
    undo = parts.button("Undo", "plan.undo", plan.plan_id)
    return message(embeds=[embed], components=[parts.row(undo)] if done else [])


def report_text(plan: plan_pb2.Plan) -> str:
    """The result of every step, as a text file."""
    lines = [plan.summary or "A plan", f"plan {plan.plan_id}", ""]
    for step in plan.steps:
        line = f"{step.step_id:>4}  {_WORDS.get(step.status, 'not begun'):<9}  {step.title} {step.label}"
        if step.result:
            line += f"  [{step.result}]"
        if step.error:
            line += f"  {step.error}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def runs(plans: list[plan_pb2.Plan]) -> dict[str, Any]:
    """A guild's past plans, with what can be done with each."""
    if not plans:
        return message("There were no plans here yet.", private=True)
    lines = [
        f"{relative_time(plan.create_time.seconds)} · <@{plan.requester_id}> · {_state(plan)}\n"
        f"{shortened(escaped(plan.summary or ' / '.join(plan.words) or 'A plan'), 150)}"
        for plan in plans[:10]
    ]
    options = [
        components.option(plan.plan_id, plan.summary or "A plan", _state(plan))
        for plan in plans[:25]
        if plan.status in (plan_pb2.PLAN_STATUS_DONE, plan_pb2.PLAN_STATUS_CANCELLED)
    ]
    select = components.select(encode("plan.undo_chosen"), options, placeholder="Undo a run")
    embed = {"title": "Plans", "description": "\n".join(lines)[: parts.DESCRIPTION_LIMIT], "color": parts.CALM}
    return message(embeds=[embed], components=[parts.row(select)] if options else [], private=True)


def _failures(plan: plan_pb2.Plan) -> list[str]:
    return [f"{step.title} {step.label}: {step.error}" for step in plan.steps if step.status == _FAILED]


def _state(plan: plan_pb2.Plan) -> str:
    return plan_pb2.PlanStatus.Name(plan.status).removeprefix("PLAN_STATUS_").lower()
