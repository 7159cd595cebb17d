"""The routes that only the board needs: direct messages, pins, forum posts, bulk deletion."""

from __future__ import annotations

from typing import Any

from services.executor.discord.api import Body, Scope
from services.executor.discord.errors import NotPermitted, Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.jobs.model import Postpone

_LONGEST_WAIT = 60.0


def later(limited: NotPermitted) -> Postpone:
    """For a job that a limit of Discord's holds up: it goes on when that lets it, and looks once a minute."""
    return Postpone(min(limited.retry_after, _LONGEST_WAIT), str(limited))


class BoardCalls:
    """Calls over the REST client; each waits for its permit, never for a fixed time."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def direct_channel(self, scope: Scope, user_id: int) -> int:
        """The channel of direct messages with a person; making it again gives the same one."""
        call = Call(
            Route.of("POST", "/users/@me/channels"),
            {"recipient_id": str(user_id)},
            priority=Priority.BULK,
            guild_id=scope.guild_id,
            fence=scope.fence,
            repeatable=True,
        )
        return int((await self._rest.call(call))["id"])

    async def pin(self, scope: Scope, channel_id: int, message_id: int) -> None:
        """Pins a message."""
        route = Route.of(
            "PUT", "/channels/{channel_id}/messages/pins/{message_id}", channel_id=channel_id, message_id=message_id
        )
        await self._rest.call(Call(route, priority=Priority.BULK, guild_id=scope.guild_id, fence=scope.fence))

    async def channel(self, scope: Scope, channel_id: int) -> dict[str, Any]:
        """A channel; a forum with its tags."""
        route = Route.of("GET", "/channels/{channel_id}", channel_id=channel_id)
        return dict(await self._rest.call(Call(route, guild_id=scope.guild_id, fence=scope.fence)))

    async def edit_channel(self, scope: Scope, channel_id: int, body: Body) -> None:
        """Edits a channel or thread."""
        route = Route.of("PATCH", "/channels/{channel_id}", channel_id=channel_id)
        await self._rest.call(Call(route, body, guild_id=scope.guild_id, fence=scope.fence))

    async def active_threads(self, scope: Scope) -> list[dict[str, Any]]:
        """The guild's threads that are not archived."""
        route = Route.of("GET", "/guilds/{guild_id}/threads/active", guild_id=scope.guild_id)
        answer = await self._rest.call(Call(route, guild_id=scope.guild_id, fence=scope.fence))
        return list(answer["threads"])

    async def forum_post(self, scope: Scope, forum_id: int, body: Body) -> int:
        """Opens a post and gives its id, which its first message shares. Not repeated when the outcome is unknown."""
        route = Route.of("POST", "/channels/{channel_id}/threads", channel_id=forum_id)
        call = Call(route, body, priority=Priority.BULK, guild_id=scope.guild_id, fence=scope.fence, repeatable=False)
        return int((await self._rest.call(call))["id"])

    async def page(self, scope: Scope, channel_id: int, *, before: int) -> list[dict[str, Any]]:
        """Up to 100 messages before one, the newest first; `before` 0 begins at the end."""
        route = Route.of("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
        query: dict[str, str | int] = {"limit": 100}
        if before:
            query["before"] = before
        return list(await self._rest.call(Call(route, query=query, guild_id=scope.guild_id, fence=scope.fence)))

    async def bulk_delete(self, scope: Scope, channel_id: int, message_ids: list[int]) -> None:
        """Deletes 2 to 100 messages that are younger than 14 days."""
        route = Route.of("POST", "/channels/{channel_id}/messages/bulk-delete", channel_id=channel_id)
        body = {"messages": [str(message_id) for message_id in message_ids]}
        await self._rest.call(Call(route, body, guild_id=scope.guild_id, fence=scope.fence, repeatable=True))

    async def delete(self, scope: Scope, channel_id: int, message_id: int) -> None:
        """Deletes one message; one that is gone counts as deleted."""
        route = Route.of(
            "DELETE", "/channels/{channel_id}/messages/{message_id}", channel_id=channel_id, message_id=message_id
        )
        call = Call(route, guild_id=scope.guild_id, target_message_id=message_id, fence=scope.fence)
        try:
            await self._rest.call(call)
        except Refused as refusal:
            if not refusal.gone:
                raise
