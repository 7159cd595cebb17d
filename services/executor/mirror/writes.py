"""What one transaction writes of a guild's copy: its things, pages of its members, single members.

A copy of members is filled beside the one in use, under the next generation. While that goes on single changes go to
both. What pages say is taken only where no single change said otherwise: a page may have been read before the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.executor.mirror import keys
from services.executor.mirror.change import Change, Page
from services.executor.mirror.model import MemberRecord, RoleTable, bucket_of, buckets_for, member_field, pack
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import FeedState, Filling, GuildState

_DAY = 86_400


class Writes:
    """The writes of one transaction; the state and the roles' table are changed with them."""

    def __init__(
        self, guild_id: int, state: GuildState, table: RoleTable, *, settings: MirrorSettings, now: float
    ) -> None:
        self._guild_id = guild_id
        self._state = state
        self._table = table
        self._settings = settings
        self._now = now
        self._ttl = settings.keep_days * _DAY
        self._put: dict[str, dict[bytes, bytes]] = {}
        self._add: list[tuple[str, bytes, bytes]] = []
        self._drop: dict[str, list[bytes]] = {}

    def things(self, pipe: Any, change: Change, feed: FeedState, *, guild: bytes) -> None:
        """What a change says of the guild, its channels, roles and emojis; `guild` is its own fields, merged."""
        state, table = self._state, self._table
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

    def pages(self, pages: Sequence[Page], feed: FeedState, *, left: frozenset[bytes]) -> None:
        """Pages of members that fill a copy; `left` are those who left since the first of them."""
        state = self._state
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
                    buckets=buckets_for(expected, self._settings.bucket_members),
                    pages=page.count,
                    incarnation=feed.incarnation,
                    began=self._now,
                )
            for member in page.members:
                name = member_field(member.user_id)
                if name not in left:
                    key = keys.bucket(self._guild_id, filling.generation, bucket_of(name, filling.buckets))
                    self._add.append((key, name, pack(member, self._table)))
            # Whoever fetches pages learns only with the last one how many there are.
            filling.pages = page.count
            filling.got += 1

    def members(self, change: Change, *, certain: bool) -> None:
        """What a change says of single members; where the copy is not `certain`, also of those who were merely seen."""
        state, table = self._state, self._table
        put: Iterable[MemberRecord] = change.members if certain else (*change.seen, *change.members)
        if put and not state.generation and state.filling is None:
            state.generation, state.buckets = 1, buckets_for(state.member_count, self._settings.bucket_members)
        copies = [(state.generation, state.buckets)] if state.generation else []
        if state.filling is not None:
            copies.append((state.filling.generation, state.filling.buckets))
        for generation, buckets in copies:
            for member in put:
                name = member_field(member.user_id)
                key = keys.bucket(change.guild_id, generation, bucket_of(name, buckets))
                self._put.setdefault(key, {})[name] = pack(member, table)
            for user_id in change.removed:
                name = member_field(user_id)
                key = keys.bucket(change.guild_id, generation, bucket_of(name, buckets))
                self._drop.setdefault(key, []).append(name)

    def queue(self, pipe: Any) -> None:
        """Queues the writes of members; a page never overwrites what a single change said."""
        for key, name, raw in self._add:
            pipe.hsetnx(key, name, raw)
        for key, members in self._put.items():
            pipe.hset(key, mapping=members)
        for key, names in self._drop.items():
            pipe.hdel(key, *names)
        for key in {*self._put, *(key for key, _, _ in self._add)}:
            pipe.expire(key, 2 * self._ttl)
