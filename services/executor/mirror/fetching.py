"""Fetches from Discord what the mirror does not know for certain, when somebody wants it.

One fetch of a guild at a time in this process; whoever wants the same meanwhile gets the same. What is fetched is kept
where a feed tells of the guild, so that it is certain from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

import structlog

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, GuildhallError, NotFound, Unavailable
from chassis.ids import new_id
from services.executor.discord.errors import DiscordError, Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.mirror.change import Page
from services.executor.mirror.discord import member_of, snapshot_of
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.reading import GuildCopy, MirrorReader
from services.executor.mirror.state import FeedState
from services.executor.mirror.store import Filled, MirrorStore

_log = structlog.get_logger(__name__)
_PAGE = 1_000
_TRIES = 3
T = TypeVar("T")


class Fetching:
    """Asks Discord."""

    def __init__(self, rest: RestClient, store: MirrorStore, reader: MirrorReader, clock: Clock) -> None:
        self._rest = rest
        self._store = store
        self._reader = reader
        self._clock = clock
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def guild(self, guild_id: int) -> GuildCopy:
        """A guild as it is now. NotFound (GUILD_UNKNOWN) where the bot is not in it."""
        return await self._once(("guild", guild_id), lambda: self._guild(guild_id))

    async def member(self, guild_id: int, user_id: int) -> MemberRecord | None:
        """A member as they are now; None for who is none."""
        route = Route.of("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild_id, user_id=user_id)
        try:
            return member_of(await self._call(route, guild_id))
        except Refused as refusal:
            if refusal.gone:
                return None
            raise _said(refusal) from refusal

    async def members(self, guild_id: int, limit: int) -> Filled | None:
        """Learns all members of a guild. FailedPrecondition (MEMBERS_FORBIDDEN, GUILD_TOO_LARGE)."""
        return await self._once(("members", guild_id), lambda: self._members(guild_id, limit))

    async def _guild(self, guild_id: int) -> GuildCopy:
        for _ in range(_TRIES):
            certainty = await self._reader.certainty(guild_id)
            try:
                guild, channels = await asyncio.gather(
                    self._call(Route.of("GET", "/guilds/{guild_id}", guild_id=guild_id), guild_id, with_counts="true"),
                    self._call(Route.of("GET", "/guilds/{guild_id}/channels", guild_id=guild_id), guild_id),
                )
            except Refused as refusal:
                raise _said(refusal) from refusal
            snapshot = snapshot_of(guild, channels)
            feed = certainty.feed
            if feed is None or await self._store.keep_guild(guild_id, certainty.state.version, feed, snapshot):
                break
            # Something changed while Discord was asked, so the answer may be older than what is known.
        return GuildCopy(snapshot.guild, dict(snapshot.channels), dict(snapshot.roles), snapshot.emojis)

    async def _members(self, guild_id: int, limit: int) -> Filled | None:
        certainty = await self._reader.certainty(guild_id)
        # Without a feed the list is as good as the moment in which it was read, and never certain.
        nobody = FeedState(shard=certainty.state.shard, session="", epoch=0, incarnation=0, members_told=False)
        feed, nonce = certainty.feed or nobody, f"rest-{new_id(self._clock.now())}"
        after = index = 0
        while True:
            route = Route.of("GET", "/guilds/{guild_id}/members", guild_id=guild_id)
            try:
                raw = await self._call(route, guild_id, limit=_PAGE, after=after)
            except Refused as refusal:
                raise _said(refusal) from refusal
            members = tuple(map(member_of, raw))
            last = len(members) < _PAGE
            page = Page(nonce, index, index + 1 if last else index + 2, members)
            state = await self._store.add_page(guild_id, feed, page)
            if state.filling is None or state.filling.nonce != nonce:
                raise Unavailable("the members are being learned already", reason="MIRROR_BUSY", retry_after=1.0)
            if last:
                return await self._store.finish_filling(guild_id)
            index += 1
            if index * _PAGE >= limit:
                raise FailedPrecondition(
                    f"there are more than {limit} members", reason="GUILD_TOO_LARGE", metadata={"limit": str(limit)}
                )
            after = max(member.user_id for member in members)

    async def _call(self, route: Route, guild_id: int, **query: int | str) -> Any:
        try:
            return await self._rest.call(Call(route, query=query, priority=Priority.BULK, guild_id=guild_id))
        except Refused:
            raise
        except DiscordError as error:
            raise Unavailable(f"Discord: {error}", reason="DISCORD_UNAVAILABLE", retry_after=1.0) from error

    async def _once(self, name: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.ensure_future(work())
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        # Whoever gives up waiting must not take it from the others.
        return cast(T, await asyncio.shield(task))


def _said(refusal: Refused) -> GuildhallError:
    if refusal.gone:
        return NotFound("the bot is in no such guild", reason="GUILD_UNKNOWN")
    return FailedPrecondition(f"Discord does not allow that: {refusal}", reason="MEMBERS_FORBIDDEN")
