"""Brings back what a channel had set, from the newest announcements in it, where the store knows nothing of it.

A channel is looked at once, before the first answer in it; that it was, stands in the store itself, so a store that
was lost has every channel looked at again. What is not signed by the bot, or stands in another channel, counts for
nothing.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio as redis
import structlog
from guildhall.settings.v1 import settings_pb2

from chassis.errors import GuildhallError
from services.executor.archive.scopes import Scopes
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import DiscordError
from services.executor.discord.identity import BotIdentity
from services.executor.jobs import keys
from services.executor.jobs.model import Fence
from views.announcement import Announcement, newest, read

_log = structlog.get_logger(__name__)


class Recovery:
    """Looks at channels."""

    def __init__(
        self, client: redis.Redis, *, api: DiscordApi, identity: BotIdentity, scopes: Scopes, key: bytes
    ) -> None:
        self._redis: Any = client
        self._api = api
        self._identity = identity
        self._scopes = scopes
        self._key = key
        self._checked: set[int] = set()

    async def look_at(self, guild_id: int, channel_id: int, fence: Fence) -> None:
        """Brings a channel's settings back if need be. A failure is logged, and the next answer looks again."""
        if not guild_id or channel_id in self._checked:
            return
        if await self._redis.exists(keys.settings_checked(channel_id)):
            self._checked.add(channel_id)
            return
        try:
            found = await self._announcements(guild_id, channel_id, fence)
            for announcement in newest(found).values():
                await self._restore(announcement)
        except (DiscordError, GuildhallError) as error:
            _log.warning("settings.not_recovered", channel_id=channel_id, error=str(error))
            return
        await self._redis.set(keys.settings_checked(channel_id), "1")
        self._checked.add(channel_id)

    async def opened(self, thread_id: int) -> None:
        """A thread was just opened here: there is nothing in it to be brought back."""
        self._checked.add(thread_id)
        await self._redis.set(keys.settings_checked(thread_id), "1")

    async def _announcements(self, guild_id: int, channel_id: int, fence: Fence) -> list[Announcement]:
        messages = await self._api.latest(Scope(fence, guild_id), channel_id)
        own = (each for each in messages if int(each["author"]["id"]) == self._identity.user_id)
        found = (read(str(each.get("content", "")), guild_id, channel_id, self._key) for each in own)
        return [announcement for announcement in found if announcement is not None]

    async def _restore(self, announcement: Announcement) -> None:
        scope = settings_pb2.Scope(
            kind=announcement.scope_kind,  # type: ignore[arg-type]
            guild_id=announcement.guild_id,
            id=announcement.scope_id,
        )
        for service, values in announcement.values.items():
            if not values or await self._scopes.held(service, scope):
                continue
            await self._scopes.restore(service, scope, values)
            _log.info("settings.recovered", scope_kind=announcement.scope_kind, scope_id=announcement.scope_id)
