"""What all cards of a plan have in common: lines, bars, spans of time, buttons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from guildhall.executor.v1 import plan_pb2

from views import components
from views.components import DANGER, PRIMARY, SECONDARY, SUCCESS, row
from views.custom_id import encode
from views.markdown import escaped, shortened

__all__ = [
    "DANGER",
    "PRIMARY",
    "SECONDARY",
    "SUCCESS",
    "bar",
    "bullet_field",
    "button",
    "count",
    "pages",
    "row",
    "seconds",
    "span",
    "title",
]

CALM, CAREFUL, ALARM, GOOD = 0x5865F2, 0xFEE75C, 0xED4245, 0x57F287
DESCRIPTION_LIMIT = 4_096
FIELD_LIMIT = 1_024
PAGE_CHARS = 1_600
_LABELS_PER_LINE = 8
_BAR = 20

Text = Callable[..., str]
"""A text by its key and values, in the reader's language."""


def button(
    label: str, action: str, *arguments: str | int, style: int = SECONDARY, disabled: bool = False
) -> dict[str, Any]:
    """A button that stands for an action on a plan."""
    return components.button(encode(action, *arguments), label, style=style, disabled=disabled)


def pages(steps: Sequence[plan_pb2.PlanStep]) -> list[str]:
    """The steps of a plan, neighbours of a kind together, on as many pages as it takes."""
    result, current = [], ""
    for line in _lines(steps):
        if current and len(current) + len(line) > PAGE_CHARS:
            result.append(current.rstrip())
            current = ""
        current += line + "\n"
    return [*result, current.rstrip()] if current else result or [""]


def bullet_field(text: Text, name: str, lines: Sequence[str], *, limit: int = 8) -> list[dict[str, Any]]:
    """A field with a list in it; none where there is nothing to list."""
    if not lines:
        return []
    shown = [f"• {shortened(escaped(line), 220)}" for line in lines[:limit]]
    if len(lines) > limit:
        shown.append(text("plan.card.more", count=len(lines) - limit))
    value = ""
    for line in shown:
        if len(value) + len(line) + 1 > FIELD_LIMIT:
            break
        value += line + "\n"
    return [{"name": name, "value": value.rstrip() or "…"}]


def bar(done: int, total: int) -> str:
    """A progress bar."""
    filled = _BAR if total == 0 else round(_BAR * done / total)
    return "█" * filled + "░" * (_BAR - filled)


def span(text: Text, seconds: float) -> str:
    """A span of time in words."""
    if seconds < 1.5:
        return text("plan.span.second")
    if seconds < 90:
        return text("plan.span.seconds", n=round(seconds))
    if seconds < 5_400:
        return text("plan.span.minutes", n=round(seconds / 60))
    return text("plan.span.hours", n=f"{seconds / 3600:.1f}".removesuffix(".0"))


def title(plan: plan_pb2.Plan, text: Text) -> str:
    """What a plan is called."""
    return shortened(plan.summary or text("plan.card.untitled"), 256)


def seconds(duration: Any) -> float:
    """A duration of the contract's in seconds."""
    return float(duration.ToNanoseconds()) / 1e9


def count(steps: Sequence[plan_pb2.PlanStep], *statuses: int) -> int:
    """How many steps stand so."""
    return sum(1 for step in steps if step.status in statuses)


def _lines(steps: Sequence[plan_pb2.PlanStep]) -> list[str]:
    lines = []
    for name, group in groupby(steps, key=lambda step: step.title):
        found = list(group)
        lines.append(f"**{name}**" + (f" × {len(found)}" if len(found) > 1 else ""))
        for first in range(0, len(found), _LABELS_PER_LINE):
            labels = [_label(step) for step in found[first : first + _LABELS_PER_LINE]]
            lines.append("  " + ", ".join(labels))
    return lines


def _label(step: plan_pb2.PlanStep) -> str:
    sign = "⚠ " if step.risky else ""
    return sign + escaped(shortened(step.label or "…", 60))
