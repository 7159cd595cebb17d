"""What those who run a guild read in its log channel when somebody planned more than they may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from views.plans import parts


def refusals(plan_id: str, person: int, lines: Sequence[str]) -> dict[str, Any]:
    """An embed with what was refused."""
    return {
        "title": "Refused",
        "description": f"<@{person}> asked for changes that they, or I, may not make. Nothing of this was done.",
        "color": parts.CAREFUL,
        "fields": parts.bullet_field("What", lines, limit=10),
        "footer": {"text": f"Plan {plan_id}"},
    }
