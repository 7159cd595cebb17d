"""How the platform's health is watched."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import Section


class HealthSettings(Section):
    """How soon a change of health is told, and how often at most."""

    enabled: bool = True
    """Whether guilds' log channels hear of it. It is watched and logged either way."""
    interval_seconds: float = Field(default=5.0, gt=0)
    """How often every part is looked at."""
    unwell_after_seconds: float = Field(default=15.0, ge=0)
    """How long a part must be away until that is told: a restart is not."""
    well_after_seconds: float = Field(default=4.0, ge=0)
    """How long a part must be back until that is told."""
    first_patience_seconds: float = Field(default=60.0, ge=0)
    """How long a part that was never seen at work may take to start."""
    post_pause_seconds: float = Field(default=30.0, ge=0)
    """The least time between two posts in one channel; what changes meanwhile is told together."""
    look_timeout_seconds: float = Field(default=3.0, gt=0)
    """How long a part may take to say how it is."""
