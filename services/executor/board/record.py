"""What must survive executor: how far events were dealt with, which message shows what, what is to be sent later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from chassis.stored import as_known
from services.executor.jobs.keys import PREFIX

_BOARD = f"{PREFIX}board:"
_CURSORS = f"{_BOARD}cursors"
_LATER = f"{_BOARD}later"
_FILLED = f"{_BOARD}filled"
_DAY = 86_400


@dataclass(frozen=True)
class Shown:
    """A message of the bot's that shows something of the board."""

    channel_id: int
    message_id: int
    at: float
    """When it was last brought up to date, in Unix seconds."""
    card_id: int = 0
    """A post's second message with the same card, for as long as the first one may not be edited; 0 for none."""
    gone: bool = False
    """Whether the channel that it stood in is gone. It is kept for those who ask where it was, and shown nowhere."""


class BoardRecord:
    """The board's keys in the durable Redis."""

    def __init__(self, client: redis.Redis, *, kept_days: int) -> None:
        self._redis: Any = client
        self._ttl = kept_days * _DAY

    async def cursors(self) -> dict[int, int]:
        """The last sequence of each guild that was dealt with."""
        raw = await self._redis.hgetall(_CURSORS)
        return {int(guild): int(sequence) for guild, sequence in raw.items()}

    async def advance(self, guild_id: int, sequence: int) -> None:
        """Everything up to a sequence is in the hands of jobs."""
        await self._redis.hset(_CURSORS, str(guild_id), sequence)

    async def changed(self, what: str, sequence: int) -> None:
        """Something is to be shown anew because of an event."""
        name = f"{_BOARD}changed:{what}"
        await self._redis.set(name, sequence, ex=_DAY)

    async def last_change(self, what: str) -> int:
        """The last event because of which something is to be shown anew; 0 where that is forgotten."""
        return int(await self._redis.get(f"{_BOARD}changed:{what}") or 0)

    async def filled(self) -> dict[str, int]:
        """The channels in which what was there already is shown, by the names of places."""
        raw = await self._redis.hgetall(_FILLED)
        return {name.decode(): int(channel) for name, channel in raw.items()}

    async def keep_filled(self, name: str, channel_id: int) -> None:
        """What was there already is in the hands of jobs."""
        await self._redis.hset(_FILLED, name, channel_id)

    async def shown(self, what: str) -> Shown | None:
        """Where something is shown, None where it is not."""
        raw = await self._redis.get(f"{_BOARD}shown:{what}")
        shown = None if raw is None else as_known(Shown, json.loads(raw))
        return None if shown is None or shown.gone else shown

    async def keep_shown(self, what: str, shown: Shown) -> None:
        """Remembers where something is shown."""
        await self._redis.set(f"{_BOARD}shown:{what}", json.dumps(shown.__dict__), ex=self._ttl)

    async def mark_gone(self, gone: Callable[[int], bool]) -> int:
        """Marks everything that was shown in channels that are gone; gives how much that was."""
        marked = 0
        async for name in self._redis.scan_iter(match=f"{_BOARD}shown:*", count=500):
            raw = await self._redis.get(name)
            if raw is None:
                continue
            shown = as_known(Shown, json.loads(raw))
            # A forum's post is a thread of its own: the message has the thread's snowflake.
            if not shown.gone and (gone(shown.channel_id) or gone(shown.message_id)):
                await self._redis.set(name, json.dumps({**shown.__dict__, "gone": True}), keepttl=True)
                marked += 1
        return marked

    async def gather(self, user_id: int, name: str, said: str, at: float) -> None:
        """Puts a notice by for one person, once for each name, to be sent with others at a moment."""
        key = f"{_BOARD}gathered:{user_id}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, name, said)
            pipe.expire(key, 30 * _DAY)
            # The earliest moment holds, so that one late notice does not hold up the others.
            pipe.zadd(_LATER, {str(user_id): at}, lt=True)
            await pipe.execute()

    async def put_off(self, user_id: int, at: float) -> None:
        """One person's gathered notices are to be sent later than was set."""
        await self._redis.zadd(_LATER, {str(user_id): at}, lt=True)

    async def due(self, now: float, limit: int = 100) -> dict[int, float]:
        """Whose gathered notices are to be sent now, with the moment that was set."""
        rows = await self._redis.zrangebyscore(_LATER, "-inf", now, start=0, num=limit, withscores=True)
        return {int(user): float(at) for user, at in rows}

    async def taken(self, user_id: int, now: float) -> None:
        """One person's gathered notices are in the hands of a job."""
        score = await self._redis.zscore(_LATER, str(user_id))
        if score is not None and float(score) <= now:
            await self._redis.zrem(_LATER, str(user_id))

    async def gathered(self, user_id: int) -> dict[str, str]:
        """What was gathered for one person, by name."""
        raw = await self._redis.hgetall(f"{_BOARD}gathered:{user_id}")
        return {name.decode(): said.decode() for name, said in raw.items()}

    async def sent(self, user_id: int, names: list[str]) -> None:
        """What was gathered under these names is sent."""
        if names:
            await self._redis.hdel(f"{_BOARD}gathered:{user_id}", *names)
