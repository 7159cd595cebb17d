"""The channels in which guilds want to be told what their admins should know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from chassis.scoped import ScopedSettings, ScopeKind
from services.executor.guild_settings import LOG_CHANNEL


@dataclass(frozen=True)
class LogChannel:
    """Where a guild wants to be told."""

    guild_id: int
    channel_id: int


async def log_channels(guild_settings: ScopedSettings) -> AsyncIterator[LogChannel]:
    """Those of all guilds that have one."""
    async for held in guild_settings.store.all():
        channel = str(held.values.get(LOG_CHANNEL) or "")
        if held.scope.kind is ScopeKind.GUILD and channel.isdecimal():
            yield LogChannel(held.scope.guild_id, int(channel))
