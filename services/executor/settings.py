"""The section `executor` of guildhall.yaml."""

from __future__ import annotations

from typing import Annotated

from chassis.discord_access import DiscordAccess
from chassis.guild_access import GuildAccess
from chassis.settings import AtStart, FromSection, Section
from services.executor.board.settings import BoardDeliverySettings
from services.executor.budgets.settings import BudgetSettings
from services.executor.discord.settings import RestSettings
from services.executor.health.settings import HealthSettings
from services.executor.jobs.settings import JobSettings
from services.executor.mirror.settings import MirrorSettings
from services.executor.plans.settings import PlanSettings
from services.executor.replies.settings import ReplySettings


class ExecutorSettings(Section):
    """Everything that executor is configured with."""

    discord: Annotated[DiscordAccess, FromSection("discord"), AtStart()]
    """The bot's credential and Discord's address."""
    jobs: Annotated[JobSettings, AtStart()] = JobSettings()
    """How jobs are kept and run."""
    rest: Annotated[RestSettings, AtStart()] = RestSettings()
    """How Discord's REST API is called."""
    replies: Annotated[ReplySettings, AtStart()] = ReplySettings()
    """How questions are answered."""
    plans: Annotated[PlanSettings, AtStart()] = PlanSettings()
    """How plans are made, confirmed and run."""
    board: Annotated[BoardDeliverySettings, AtStart()] = BoardDeliverySettings()
    """How the request board is shown."""
    mirror: MirrorSettings = MirrorSettings()
    """How guilds, channels, roles and members are mirrored."""
    guilds: Annotated[GuildAccess, FromSection("guilds")] = GuildAccess()
    """Where the bot may be."""
    health: Annotated[HealthSettings, AtStart()] = HealthSettings()
    """How the platform's health is watched."""
    budgets: Annotated[BudgetSettings, AtStart()] = BudgetSettings()
    """How guilds hear of their budgets for language models."""
