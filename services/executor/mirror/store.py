"""The copies of guilds in Redis: applying what was told, and filling the copy of members.

Each guild's change is one transaction that watches the guild's state: `WATCH state`, compare the batch with the last
one applied, `MULTI … EXEC`. So two executors that get two batches of one feed, or one batch twice, leave what the later
batch says.

A copy of members is filled beside the one in use, under the next generation. While that goes on single changes go to
both. What pages say is taken only where no single change said otherwise: a page may have been read before the change.
The module is one because every write of the copies is here, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio as redis
from redis.exceptions import WatchError

from chassis.clock import Clock
from chassis.errors import Unavailable
from services.executor.mirror import keys
from services.executor.mirror.change import Change, Page, Snapshot
from services.executor.mirror.model import MemberRecord, RoleTable, bucket_of, buckets_for, member_field, pack, user_of
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import FeedState, Filling, GuildState

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


@dataclass
class _Writes:
    """What one transaction does to members, by key."""

    put: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    add: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    drop: dict[str, list[bytes]] = field(default_factory=dict)


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
                self._write_things(pipe, change, state, table, feed=feed, guild=guild)
                writes = _Writes()
                self._write_pages(change.pages, state, table, feed=feed, guild_id=guild_id, left=left, writes=writes)
                self._write_members(change, state, table, writes=writes, certain=_certain(state, feed))
                self._queue(pipe, writes)
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
            self._write_things(pipe, change, state, table, feed=feed, guild=b"")
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
                writes = _Writes()
                self._write_pages((page,), state, table, feed=feed, guild_id=guild_id, left=left, writes=writes)
                self._queue(pipe, writes)
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

    def _write_things(
        self, pipe: Any, change: Change, state: GuildState, table: RoleTable, *, feed: FeedState, guild: bytes
    ) -> None:
        name = keys.things(change.guild_id)
        put: dict[str, bytes] = {}
        drop: list[str] = []
        if change.snapshot is not None:
            snapshot = change.snapshot
            pipe.delete(name)
            put = {"guild": snapshot.guild, "emojis": snapshot.emojis}
            put |= {f"c{id_}": raw for id_, raw in snapshot.channels.items()}
            put |= {f"r{id_}": raw for id_, raw in snapshot.roles.items()}
            table.keep_only(snapshot.roles)
            state.whole = feed.incarnation
            state.member_count = snapshot.member_count
        for prefix, things in (("c", change.channels), ("r", change.roles)):
            for id_, raw in things.items():
                if raw:
                    put[f"{prefix}{id_}"] = raw
                else:
                    put.pop(f"{prefix}{id_}", None)
                    drop.append(f"{prefix}{id_}")
                    if prefix == "r":
                        table.forget(id_)
        if change.emojis:
            put["emojis"] = change.emojis
        if guild:
            put["guild"] = guild
        if drop:
            pipe.hdel(name, *drop)
        if put:
            pipe.hset(name, mapping=put)
            pipe.expire(name, 2 * self._ttl)

    def _write_pages(
        self,
        pages: Sequence[Page],
        state: GuildState,
        table: RoleTable,
        *,
        feed: FeedState,
        guild_id: int,
        left: frozenset[bytes],
        writes: _Writes,
    ) -> None:
        for page in pages:
            filling = state.filling
            if filling is None or filling.nonce != page.nonce:
                if page.index != 0:
                    # The rest of something that was given up: whoever wants the members asks again.
                    continue
                expected = max(state.member_count, page.count * len(page.members))
                filling = state.filling = Filling(
                    nonce=page.nonce,
                    generation=max(state.generation, filling.generation if filling else 0) + 1,
                    buckets=buckets_for(expected, self._settings().bucket_members),
                    pages=page.count,
                    incarnation=feed.incarnation,
                    began=self._clock.now(),
                )
            for member in page.members:
                name = member_field(member.user_id)
                if name not in left:
                    key = keys.bucket(guild_id, filling.generation, bucket_of(name, filling.buckets))
                    writes.add.append((key, name, pack(member, table)))
            # Whoever fetches pages learns only with the last one how many there are.
            filling.pages = page.count
            filling.got += 1

    def _write_members(
        self, change: Change, state: GuildState, table: RoleTable, *, writes: _Writes, certain: bool
    ) -> None:
        put: Iterable[MemberRecord] = change.members if certain else (*change.seen, *change.members)
        if put and not state.generation and state.filling is None:
            state.generation, state.buckets = 1, buckets_for(state.member_count, self._settings().bucket_members)
        copies = [(state.generation, state.buckets)] if state.generation else []
        if state.filling is not None:
            copies.append((state.filling.generation, state.filling.buckets))
        for generation, buckets in copies:
            for member in put:
                name = member_field(member.user_id)
                key = keys.bucket(change.guild_id, generation, bucket_of(name, buckets))
                writes.put.setdefault(key, {})[name] = pack(member, table)
            for user_id in change.removed:
                name = member_field(user_id)
                key = keys.bucket(change.guild_id, generation, bucket_of(name, buckets))
                writes.drop.setdefault(key, []).append(name)

    def _queue(self, pipe: Any, writes: _Writes) -> None:
        for key, name, raw in writes.add:
            pipe.hsetnx(key, name, raw)
        for key, members in writes.put.items():
            pipe.hset(key, mapping=members)
        for key, names in writes.drop.items():
            pipe.hdel(key, *names)
        for key in {*writes.put, *(key for key, _, _ in writes.add)}:
            pipe.expire(key, 2 * self._ttl)

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
