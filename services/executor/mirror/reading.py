"""Reads copies of guilds, and says how certain they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from chassis.errors import Aborted, InvalidArgument
from services.executor.mirror import keys
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.model import MemberRecord, bucket_of, member_field, unpack
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import FeedState, GuildState
from services.executor.mirror.store import MirrorStore, split

LARGEST_PAGE = 5_000
_PAGE = 1_000


@dataclass(frozen=True)
class Certainty:
    """Which parts of a copy are whole, with every change told until a moment ago."""

    guild: bool
    members: bool
    generation: int
    state: GuildState
    feed: FeedState | None


@dataclass(frozen=True)
class GuildCopy:
    """A guild without its members; everything is Discord's JSON."""

    guild: bytes
    channels: dict[int, bytes]
    roles: dict[int, bytes]
    emojis: bytes


@dataclass(frozen=True)
class MemberList:
    """A page of members."""

    members: list[MemberRecord]
    next_token: str


class MirrorReader:
    """Reads what the store holds."""

    def __init__(
        self, client: redis.Redis, store: MirrorStore, feeds: Feeds, settings: Callable[[], MirrorSettings]
    ) -> None:
        self._redis: Any = client
        self._store = store
        self._feeds = feeds
        self._settings = settings

    async def certainty(self, guild_id: int) -> Certainty:
        """How certain the copy of a guild is."""
        state, _ = await self._store.state(guild_id)
        feed = await self._feeds.fresh(state.shard)
        told = feed is not None and feed.members_told
        return Certainty(
            guild=feed is not None and bool(state.whole) and state.whole == feed.incarnation,
            members=feed is not None and told and bool(state.members_whole)
            and state.members_whole == feed.incarnation,
            generation=state.generation,
            state=state,
            feed=feed,
        )  # fmt: skip

    async def guild(self, guild_id: int) -> GuildCopy | None:
        """A guild with its channels, roles and emoji; None where nothing is kept of it."""
        things = await self._redis.hgetall(keys.things(guild_id))
        if b"guild" not in things:
            return None
        return GuildCopy(things[b"guild"], split(things, "c"), split(things, "r"), things.get(b"emojis", b"[]"))

    async def members(self, guild_id: int, user_ids: Iterable[int]) -> dict[int, MemberRecord]:
        """Those of some people who are members, as far as is known."""
        state, table = await self._store.state(guild_id)
        names = [member_field(user_id) for user_id in user_ids]
        if not state.generation or not names:
            return {}
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hget(keys.bucket(guild_id, state.generation, bucket_of(name, state.buckets)), name)
            found = await pipe.execute()
        records = (unpack(name, raw, table.roles) for name, raw in zip(names, found, strict=True) if raw is not None)
        return {record.user_id: record for record in records}

    async def page(self, guild_id: int, *, role_id: int = 0, size: int = 0, token: str = "") -> MemberList:
        """Some of the members. InvalidArgument (PAGE_TOKEN_INVALID); Aborted (MIRROR_REFILLED)."""
        state, table = await self._store.state(guild_id)
        generation, first = _token(token) if token else (state.generation, 0)
        if generation != state.generation:
            raise Aborted("the members were learned anew meanwhile; begin again", reason="MIRROR_REFILLED")
        if not generation:
            return MemberList([], "")
        per_page = max(1, min(size or _PAGE, LARGEST_PAGE) // self._settings().bucket_members)
        numbers = range(first, min(state.buckets, first + per_page))
        async with self._redis.pipeline(transaction=False) as pipe:
            for number in numbers:
                pipe.hgetall(keys.bucket(guild_id, generation, number))
            buckets: Sequence[dict[bytes, bytes]] = await pipe.execute()
        records = [unpack(name, raw, table.roles) for bucket in buckets for name, raw in bucket.items()]
        if role_id:
            records = [record for record in records if role_id in record.role_ids]
        more = numbers.stop < state.buckets
        return MemberList(records, f"{generation}.{numbers.stop}" if more else "")

    async def all_members(self, guild_id: int, limit: int) -> list[MemberRecord]:
        """All members, up to about `limit`. Aborted where they are learned anew meanwhile."""
        found: list[MemberRecord] = []
        token = ""
        while True:
            page = await self.page(guild_id, size=LARGEST_PAGE, token=token)
            found += page.members
            token = page.next_token
            if not token or len(found) >= limit:
                return found


def _token(text: str) -> tuple[int, int]:
    generation, dot, first = text.partition(".")
    if not (dot and text.isascii() and generation.isdigit() and first.isdigit()) or len(text) > 32:
        raise InvalidArgument(
            "that is no page of ours", reason="PAGE_TOKEN_INVALID", fields={"page_token": "is not one of ours"}
        )
    return int(generation), int(first)
