"""What follows from a change that gateway told: the copy, the watchers, departures, and what is to be cleaned up.

All of it may be done twice: a batch whose answer was lost comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from services.executor.mirror import meters
from services.executor.mirror.change import Change
from services.executor.mirror.departures import Departures
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.gone import GoneRegister
from services.executor.mirror.leaving import Leaving
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import FeedState, GuildState, on_shard, shard_name
from services.executor.mirror.store import Filled, MirrorStore
from services.executor.mirror.watching import Changes


class Applier:
    """Takes what feeds tell."""

    def __init__(
        self,
        store: MirrorStore,
        feeds: Feeds,
        changes: Changes,
        *,
        departures: Departures,
        gone: GoneRegister,
        leaving: Leaving,
        settings: Callable[[], MirrorSettings],
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._changes = changes
        self._departures = departures
        self._gone = gone
        self._leaving = leaving
        self._settings = settings

    async def open(
        self,
        shard_id: int,
        shard_count: int,
        session: str,
        *,
        gap: bool,
        members_told: bool,
        listed: Collection[int] | None = None,
    ) -> tuple[FeedState, list[int]]:
        """Opens a feed; gives it, and the guilds whose members are wanted. `listed` are all guilds of the shard, where
        that is known: the others were left while nobody listened."""
        shard = shard_name(shard_id, shard_count)
        before = await self._feeds.get(shard)
        feed = await self._feeds.open(shard, session, gap=gap, members_told=members_told)
        if listed is not None:
            for guild_id in await self._store.guilds():
                if on_shard(guild_id, shard_id, shard_count) and guild_id not in listed:
                    await self._gone.guild(guild_id)
                    await self._store.forget(guild_id)
                    await self._changes.refilled(guild_id)
        if before is None or before.session != session:
            # Discord tells of each guild anew; each is wanted once it was told.
            return feed, []
        mine = [guild for guild in await self._store.guilds() if on_shard(guild, shard_id, shard_count)]
        states = [(guild, (await self._store.state(guild))[0]) for guild in mine]
        return feed, [guild for guild, state in states if self._wants(feed, state)]

    async def apply(self, feed: FeedState, number: int, changes: Sequence[Change]) -> list[int]:
        """Applies a batch; gives the guilds whose members are wanted."""
        at_once = asyncio.Semaphore(self._settings().parallel_guilds)

        async def one(change: Change) -> bool:
            async with at_once:
                return await self._one(feed, number, change)

        wanted = await asyncio.gather(*map(one, changes))
        await self._feeds.heard(feed)
        return [change.guild_id for change, wants in zip(changes, wanted, strict=True) if wants]

    async def filled(self, guild_id: int, filled: Filled, once: str) -> None:
        """A copy of members came into use."""
        meters.fill_duration.record(filled.seconds)
        await self._changes.refilled(guild_id)
        await self._departures.submit(guild_id, filled.lost, once=once, confirm=True)

    async def _one(self, feed: FeedState, number: int, change: Change) -> bool:
        guild_id = change.guild_id
        await self._note_gone(change)
        applied = await self._store.apply(feed, number, change)
        meters.changes.add(1, {"guildhall.mirror.outcome": "late" if applied.late else "applied"})
        if applied.late:
            return False
        once = f"{feed.epoch}/{number}"
        await self._departures.submit(guild_id, change.removed, once=once, confirm=False)
        if change.touched:
            await self._changes.announce(guild_id, change.touched)
        if change.pages and (done := await self._store.finish_filling(guild_id)) is not None:
            await self.filled(guild_id, done, once)
            return False
        if change.left:
            await self._changes.refilled(guild_id)
            return False
        if change.snapshot is None or await self._leaving.look_at(guild_id):
            return False
        return self._wants(feed, applied.state)

    async def _note_gone(self, change: Change) -> None:
        """Before the copy changes: it says what a channel was, and which channels a guild had."""
        if change.snapshot is not None and not change.left:
            await self._gone.came_back(change.guild_id)
        if deleted := [channel_id for channel_id, raw in change.channels.items() if not raw]:
            await self._gone.channels(change.guild_id, deleted)
        for thread_id in change.threads:
            await self._gone.thread(change.guild_id, thread_id)
        if change.left:
            await self._gone.guild(change.guild_id)

    def _wants(self, feed: FeedState, state: GuildState) -> bool:
        settings = self._settings()
        return (
            settings.members == "start"
            and feed.members_told
            and state.members_whole != feed.incarnation
            and state.member_count <= settings.largest_guild
        )
