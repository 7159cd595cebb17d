"""The preview of a plan: what will happen, what cannot, what it costs, and the buttons to decide."""

from __future__ import annotations

from typing import Any

from guildhall.executor.v1 import plan_pb2

from views import components
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import message
from views.plans import parts
from views.plans.parts import Text

_QUESTION_ROWS = 3
_HASH_CHARS = 12


def drafting(plan: plan_pb2.Plan, text: Text) -> dict[str, Any]:
    """While the words are being understood."""
    return message(text("plan.card.drafting", words=_words(plan)))


def preview(plan: plan_pb2.Plan, text: Text) -> dict[str, Any]:
    """The plan, to be confirmed, changed or cancelled."""
    pages = parts.pages(plan.steps)
    page = min(plan.page, len(pages) - 1)
    embed: dict[str, Any] = {
        "title": _title(plan, text),
        "description": pages[page],
        "color": parts.ALARM if plan.high_risk else parts.CAREFUL if _losses(plan, text) else parts.CALM,
        "fields": [
            {"name": text("plan.card.steps"), "value": str(len(plan.steps)), "inline": True},
            {"name": text("plan.card.takes"), "value": _takes(plan, text), "inline": True},
            {
                "name": text("plan.card.confirm_until"),
                "value": relative_time(plan.expire_time.ToNanoseconds() / 1e9),
                "inline": True,
            },
            *parts.bullet_field(text, text("plan.card.changed"), plan.stale),
            *parts.bullet_field(text, text("plan.card.impossible"), _impossible(plan, text)),
            *parts.bullet_field(text, text("plan.card.losses"), _losses(plan, text)),
            *parts.bullet_field(text, text("plan.card.quotas"), _quotas(plan, text)),
            *parts.bullet_field(text, text("plan.card.notes"), plan.notes),
        ],
        "footer": {"text": _footer(plan, page, len(pages), text)},
    }
    return message(embeds=[embed], components=_buttons(plan, page, len(pages), text))


def question(plan: plan_pb2.Plan, text: Text) -> dict[str, Any]:
    """What must be known before there can be a preview."""
    lines = [escaped(plan.question)] if plan.question else []
    rows = []
    for index, ambiguous in enumerate(plan.questions[:_QUESTION_ROWS]):
        lines.append(text("plan.card.which", name=escaped(shortened(ambiguous.name, 100))))
        options = [components.option(one.id, one.label) for one in ambiguous.candidates]
        custom_id = encode("plan.answer", plan.plan_id, index)
        rows.append(parts.row(components.select(custom_id, options, placeholder=ambiguous.name)))
    rows.append(
        parts.row(
            parts.button(text("plan.button.say_more"), "plan.refine", plan.plan_id, style=parts.PRIMARY),
            parts.button(text("plan.button.cancel"), "plan.cancel", plan.plan_id),
        )
    )
    embed = {
        "title": shortened(plan.summary or text("plan.card.question"), 256),
        "description": "\n".join(lines) or text("plan.card.more_precisely"),
        "color": parts.CALM,
        "fields": parts.bullet_field(text, text("plan.card.impossible"), _impossible(plan, text)),
    }
    return message(embeds=[embed], components=rows)


def refused(plan: plan_pb2.Plan, text: Text) -> dict[str, Any]:
    """Nothing of the plan can be done."""
    embed = {
        "title": text("plan.card.nothing"),
        "description": plan.error or f"> {_words(plan)}",
        "color": parts.ALARM,
        "fields": parts.bullet_field(text, text("plan.card.why"), _impossible(plan, text), limit=12)
        + parts.bullet_field(text, text("plan.card.notes"), plan.notes),
    }
    return message(embeds=[embed], components=[])


