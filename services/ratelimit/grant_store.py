"""Keeps grants in the limits' store, and this replica's table as the store says.

    ratelimit:{*}:grants           hash: `<guild>:<person>:<limit>` → `<times>:<until>:<administrator>`
    ratelimit:{*}:grants:version   grows with each change; replicas look at it and read the hash when it grew

Both last as long as a grant may, counted from the last one given. A change is in force at once in the replica that
made it, and within the configured time in the others.
"""

import asyncio
import math
from collections.abc import Mapping
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.errors import FailedPrecondition
from services.ratelimit.demands import PREFIX
from services.ratelimit.grants import Grant, Grants

KEY = f"{PREFIX}:{{*}}:grants"
VERSION = f"{KEY}:version"
_BEYOND = 86_400
"""Seconds beyond the longest grant, for clocks that differ."""
_log = structlog.stdlib.get_logger(__name__)


class GrantStore:
    """What was granted, for all replicas."""

    def __init__(self, redis: Redis, grants: Grants, clock: Clock) -> None:
        self._redis, self._grants, self._clock = redis, grants, clock
        self._seen: bytes | str | None = b"unread"

    async def give(self, grants: list[Grant], most: int, longest: float) -> None:
        """Keeps grants, each in place of an earlier one; a grant of 1 ends it. None lasts more than `longest` seconds.
        FailedPrecondition where more than `most` would be kept, RedisError where the store is away."""
        kept = [grant for grant in grants if grant.times > 1]
        ended = [_field(grant) for grant in grants if grant.times <= 1]
        if kept and await cast("Any", self._redis.hlen(KEY)) + len(kept) > most:
            raise FailedPrecondition("too many grants are in force", reason="TOO_MANY_GRANTS")
        async with self._redis.pipeline(transaction=True) as pipe:
            if kept:
                pipe.hset(KEY, mapping={_field(grant): _value(grant) for grant in kept})
            if ended:
                pipe.hdel(KEY, *ended)
            pipe.incr(VERSION)
            for key in (KEY, VERSION):
                pipe.expire(key, math.ceil(longest) + _BEYOND)
            await pipe.execute()
        await self.read()

    async def of_person(self, user_id: int) -> list[Grant]:
        """What a person was granted, in whichever guild."""
        return [grant for grant in await self._all() if grant.user_id == user_id]

    async def forget(self, user_id: int) -> int:
        """Ends everything that a person was given; gives how much it was."""
        fields = [_field(grant) for grant in await self._all() if grant.user_id == user_id]
        if fields:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hdel(KEY, *fields)
                pipe.incr(VERSION)
                await pipe.execute()
            await self.read()
        return len(fields)

    async def read(self) -> None:
        """Puts what the store says in force, and takes out of the store what is over."""
        self._seen = await self._redis.get(VERSION)
        every = await self._all()
        now = self._clock.now()
        over = [_field(grant) for grant in every if grant.until <= now]
        if over:
            await cast("Any", self._redis.hdel(KEY, *over))
        self._grants.put(grant for grant in every if grant.until > now)

    async def follow(self, interval: float) -> None:
        """Keeps the table as the store says; runs for as long as the process does."""
        while True:
            try:
                if await self._redis.get(VERSION) != self._seen:
                    await self.read()
            except (RedisError, OSError) as error:
                # What is known stays in force until the store is back.
                _log.warning("grants not read", error=repr(error))
            await asyncio.sleep(interval)

    async def _all(self) -> list[Grant]:
        raw: Mapping[bytes, bytes] = await cast("Any", self._redis.hgetall(KEY))
        return [_grant(field.decode(), value.decode()) for field, value in raw.items()]


def _field(grant: Grant) -> str:
    return f"{grant.guild_id}:{grant.user_id}:{grant.limit}"


def _value(grant: Grant) -> str:
    return f"{grant.times}:{grant.until:.3f}:{grant.by}"


def _grant(field: str, value: str) -> Grant:
    guild_id, user_id, limit = field.split(":", 2)
    times, until, by = value.split(":")
    return Grant(limit, int(user_id), int(guild_id), int(times), float(until), int(by))
