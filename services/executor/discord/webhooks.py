"""The operations on webhooks: finding and making them, and the messages that they speak.

https://docs.discord.com/developers/resources/webhook
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.executor.discord.api import Body, Scope
from services.executor.discord.bodies import File
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route


class WebhookApi:
    """Webhooks and their messages. Ids are integers; bodies are Discord's JSON."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def of_channel(self, scope: Scope, channel_id: int) -> list[dict[str, Any]]:
        """A channel's webhooks."""
        route = Route.of("GET", "/channels/{channel_id}/webhooks", channel_id=channel_id)
        call = Call(route, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence)
        return list(await self._rest.call(call))

    async def create(self, scope: Scope, channel_id: int, name: str) -> dict[str, Any]:
        """Makes a webhook in a channel. A repeat makes another one."""
        route = Route.of("POST", "/channels/{channel_id}/webhooks", channel_id=channel_id)
        call = Call(route, {"name": name}, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence)
        return dict(await self._rest.call(call))

    async def send(
        self,
        scope: Scope,
        webhook_id: int,
        token: str,
        body: Body,
        *,
        thread_id: int,
        priority: Priority,
        files: Sequence[File] = (),
    ) -> dict[str, Any]:
        """Sends a message as a webhook, into a thread of its channel or (0) the channel. A repeat sends another one."""
        route = Route.of("POST", "/webhooks/{webhook_id}/{webhook_token}", webhook_id=webhook_id, webhook_token=token)
        call = Call(
            route,
            body,
            query={"wait": "true", **({"thread_id": thread_id} if thread_id else {})},
            files=files,
            priority=priority,
            guild_id=scope.guild_id,
            fence=scope.fence,
        )
        return dict(await self._rest.call(call))

    async def edit(
        self,
        scope: Scope,
        webhook_id: int,
        token: str,
        message_id: int,
        body: Body,
        *,
        thread_id: int,
        priority: Priority,
        files: Sequence[File] = (),
        max_wait: float | None = None,
    ) -> None:
        """Edits a message of a webhook's."""
        route = Route.of(
            "PATCH",
            "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
            webhook_id=webhook_id,
            webhook_token=token,
            message_id=message_id,
        )
        call = Call(
            route,
            body,
            query={"thread_id": thread_id} if thread_id else {},
            files=files,
            priority=priority,
            guild_id=scope.guild_id,
            fence=scope.fence,
            max_wait=max_wait,
        )
        await self._rest.call(call)
