"""The copies of guilds in Redis: what was told of a guild is applied in one transaction, once.

Each guild's change is one transaction that watches the guild's state: `WATCH state`, compare the batch with the last
one applied, `MULTI … EXEC`. So two executors that get two batches of one feed, or one batch twice, leave what the later
batch says.

What a transaction writes of things and members says `writes`; here is when, and what comes of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis
from redis.exceptions import WatchError

from chassis.clock import Clock
from chassis.errors import Unavailable
from services.executor.mirror import keys
from services.executor.mirror.change import Change, Page, Snapshot
from services.executor.mirror.model import RoleTable, member_field, user_of
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import FeedState, Filling, GuildState
from services.executor.mirror.writes import Writes

_RACES = 16
_DAY = 86_400
_KEYS_AT_ONCE = 500


@dataclass(frozen=True)
class Applied:
    """What became of a change."""

    state: GuildState
    late: bool = False
    """A later batch had been applied already, so this one changed nothing."""


@dataclass(frozen=True)
class Filled:
    """A copy of members that came into use."""

    generation: int
    lost: tuple[int, ...]
    """Who stood in the copy before and does not stand in this one."""
    seconds: float


class MirrorStore:
    """Writes and reads copies. Stateless: any number may use one Redis."""

    def __init__(self, client: redis.Redis, settings: Callable[[], MirrorSettings], clock: Clock) -> None:
        self._redis: Any = client
        self._settings = settings
        self._clock = clock

    @property
    def _ttl(self) -> int:
        return self._settings().keep_days * _DAY

    async def state(self, guild_id: int) -> tuple[GuildState, RoleTable]:
        """How far the copy of a guild is, and its members' roles; an empty state where there is no copy."""
        return _loaded(await self._redis.hmget(keys.state(guild_id), "state", "roles"))

    async def apply(self, feed: FeedState, number: int, change: Change) -> Applied:
        """Applies what one batch says of a guild, once."""
        guild_id = change.guild_id
        for _ in range(_RACES):
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(keys.state(guild_id))
                state, table = _loaded(await pipe.hmget(keys.state(guild_id), "state", "roles"))
                if (feed.epoch, number) <= (state.epoch, state.number):
                    late = (feed.epoch, number) < (state.epoch, state.number)
                    break
                guild = await self._merged(pipe, change)
                left = await self._left(pipe, guild_id, change, state)
                pipe.multi()
                old_filling = state.filling
                state = state.model_copy(update={"shard": feed.shard, "epoch": feed.epoch, "number": number})
                state.version += 1
                writes = self._writes(guild_id, state, table)
                writes.things(pipe, change, feed, guild=guild)
                writes.pages(change.pages, feed, left=left)
                writes.members(change, certain=_certain(state, feed))
                writes.queue(pipe)
                if state.filling is not None and change.removed:
                    pipe.sadd(keys.left(guild_id), *map(member_field, change.removed))
                    pipe.expire(keys.left(guild_id), _DAY)
                self._save(pipe, guild_id, state, table)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            await self._give_up(guild_id, old_filling, state)
            late = False
            break
        else:
            raise Unavailable("too many changes of one guild at once", reason="STORE_UNAVAILABLE", retry_after=1.0)
        # Also for a batch that comes again: whoever applied it may have died before this.
        if change.left and not late:
            await self.forget(guild_id)
        elif change.snapshot is not None and not late:
            await self._redis.sadd(keys.GUILDS, guild_id)
        return Applied(state, late=late)

    async def keep_guild(self, guild_id: int, version: int, feed: FeedState, snapshot: Snapshot) -> bool:
        """Takes over a guild that was fetched; says whether nothing had changed meanwhile. Members stay as they are."""
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(keys.state(guild_id))
            state, table = _loaded(await pipe.hmget(keys.state(guild_id), "state", "roles"))
            if state.version != version:
                return False
            pipe.multi()
            state = state.model_copy(update={"shard": feed.shard, "version": state.version + 1})
            change = Change(guild_id, snapshot=snapshot)
            self._writes(guild_id, state, table).things(pipe, change, feed, guild=b"")
            self._save(pipe, guild_id, state, table)
            try:
                await pipe.execute()
            except WatchError:
                return False
        await self._redis.sadd(keys.GUILDS, guild_id)
        return True

    async def add_page(self, guild_id: int, feed: FeedState, page: Page) -> GuildState:
        """Takes over a page of members that was fetched, as one that was told."""
        for _ in range(_RACES):
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(keys.state(guild_id))
                state, table = _loaded(await pipe.hmget(keys.state(guild_id), "state", "roles"))
                left = await self._left(pipe, guild_id, Change(guild_id, pages=(page,)), state)
                old_filling = state.filling
                pipe.multi()
                state = state.model_copy(update={"shard": state.shard or feed.shard})
                writes = self._writes(guild_id, state, table)
                writes.pages((page,), feed, left=left)
                writes.queue(pipe)
                self._save(pipe, guild_id, state, table)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            await self._give_up(guild_id, old_filling, state)
            return state
        raise Unavailable("too many changes of one guild at once", reason="STORE_UNAVAILABLE", retry_after=1.0)

    async def finish_filling(self, guild_id: int) -> Filled | None:
        """Brings a copy whose pages are all in into use; None where there is none. A repeat does nothing twice."""
        state, _ = await self.state(guild_id)
        filling = state.filling
        if filling is None or not filling.complete:
            return None
        before = await self.members_of(guild_id, state.generation, state.buckets) if state.members_whole else set()
        after = await self.members_of(guild_id, filling.generation, filling.buckets)
        for _ in range(_RACES):
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(keys.state(guild_id))
                state, table = _loaded(await pipe.hmget(keys.state(guild_id), "state", "roles"))
                if state.filling is None or state.filling.nonce != filling.nonce:
                    return None
                pipe.multi()
                old = state.generation, state.buckets
                update = {
                    "members_whole": filling.incarnation,
                    "generation": filling.generation,
                    "buckets": filling.buckets,
                    "filling": None,
                    "version": state.version + 1,
                }
                self._save(pipe, guild_id, state.model_copy(update=update), table)
                pipe.delete(keys.left(guild_id))
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            await self._unlink(guild_id, *old)
            await self.keep_alive(guild_id)
            lost = tuple(sorted(user_of(name) for name in before - after))
            return Filled(filling.generation, lost, self._clock.now() - filling.began)
        raise Unavailable("too many changes of one guild at once", reason="STORE_UNAVAILABLE", retry_after=1.0)

    async def members_of(self, guild_id: int, generation: int, buckets: int) -> set[bytes]:
        """The names of all members in one copy."""
        names: set[bytes] = set()
        for some in _batches(range(buckets)):
            async with self._redis.pipeline(transaction=False) as pipe:
                for number in some:
                    pipe.hkeys(keys.bucket(guild_id, generation, number))
                for found in await pipe.execute():
                    names.update(found)
        return names

    async def keep_alive(self, guild_id: int) -> bool:
        """Gives a copy its whole time again; False where there is none."""
        state, _ = await self.state(guild_id)
        if not state.version:
            return False
        # Members outlive the state: while there is a state, what it speaks of is there.
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.expire(keys.state(guild_id), self._ttl)
            pipe.expire(keys.things(guild_id), 2 * self._ttl)
            for number in range(state.buckets):
                pipe.expire(keys.bucket(guild_id, state.generation, number), 2 * self._ttl)
            await pipe.execute()
        return True

    async def forget(self, guild_id: int) -> None:
        """Forgets a guild."""
        state, _ = await self.state(guild_id)
        await self._redis.srem(keys.GUILDS, guild_id)
        await self._unlink(guild_id, state.generation, state.buckets)
        if state.filling is not None:
            await self._unlink(guild_id, state.filling.generation, state.filling.buckets)
        await self._redis.unlink(keys.things(guild_id), keys.left(guild_id), keys.state(guild_id))

    async def guilds(self) -> list[int]:
        """All guilds that the bot is in, as far as gateway said."""
        return sorted(int(guild) for guild in await self._redis.smembers(keys.GUILDS))

    async def _merged(self, pipe: Any, change: Change) -> bytes:
        """The guild's own fields with what changed of them."""
        if not change.guild:
            return b""
        if change.snapshot is not None:
            old = change.snapshot.guild
        else:
            old = await pipe.hget(keys.things(change.guild_id), "guild")
        merged = {**(json.loads(old) if old else {}), **json.loads(change.guild)}
        return json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode()

    async def _left(self, pipe: Any, guild_id: int, change: Change, state: GuildState) -> frozenset[bytes]:
        if not change.pages or state.filling is None:
            return frozenset()
        return frozenset(await pipe.smembers(keys.left(guild_id)))

    def _writes(self, guild_id: int, state: GuildState, table: RoleTable) -> Writes:
        return Writes(guild_id, state, table, settings=self._settings(), now=self._clock.now())

    def _save(self, pipe: Any, guild_id: int, state: GuildState, table: RoleTable) -> None:
        values: dict[str, bytes | str] = {"state": state.model_dump_json()}
        if table.changed:
            values["roles"] = table.dump()
        pipe.hset(keys.state(guild_id), mapping=values)
        pipe.expire(keys.state(guild_id), self._ttl)

    async def _give_up(self, guild_id: int, before: Filling | None, state: GuildState) -> None:
        """Removes what another filling has taken the place of."""
        if before is not None and (state.filling is None or state.filling.nonce != before.nonce):
            await self._unlink(guild_id, before.generation, before.buckets)

    async def _unlink(self, guild_id: int, generation: int, buckets: int) -> None:
        if not generation:
            return
        for some in _batches(range(buckets)):
            await self._redis.unlink(*(keys.bucket(guild_id, generation, number) for number in some))


def _certain(state: GuildState, feed: FeedState) -> bool:
    return feed.members_told and state.members_whole == feed.incarnation


def _loaded(raw: Sequence[bytes | None]) -> tuple[GuildState, RoleTable]:
    state, roles = raw
    return (
        GuildState() if state is None else GuildState.model_validate_json(state),
        RoleTable.load(roles or b""),
    )


def _batches(numbers: range) -> Iterable[range]:
    return (numbers[at : at + _KEYS_AT_ONCE] for at in range(0, len(numbers), _KEYS_AT_ONCE))


def split(things: Mapping[bytes, bytes], prefix: str) -> dict[int, bytes]:
    """The channels (`c`) or roles (`r`) of a guild's things, by snowflake."""
    return {int(name[1:]): raw for name, raw in things.items() if name[:1] == prefix.encode() and name[1:].isdigit()}
