"""What executor's mirror has not been told yet, by guild; pure.

Of several changes of one thing only the last matters, so a flood of events about the same things stays small. What is
left of it is bounded all the same: when there is more than that, everything is dropped and counts as a gap, after which
executor learns anew what it must.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from typing import Any

from guildhall.executor.v1 import mirror_pb2

from services.gateway.journal import Event


@dataclass
class Pending:
    """What is to be told of one guild."""

    guild_id: int
    snapshot: mirror_pb2.GuildSnapshot | None = None
    guild: dict[str, Any] = field(default_factory=dict)
    channels: dict[int, mirror_pb2.Thing] = field(default_factory=dict)
    roles: dict[int, mirror_pb2.Thing] = field(default_factory=dict)
    emojis: bytes = b""
    pages: deque[mirror_pb2.MemberPage] = field(default_factory=deque)
    members: dict[int, mirror_pb2.Member] = field(default_factory=dict)
    seen: dict[int, mirror_pb2.Member] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    threads: set[int] = field(default_factory=set)
    left: bool = False
    events: list[Event] = field(default_factory=list)
    """What counts as handed over once all of it was told."""

    def begin_anew(self, snapshot: mirror_pb2.GuildSnapshot) -> None:
        """The whole guild is told: earlier changes of what it names do not matter any more.

        Deleted channels are told all the same, because something follows from their end.
        """
        self.snapshot, self.left, self.emojis = snapshot, False, b""
        self.guild, self.roles = {}, {}
        self.channels = {id_: thing for id_, thing in self.channels.items() if not thing.discord_json}

    def leave(self) -> None:
        """The bot is no longer there: nothing else of the guild matters."""
        self.snapshot, self.emojis, self.left = None, b"", True
        for kept in (self.guild, self.channels, self.roles, self.members, self.seen, self.removed, self.pages):
            kept.clear()

    def member(self, member: mirror_pb2.Member) -> None:
        """Somebody joined or changed."""
        self.removed.discard(member.user_id)
        self.members[member.user_id] = member

    def remove(self, user_id: int) -> None:
        """Somebody left."""
        self.members.pop(user_id, None)
        self.seen.pop(user_id, None)
        self.removed.add(user_id)

    @property
    def size(self) -> int:
        """How many things there are to tell."""
        whole = 0 if self.snapshot is None else len(self.snapshot.channels) + len(self.snapshot.roles) + 1
        single: tuple[Sized, ...] = (self.channels, self.roles, self.members, self.seen, self.removed, self.threads)
        return (
            whole
            + sum(len(things) for things in single)
            + sum(len(page.members) for page in self.pages)
            + bool(self.guild)
        )

    def take(self, limit: int) -> tuple[mirror_pb2.GuildChange, bool]:
        """Takes out about so many things, in the order in which they must be told; says whether nothing is left."""
        change = mirror_pb2.GuildChange(guild_id=self.guild_id)
        if self.snapshot is not None:
            change.snapshot.CopyFrom(self.snapshot)
        if self.guild:
            change.guild_json = json.dumps(self.guild, separators=(",", ":")).encode()
        change.channels.extend(self.channels.values())
        change.roles.extend(self.roles.values())
        change.emojis_json = self.emojis
        change.deleted_threads.extend(self.threads)
        self.snapshot, self.emojis = None, b""
        for told in (self.guild, self.channels, self.roles, self.threads):
            told.clear()
        taken = 0
        while self.pages and taken < limit:
            page = self.pages.popleft()
            change.pages.append(page)
            taken += len(page.members) + 1
        if self.pages:
            return change, False
        for waiting, out in ((self.seen, change.seen_members), (self.members, change.members)):
            for user_id in list(waiting)[: max(0, limit - taken)]:
                out.append(waiting.pop(user_id))
                taken += 1
        if self.seen or self.members:
            return change, False
        leavers = sorted(self.removed)[: max(1, limit - taken)]
        change.removed_members.extend(leavers)
        self.removed.difference_update(leavers)
        if self.removed:
            return change, False
        change.left, self.left = self.left, False
        return change, True


@dataclass
class Batch:
    """What is being told."""

    changes: list[mirror_pb2.GuildChange]
    events: list[Event]

    def done(self) -> None:
        """All of it was told."""
        for event in self.events:
            event.done()


class MirrorQueue:
    """What is to be told of one shard's guilds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._guilds: dict[int, Pending] = {}
        self._size = 0
        self._changed: set[int] = set()
        self._sizes: dict[int, int] = {}

    def of(self, guild_id: int) -> Pending:
        """What is to be told of a guild; it may be changed."""
        if guild_id not in self._guilds:
            self._guilds[guild_id] = Pending(guild_id)
        self._changed.add(guild_id)
        return self._guilds[guild_id]

    @property
    def size(self) -> int:
        """How many things there are to tell."""
        for guild_id in self._changed:
            pending = self._guilds.get(guild_id)
            now = 0 if pending is None else pending.size
            self._size += now - self._sizes.pop(guild_id, 0)
            if now:
                self._sizes[guild_id] = now
        self._changed.clear()
        return self._size

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self._guilds

    @property
    def too_long(self) -> bool:
        """Whether there is more than is kept."""
        return self.size > self._limit

    def take(self, limit: int) -> Batch:
        """Takes out about so many things, of the guilds that wait longest."""
        batch = Batch([], [])
        taken = 0
        while self._guilds and taken < limit:
            guild_id = next(iter(self._guilds))
            pending = self._guilds[guild_id]
            before = pending.size
            change, all_told = pending.take(limit - taken)
            batch.changes.append(change)
            self._changed.add(guild_id)
            if not all_told:
                break
            taken += before + 1
            batch.events += pending.events
            del self._guilds[guild_id]
        return batch

    def drop(self) -> list[Event]:
        """Forgets everything; gives the events that told of it."""
        events = [event for pending in self._guilds.values() for event in pending.events]
        self._changed.update(self._guilds)
        self._guilds.clear()
        return events


def finished(events: Iterable[Event]) -> None:
    """Counts events as handed over."""
    for event in events:
        event.done()
