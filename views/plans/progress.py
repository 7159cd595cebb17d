"""A run while it goes on, and its report: bar, counts, live estimate, failures so far."""

from __future__ import annotations

from typing import Any

from guildhall.executor.v1 import plan_pb2

from chassis.enums import short_name
from views import components
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import message
from views.plans import parts
from views.plans.parts import Text

_DONE, _FAILED, _SKIPPED = plan_pb2.STEP_STATUS_DONE, plan_pb2.STEP_STATUS_FAILED, plan_pb2.STEP_STATUS_SKIPPED
_WORDS = {
    _DONE: "done",
    _FAILED: "failed",
    _SKIPPED: "skipped",
    plan_pb2.STEP_STATUS_RUNNING: "unknown",
    plan_pb2.STEP_STATUS_PENDING: "pending",
}


def progress(plan: plan_pb2.Plan, text: Text, *, remaining: float) -> dict[str, Any]:
    """A run under way; `remaining` is what it will still take, in seconds."""
    total, done = len(plan.steps), parts.count(plan.steps, _DONE)
    ended = parts.count(plan.steps, _DONE, _FAILED, _SKIPPED)
    paused = plan.status == plan_pb2.PLAN_STATUS_PAUSED
    lines = [f"`{parts.bar(ended, total)}` {text('plan.progress.done', done=done, total=total)}"]
    if paused:
        lines.append(text("plan.progress.paused", reason=plan.pause_reason).rstrip())
        if plan.resume_time.seconds:
            lines.append(text("plan.progress.resume_at", time=relative_time(plan.resume_time.seconds)))
    else:
        lines.append(text("plan.progress.to_go", span=parts.span(text, remaining)))
    if plan.waiting_for:
        lines.append(plan.waiting_for)
    embed = {
        "title": parts.title(plan, text),
        "description": "\n".join(lines),
        "color": parts.CAREFUL if paused else parts.CALM,
        "fields": parts.bullet_field(text, text("plan.progress.failures"), _failures(plan)),
        "footer": {"text": text("plan.card.plan", plan_id=plan.plan_id)},
    }
    go_on = (
        parts.button(text("plan.button.resume"), "plan.resume", plan.plan_id, style=parts.PRIMARY)
        if paused
        else parts.button(text("plan.button.pause"), "plan.pause", plan.plan_id)
    )
    stop = parts.button(text("plan.button.stop"), "plan.cancel", plan.plan_id, style=parts.DANGER)
    buttons = parts.row(go_on, stop)
    return message(embeds=[embed], components=[buttons])


def report(plan: plan_pb2.Plan, text: Text) -> dict[str, Any]:
    """A run that has ended."""
    done = parts.count(plan.steps, _DONE)
    failed, skipped = parts.count(plan.steps, _FAILED), parts.count(plan.steps, _SKIPPED)
    took = (plan.end_time.ToNanoseconds() - plan.start_time.ToNanoseconds()) / 1e9
    facts = {"done": done, "total": len(plan.steps), "span": parts.span(text, max(0.0, took))}
    if plan.dry_run:
        head = text("plan.report.dry_run", total=len(plan.steps))
    elif plan.status == plan_pb2.PLAN_STATUS_CANCELLED:
        head = text("plan.report.stopped", **facts)
    else:
        head = text("plan.report.done", **facts)
    counts = [
        text("plan.report.failed", count=failed) if failed else "",
        text("plan.report.skipped", count=skipped) if skipped and not plan.dry_run else "",
    ]
    lines = [head, ", ".join(part for part in counts if part)]
    embed = {
        "title": parts.title(plan, text),
        "description": "\n".join(line for line in lines if line),
        "color": parts.ALARM if failed else parts.GOOD,
        "fields": parts.bullet_field(text, text("plan.report.failures"), _failures(plan))
        + parts.bullet_field(text, text("plan.card.notes"), plan.notes),
        "footer": {"text": text("plan.card.plan", plan_id=plan.plan_id)},
    }
    undo = parts.button(text("plan.button.undo"), "plan.undo", plan.plan_id)
    return message(embeds=[embed], components=[parts.row(undo)] if done else [])


def report_text(plan: plan_pb2.Plan, text: Text) -> str:
    """The result of every step, as a text file."""
    lines = [parts.title(plan, text), text("plan.card.plan", plan_id=plan.plan_id), ""]
    for step in plan.steps:
        state = text(f"plan.report.step.{_WORDS.get(step.status, 'pending')}")
        line = f"{step.step_id:>4}  {state:<12}  {step.title} {step.label}"
        if step.result:
            line += f"  [{step.result}]"
        if step.error:
            line += f"  {step.error}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def runs(plans: list[plan_pb2.Plan], text: Text) -> dict[str, Any]:
    """A guild's past plans, with what can be done with each."""
    if not plans:
        return message(text("plan.runs.none"), private=True)
    lines = [
        f"{relative_time(plan.create_time.seconds)} · <@{plan.requester_id}> · {_state(plan, text)}\n"
        f"{shortened(escaped(plan.summary or ' / '.join(plan.words) or text('plan.card.untitled')), 150)}"
        for plan in plans[:10]
    ]
    options = [
        components.option(plan.plan_id, parts.title(plan, text), _state(plan, text))
        for plan in plans[:25]
        if plan.status in (plan_pb2.PLAN_STATUS_DONE, plan_pb2.PLAN_STATUS_CANCELLED)
    ]
    select = components.select(encode("plan.undo_chosen"), options, placeholder=text("plan.runs.undo"))
    embed = {
        "title": text("plan.runs.title"),
        "description": "\n".join(lines)[: parts.DESCRIPTION_LIMIT],
        "color": parts.CALM,
    }
    return message(embeds=[embed], components=[parts.row(select)] if options else [], private=True)


def _failures(plan: plan_pb2.Plan) -> list[str]:
    return [f"{step.title} {step.label}: {step.error}" for step in plan.steps if step.status == _FAILED]


def _state(plan: plan_pb2.Plan, text: Text) -> str:
    return text(f"plan.status.{short_name(plan_pb2.PlanStatus.DESCRIPTOR, plan.status)}")
