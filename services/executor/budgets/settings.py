"""How guilds hear of their budgets."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import Section


class BudgetSettings(Section):
    """How often guilds' budgets are looked at, and what is too old to tell."""

    interval_seconds: float = Field(default=30.0, gt=0)
    """How often llm is asked what there is to tell."""
    too_old_seconds: float = Field(default=86_400.0, gt=0)
    """What happened longer ago is not told any more, to a log channel that was set since for example."""
    timeout_seconds: float = Field(default=5.0, gt=0)
    """How long llm may take to say it."""
