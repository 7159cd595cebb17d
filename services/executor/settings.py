"""The section `executor` of guildhall.yaml."""

from __future__ import annotations

from typing import Annotated

from chassis.discord_access import DiscordAccess
from chassis.settings import FromSection, Section
from services.executor.board.settings import BoardDeliverySettings
from services.executor.discord.settings import RestSettings
from services.executor.health.settings import HealthSettings
from services.executor.jobs.settings import JobSettings
from services.executor.plans.settings import PlanSettings
from services.executor.replies.settings import ReplySettings


class ExecutorSettings(Section):
    """Everything that executor is configured with."""

    discord: Annotated[DiscordAccess, FromSection("discord")]
    """The bot's credential and Discord's address."""
    jobs: JobSettings = JobSettings()
    """How jobs are kept and run."""
    rest: RestSettings = RestSettings()
    """How Discord's REST API is called."""
    replies: ReplySettings = ReplySettings()
    """How questions are answered."""
    plans: PlanSettings = PlanSettings()
    """How plans are made, confirmed and run."""
    board: BoardDeliverySettings = BoardDeliverySettings()
    """How the request board is shown."""
    health: HealthSettings = HealthSettings()
    """How the platform's health is watched."""
