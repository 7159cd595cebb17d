"""The operations on messages and threads that executor's jobs are made of, over the REST client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.executor.discord.bodies import File
from services.executor.discord.errors import Code, Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.jobs.model import Fence

_EPOCH_MS = 1_420_070_400_000
_PRIVATE_THREAD = 12

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Scope:
    """On whose behalf calls are made: the lease they need, and the guild they are fair to."""

    fence: Fence | None = None
    guild_id: int = 0


def snowflake_at(unix_seconds: float) -> int:
    """The smallest snowflake made at a moment."""
    return max(0, int(unix_seconds * 1000) - _EPOCH_MS) << 22


def snowflake_time(snowflake: int) -> float:
    """When a snowflake was made, in Unix seconds."""
    return ((snowflake >> 22) + _EPOCH_MS) / 1000


class DiscordApi:
    """Messages, threads and interaction responses. Ids are integers; bodies are Discord's JSON."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def edit_original(
        self,
        application_id: int,
        token: str,
        body: Body,
        *,
        files: Sequence[File] = (),
        fence: Fence | None = None,
        retries: int | None = None,
    ) -> dict[str, Any]:
        """Edits the first response to an interaction."""
        route = Route.of(
            "PATCH",
            "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
            webhook_id=application_id,
            webhook_token=token,
        )
        call = Call(route, body, files=files, fence=fence, retries=retries)
        return dict(await self._rest.call(call))

    async def send(
        self, scope: Scope, channel_id: int, body: Body, *, nonce: str, priority: Priority, files: Sequence[File] = ()
    ) -> dict[str, Any]:
        """Sends a message once: Discord gives the first one back for a repeated nonce, for some minutes."""
        route = Route.of("POST", "/channels/{channel_id}/messages", channel_id=channel_id)
        call = Call(
            route,
            {**body, "nonce": nonce, "enforce_nonce": True},
            files=files,
            priority=priority,
            guild_id=scope.guild_id,
            fence=scope.fence,
            repeatable=True,
        )
        return dict(await self._rest.call(call))

    async def edit(
        self,
        scope: Scope,
        channel_id: int,
        message_id: int,
        body: Body,
        *,
        priority: Priority,
        files: Sequence[File] = (),
        max_wait: float | None = None,
    ) -> None:
        """Edits a message of the bot's."""
        route = Route.of(
            "PATCH", "/channels/{channel_id}/messages/{message_id}", channel_id=channel_id, message_id=message_id
        )
        call = Call(
            route,
            body,
            files=files,
            priority=priority,
            guild_id=scope.guild_id,
            target_message_id=message_id,
            fence=scope.fence,
            max_wait=max_wait,
        )
        await self._rest.call(call)

    async def delete(self, scope: Scope, channel_id: int, message_id: int) -> None:
        """Deletes a message; one that is gone already counts as deleted."""
        route = Route.of(
            "DELETE", "/channels/{channel_id}/messages/{message_id}", channel_id=channel_id, message_id=message_id
        )
        call = Call(
            route, priority=Priority.FINAL, guild_id=scope.guild_id, target_message_id=message_id, fence=scope.fence
        )
        try:
            await self._rest.call(call)
        except Refused as refusal:
            if not refusal.gone:
                raise

    async def recent(self, scope: Scope, channel_id: int, *, after: int, limit: int = 50) -> list[dict[str, Any]]:
        """Messages after a snowflake, oldest first."""
        route = Route.of("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
        call = Call(
            route,
            query={"after": after, "limit": limit},
            priority=Priority.FIRST,
            guild_id=scope.guild_id,
            fence=scope.fence,
        )
        return sorted(await self._rest.call(call), key=lambda message: int(message["id"]))

    async def message(self, scope: Scope, channel_id: int, message_id: int) -> dict[str, Any]:
        """One message."""
        route = Route.of(
            "GET", "/channels/{channel_id}/messages/{message_id}", channel_id=channel_id, message_id=message_id
        )
        call = Call(route, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence)
        return dict(await self._rest.call(call))

    async def latest(self, scope: Scope, channel_id: int, *, limit: int = 100) -> list[dict[str, Any]]:
        """The last messages of a channel, the newest first."""
        route = Route.of("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
        call = Call(route, query={"limit": limit}, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence)
        return list(await self._rest.call(call))

    async def open_thread(
        self, scope: Scope, channel_id: int, message_id: int, *, name: str, archive_minutes: int
    ) -> int:
        """Opens a thread from a message and gives its id, which is the message's: opening it again changes nothing."""
        route = Route.of(
            "POST",
            "/channels/{channel_id}/messages/{message_id}/threads",
            channel_id=channel_id,
            message_id=message_id,
        )
        call = Call(
            route,
            {"name": name, "auto_archive_duration": archive_minutes},
            priority=Priority.FIRST,
            guild_id=scope.guild_id,
            fence=scope.fence,
            repeatable=True,
        )
        try:
            return int((await self._rest.call(call))["id"])
        except Refused as refusal:
            if refusal.code == Code.THREAD_EXISTS:
                return message_id
            raise

    async def open_private_thread(self, scope: Scope, channel_id: int, *, name: str, archive_minutes: int) -> int:
        """Opens a thread that only its members see, and gives its id. A repeat opens another one."""
        route = Route.of("POST", "/channels/{channel_id}/threads", channel_id=channel_id)
        body = {"name": name, "type": _PRIVATE_THREAD, "auto_archive_duration": archive_minutes, "invitable": False}
        call = Call(route, body, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence)
        return int((await self._rest.call(call))["id"])

    async def active_threads(self, scope: Scope) -> list[dict[str, Any]]:
        """The guild's threads that are not archived, as far as the bot sees them."""
        route = Route.of("GET", "/guilds/{guild_id}/threads/active", guild_id=scope.guild_id)
        call = Call(route, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence)
        return list((await self._rest.call(call))["threads"])

    async def add_to_thread(self, scope: Scope, thread_id: int, user_id: int) -> None:
        """Lets somebody into a thread; whoever is in it already stays."""
        route = Route.of(
            "PUT", "/channels/{channel_id}/thread-members/{user_id}", channel_id=thread_id, user_id=user_id
        )
        await self._rest.call(Call(route, priority=Priority.FIRST, guild_id=scope.guild_id, fence=scope.fence))

    async def open_direct_message(self, scope: Scope, user_id: int) -> int:
        """The channel of direct messages with somebody; opening it again changes nothing."""
        route = Route.of("POST", "/users/@me/channels")
        body = {"recipient_id": str(user_id)}
        call = Call(route, body, priority=Priority.FINAL, fence=scope.fence, repeatable=True)
        return int((await self._rest.call(call))["id"])

    async def edit_channel(
        self, scope: Scope, channel_id: int, body: Body, *, priority: Priority, max_wait: float | None = None
    ) -> None:
        """Edits a channel or thread."""
        route = Route.of("PATCH", "/channels/{channel_id}", channel_id=channel_id)
        await self._rest.call(
            Call(route, body, priority=priority, guild_id=scope.guild_id, fence=scope.fence, max_wait=max_wait)
        )

    async def typing(self, scope: Scope, channel_id: int) -> None:
        """Shows for ten seconds that something is being written, if the limits allow it just now."""
        route = Route.of("POST", "/channels/{channel_id}/typing", channel_id=channel_id)
        call = Call(route, priority=Priority.PREVIEW, guild_id=scope.guild_id, fence=scope.fence, max_wait=0.0)
        await self._rest.call(call)

    async def react(self, scope: Scope, channel_id: int, message_id: int, emoji: str) -> None:
        """Adds the bot's own reaction to a message."""
        await self._rest.call(_reaction("PUT", scope, channel_id, message_id, emoji))

    async def unreact(self, scope: Scope, channel_id: int, message_id: int, emoji: str) -> None:
        """Takes the bot's own reaction away; one that is not there counts as taken away."""
        try:
            await self._rest.call(_reaction("DELETE", scope, channel_id, message_id, emoji))
        except Refused as refusal:
            if not refusal.gone:
                raise

    async def current_user(self) -> int:
        """The bot's own user id."""
        return int((await self._rest.call(Call(Route.of("GET", "/users/@me"))))["id"])


def _reaction(method: str, scope: Scope, channel_id: int, message_id: int, emoji: str) -> Call:
    route = Route.of(
        method,
        "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me",
        channel_id=channel_id,
        message_id=message_id,
        emoji_name=emoji,
    )
    return Call(route, priority=Priority.BULK, guild_id=scope.guild_id, fence=scope.fence, repeatable=True)
