"""Tells watchers whose members changed.

A stream of one entry for each guild and batch names the members, not what they are: that is read when it is told, so
what is told is never older than what was told before, and a change that is announced twice does no harm.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from chassis.clock import Clock
from services.executor.mirror import keys
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.settings import MirrorSettings

_AT_ONCE = 500


@dataclass(frozen=True)
class Told:
    """One thing that a watcher is told; `members` and `removed` are of the guild."""

    kind: str
    """`reset`, `changed`, `refilled` or `current`."""
    revision: str
    guild_id: int = 0
    generation: int = 0
    members: tuple[MemberRecord, ...] = ()
    removed: tuple[int, ...] = ()


class Changes:
    """The stream of changes."""

    def __init__(
        self, client: redis.Redis, reader: MirrorReader, settings: Callable[[], MirrorSettings], clock: Clock
    ) -> None:
        self._redis: Any = client
        self._reader = reader
        self._settings = settings
        self._clock = clock

    async def announce(self, guild_id: int, user_ids: Sequence[int]) -> None:
        """These members changed, joined or left."""
        for at in range(0, len(user_ids), _AT_ONCE):
            await self._add({"guild": guild_id, "users": ",".join(map(str, user_ids[at : at + _AT_ONCE]))})

    async def refilled(self, guild_id: int) -> None:
        """The copy of a guild is another one, or none."""
        await self._add({"guild": guild_id})

    async def _add(self, fields: dict[str, Any]) -> None:
        await self._redis.set(keys.CHANGES_TOKEN, secrets.token_hex(6), nx=True)
        await self._redis.xadd(keys.CHANGES, fields, maxlen=self._settings().changes_kept, approximate=True)

    async def watch(self, revision: str, seconds: float) -> AsyncIterator[Told]:
        """Tells what happens after a revision, for some seconds."""
        ends = self._clock.monotonic() + seconds
        token, entry = await self._begin(revision)
        if not entry:
            token, entry = await self._newest()
            yield Told("reset", f"{token}.{entry}")
        yield Told("current", f"{token}.{entry}")
        while (left := ends - self._clock.monotonic()) > 0:
            block = max(1, int(min(self._settings().watch_pause_seconds, left) * 1000))
            read = await self._redis.xread({keys.CHANGES: entry}, count=_AT_ONCE, block=block)
            entries = _entries(read)
            if not entries:
                token_now = _text(await self._redis.get(keys.CHANGES_TOKEN))
                if token_now != token:
                    # The store was lost and is another one now.
                    token, entry = await self._newest()
                    yield Told("reset", f"{token}.{entry}")
            for guild_id, users in _by_guild(fields for _, fields in entries):
                async for told in self._told(guild_id, users, f"{token}.{entry}"):
                    yield told
            if entries:
                entry = _text(entries[-1][0])
            yield Told("current", f"{token}.{entry}")

    async def _told(self, guild_id: int, users: set[int] | None, revision: str) -> AsyncIterator[Told]:
        certainty = await self._reader.certainty(guild_id)
        if users is None:
            yield Told("refilled", revision, guild_id, certainty.generation)
            return
        found = await self._reader.members(guild_id, users)
        yield Told(
            "changed",
            revision,
            guild_id,
            certainty.generation,
            members=tuple(found.values()),
            removed=tuple(sorted(users - found.keys())),
        )

    async def _begin(self, revision: str) -> tuple[str, str]:
        """The token and the entry to go on from; no entry where that cannot be."""
        token, _, entry = revision.partition(".")
        first, dash, second = entry.partition("-")
        if not (dash and first.isdigit() and second.isdigit()) or token != _text(
            await self._redis.get(keys.CHANGES_TOKEN)
        ):
            return "", ""
        oldest = await self._redis.xrange(keys.CHANGES, count=1)
        if entry != "0-0" and (not oldest or _order(_text(oldest[0][0])) > _order(entry)):
            return "", ""
        return token, entry

    async def _newest(self) -> tuple[str, str]:
        await self._redis.set(keys.CHANGES_TOKEN, secrets.token_hex(6), nx=True)
        token = _text(await self._redis.get(keys.CHANGES_TOKEN))
        newest = await self._redis.xrevrange(keys.CHANGES, count=1)
        return token, _text(newest[0][0]) if newest else "0-0"


def _entries(read: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """What one stream gave; redis-py answers a list or, by RESP3, a mapping."""
    if not read:
        return []
    if isinstance(read, dict):
        (found,) = read.values()
        return list(found[0] if found and isinstance(found[0], list) else found)
    return list(read[0][1])


def _by_guild(entries: Iterable[dict[bytes, bytes]]) -> list[tuple[int, set[int] | None]]:
    """Who changed in each guild; None where the whole copy is another one, which includes everybody."""
    found: dict[int, set[int] | None] = {}
    for fields in entries:
        guild_id = int(fields[b"guild"])
        users = found.setdefault(guild_id, set())
        if b"users" not in fields:
            found[guild_id] = None
        elif users is not None:
            users.update(int(user) for user in fields[b"users"].split(b","))
    return list(found.items())


def _order(entry: str) -> tuple[int, int]:
    first, _, second = entry.partition("-")
    return int(first), int(second)


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
