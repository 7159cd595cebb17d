"""How the mirror of guilds is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chassis.settings import Section


class MirrorSettings(Section):
    """Everything about the mirror that may differ between installations."""

    members: Literal["start", "demand"] = "start"
    """When a guild's members are learned: `start` asks gateway for all of them once it is connected (which takes the
    members intent), `demand` asks Discord when somebody wants them. Neither holds up anything else."""
    largest_guild: int = Field(default=250_000, ge=0)
    """The largest guild whose members are all kept; of larger ones only those that were asked for or seen."""
    fresh_seconds: float = Field(default=30.0, gt=0)
    """So long after gateway's last word what it told counts as certain."""
    keep_days: int = Field(default=30, ge=1)
    """How long a guild is kept of which nothing is heard."""
    bucket_members: int = Field(default=64, ge=1, le=100)
    """About how many members stand in one key. Redis packs hashes of up to 128 small entries."""
    parallel_guilds: int = Field(default=8, ge=1)
    """How many guilds of one batch are written at once."""
    changes_kept: int = Field(default=20_000, ge=100)
    """How many changes a watcher may be behind before it has to list members again."""
    watch_seconds: float = Field(default=300.0, gt=0)
    """After so long a watch ends and is to be resumed, so that watches spread over replicas again."""
    watch_pause_seconds: float = Field(default=1.0, gt=0, le=4.0)
    """How often a quiet watch says that it is up to date."""
    grace_days: float = Field(default=7.0, ge=0)
    """How long what belongs to a channel or guild is kept after that is gone."""
    sweep_seconds: float = Field(default=3_600.0, gt=0)
    """The pause between two looks at what is to be cleaned up."""