def ended_early(plan: plan_pb2.Plan, text: Text) -> dict[str, Any]:
    """A plan that was cancelled or could not be made."""
    if plan.status == plan_pb2.PLAN_STATUS_CANCELLED:
        said = text("plan.card.cancelled")
    else:
        said = plan.error or text("plan.card.not_made")
    embed = {"title": parts.title(plan, text), "description": said, "color": parts.CALM}
    return message(embeds=[embed], components=[])


def _buttons(plan: plan_pb2.Plan, page: int, pages: int, text: Text) -> list[dict[str, Any]]:
    waiting = plan.status == plan_pb2.PLAN_STATUS_APPROVAL
    confirm = "approve" if waiting else "dry_run" if plan.dry_run else "confirm"
    style = parts.DANGER if plan.high_risk else parts.SUCCESS
    trying = text("plan.button.for_real" if plan.dry_run else "plan.button.dry_run")
    pace = text("plan.button.pace_polite" if plan.polite else "plan.button.pace_fast")
    number = plan.plan_id
    rows = [
        parts.row(
            parts.button(text(f"plan.button.{confirm}"), "plan.confirm", number, plan.hash[:_HASH_CHARS], style=style),
            parts.button(text("plan.button.cancel"), "plan.cancel", number),
            parts.button(trying, "plan.dry_run", number, disabled=waiting),
            parts.button(text("plan.button.edit"), "plan.edit", number, disabled=waiting),
            parts.button(pace, "plan.pace", number, disabled=waiting),
        )
    ]
    if pages > 1:
        rows.append(
            parts.row(
                parts.button(text("plan.button.back"), "plan.page", number, max(0, page - 1), disabled=page == 0),
                parts.button(text("plan.button.next"), "plan.page", number, page + 1, disabled=page + 1 >= pages),
            )
        )
    if plan.quotas:
        least = min(quota.fits for quota in plan.quotas)
        rows.append(parts.row(parts.button(text("plan.button.split", fits=least), "plan.split", number)))
    return rows


def _title(plan: plan_pb2.Plan, text: Text) -> str:
    title = parts.title(plan, text)
    return shortened(text("plan.card.dry_run_title", title=title), 256) if plan.dry_run else title


def _takes(plan: plan_pb2.Plan, text: Text) -> str:
    usual, most = (parts.span(text, parts.seconds(one)) for one in (plan.estimate_p50, plan.estimate_p90))
    return usual if usual == most else text("plan.card.takes_value", usual=usual, most=most)


def _footer(plan: plan_pb2.Plan, page: int, pages: int, text: Text) -> str:
    pieces = [text("plan.card.page", page=page + 1, pages=pages)] if pages > 1 else []
    if plan.high_risk:
        pieces.append(text("plan.card.high_risk"))
    if plan.status == plan_pb2.PLAN_STATUS_APPROVAL:
        pieces.append(text("plan.card.awaits_approval"))
    pieces.append(text("plan.card.plan", plan_id=plan.plan_id))
    return " · ".join(pieces)


def _impossible(plan: plan_pb2.Plan, text: Text) -> list[str]:
    unsupported = [text("plan.card.unsupported", part=part) for part in plan.unsupported]
    return [problem.text for problem in plan.problems] + unsupported


def _losses(plan: plan_pb2.Plan, text: Text) -> list[str]:
    own = {
        text("plan.loss.line", title=step.title, loss=step.loss)
        for step in plan.steps
        if step.reversibility > plan_pb2.REVERSIBILITY_FULL and step.loss
    }
    return [*plan.losses, *sorted(own)]


def _quotas(plan: plan_pb2.Plan, text: Text) -> list[str]:
    return [
        text(
            "plan.card.quota_channel" if quota.per_channel else "plan.card.quota",
            title=quota.title,
            fits=quota.fits,
            wanted=quota.wanted,
            window=parts.span(text, parts.seconds(quota.window)),
        )
        for quota in plan.quotas
    ]


def _words(plan: plan_pb2.Plan) -> str:
    return escaped(shortened(plan.words[-1] if plan.words else plan.summary, 300))
