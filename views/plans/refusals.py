"""What those who run a guild read in its log channel when somebody planned more than they may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from views.plans import parts
from views.plans.parts import Text


def refusals(plan_id: str, person: int, lines: Sequence[str], text: Text) -> dict[str, Any]:
    """An embed with what was refused."""
    return {
        "title": text("plan.refused.title"),
        "description": text("plan.refused.text", person=person),
        "color": parts.CAREFUL,
        "fields": parts.bullet_field(text, text("plan.refused.what"), lines, limit=10),
        "footer": {"text": text("plan.card.plan", plan_id=plan_id)},
    }
