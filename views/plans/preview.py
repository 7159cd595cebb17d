"""The preview of a plan: what will happen, what cannot, what it costs, and the buttons to decide."""

from __future__ import annotations

from typing import Any

from guildhall.executor.v1 import plan_pb2

from views import components
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import message
from views.plans import parts

_QUESTION_ROWS = 3
_HASH_CHARS = 12


def drafting(plan: plan_pb2.Plan) -> dict[str, Any]:
    """While the words are being understood."""
    return message(f"Working out a plan for: {_words(plan)}")


def preview(plan: plan_pb2.Plan) -> dict[str, Any]:
    """The plan, to be confirmed, changed or cancelled."""
    pages = parts.pages(plan.steps)
    page = min(plan.page, len(pages) - 1)
    steps = len(plan.steps)
    embed: dict[str, Any] = {
        "title": shortened(("Dry run: " if plan.dry_run else "") + (plan.summary or "A plan"), 256),
        "description": pages[page],
        "color": parts.ALARM if plan.high_risk else parts.CAREFUL if _losses(plan) else parts.CALM,
        "fields": [
            {"name": "Steps", "value": str(steps), "inline": True},
            {"name": "Takes", "value": _takes(plan), "inline": True},
            {"name": "Confirm", "value": relative_time(plan.expire_time.ToNanoseconds() / 1e9), "inline": True},
            *parts.bullet_field("Changed since the last preview", plan.stale),
            *parts.bullet_field("Cannot be done", [problem.text for problem in plan.problems] + _unsupported(plan)),
            *parts.bullet_field("Undo will not bring back", _losses(plan)),
            *parts.bullet_field("Discord's quotas", _quotas(plan)),
            *parts.bullet_field("Good to know", plan.notes),
        ],
        "footer": {"text": _footer(plan, page, len(pages))},
    }
    return message(embeds=[embed], components=_buttons(plan, page, len(pages)))


def question(plan: plan_pb2.Plan) -> dict[str, Any]:
    """What must be known before there can be a preview."""
    lines = [escaped(plan.question)] if plan.question else []
    rows = []
    for index, ambiguous in enumerate(plan.questions[:_QUESTION_ROWS]):
        lines.append(f"Which “{escaped(shortened(ambiguous.name, 100))}” do you mean?")
        options = [components.option(one.id, one.label) for one in ambiguous.candidates]
        custom_id = encode("plan.answer", plan.plan_id, index)
        rows.append(parts.row(components.select(custom_id, options, placeholder=ambiguous.name)))
    rows.append(
        parts.row(
            parts.button("Say more", "plan.refine", plan.plan_id, style=parts.PRIMARY),
            parts.button("Cancel", "plan.cancel", plan.plan_id),
        )
    )
    embed = {
        "title": shortened(plan.summary or "A question first", 256),
        "description": "\n".join(lines) or "Please say more precisely what you would like.",
        "color": parts.CALM,
        "fields": parts.bullet_field(
            "Cannot be done", [problem.text for problem in plan.problems] + _unsupported(plan)
        ),
    }
    return message(embeds=[embed], components=rows)


def refused(plan: plan_pb2.Plan) -> dict[str, Any]:
    """Nothing of the plan can be done."""
    reasons = [problem.text for problem in plan.problems] + _unsupported(plan)
    embed = {
        "title": "Nothing of this can be done",
        "description": plan.error or f"> {_words(plan)}",
        "color": parts.ALARM,
        "fields": parts.bullet_field("Why", reasons, limit=12) + parts.bullet_field("Good to know", plan.notes),
    }
    return message(embeds=[embed], components=[])


def ended_early(plan: plan_pb2.Plan) -> dict[str, Any]:
    """A plan that was cancelled or could not be made."""
    if plan.status == plan_pb2.PLAN_STATUS_CANCELLED:
        text = "This plan was cancelled. Nothing was changed."
    else:
        text = plan.error or "This plan could not be made."
    embed = {"title": shortened(plan.summary or "A plan", 256), "description": text, "color": parts.CALM}
    return message(embeds=[embed], components=[])


def _buttons(plan: plan_pb2.Plan, page: int, pages: int) -> list[dict[str, Any]]:
    waiting = plan.status == plan_pb2.PLAN_STATUS_APPROVAL
    confirm = "Approve" if waiting else "Dry run" if plan.dry_run else "Confirm"
    style = parts.DANGER if plan.high_risk else parts.SUCCESS
    rows = [
        parts.row(
            parts.button(confirm, "plan.confirm", plan.plan_id, plan.hash[:_HASH_CHARS], style=style),
            parts.button("Cancel", "plan.cancel", plan.plan_id),
            parts.button("For real" if plan.dry_run else "Dry run", "plan.dry_run", plan.plan_id, disabled=waiting),
            parts.button("Edit", "plan.edit", plan.plan_id, disabled=waiting),
            parts.button("Pace: polite" if plan.polite else "Pace: fast", "plan.pace", plan.plan_id, disabled=waiting),
        )
    ]
    if pages > 1:
        rows.append(
            parts.row(
                parts.button("Back", "plan.page", plan.plan_id, max(0, page - 1), disabled=page == 0),
                parts.button("Next", "plan.page", plan.plan_id, page + 1, disabled=page + 1 >= pages),
            )
        )
    return rows


def _takes(plan: plan_pb2.Plan) -> str:
    p50, p90 = parts.seconds(plan.estimate_p50), parts.seconds(plan.estimate_p90)
    return f"{parts.span(p50)}, at most {parts.span(p90)}"


def _footer(plan: plan_pb2.Plan, page: int, pages: int) -> str:
    pieces = [f"Page {page + 1} of {pages}"] if pages > 1 else []
    if plan.high_risk:
        pieces.append("High risk: look twice")
    if plan.status == plan_pb2.PLAN_STATUS_APPROVAL:
        pieces.append("Confirmed; somebody else who may do all this must approve it")
    pieces.append(f"Plan {plan.plan_id}")
    return " · ".join(pieces)


def _losses(plan: plan_pb2.Plan) -> list[str]:
    own = {
        f"{step.title}: {step.loss}"
        for step in plan.steps
        if step.reversibility > plan_pb2.REVERSIBILITY_FULL and step.loss
    }
    return [*plan.losses, *sorted(own)]


def _quotas(plan: plan_pb2.Plan) -> list[str]:
    return [
        f"{quota.title}: Discord allows about {quota.fits} in {parts.span(parts.seconds(quota.window))}, this plan has "
        f"{quota.wanted}. Run the first {quota.fits} now and the rest later, or the run will pause there."
        for quota in plan.quotas
    ]


def _unsupported(plan: plan_pb2.Plan) -> list[str]:
    return [f"“{part}”: there is no operation for this." for part in plan.unsupported]


def _words(plan: plan_pb2.Plan) -> str:
    return escaped(shortened(plan.words[-1] if plan.words else plan.summary, 300))
