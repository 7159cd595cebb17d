"""Keeps what was counted in Redis (role `durable`), for as many days as the configuration says.

    gateway:activity:{<guild>}:<day>          hash: `<hour>|<command>|<outcome>` → uses
    gateway:activity:{<guild>}:<day>:people   hash: `<person>|<outcome>` → uses
    gateway:activity:person:{<person>}        set: `<guild>:<day>`, so that a person's part can be given and forgotten

What a person's name stands at is bounded: beyond a number of people in one day, further ones count as "others".
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from redis.asyncio import Redis

from chassis.settings import Live
from services.gateway.analytics.activity import (
    OTHERS,
    Activity,
    Batch,
    Outcome,
    Share,
    decoded,
    decoded_shares,
)
from services.gateway.settings import GatewaySettings

_PREFIX = "gateway:activity"
_DAY = 86_400


class ActivityStore:
    """What was counted, of all guilds."""

    def __init__(self, redis: Redis, settings: Live[GatewaySettings]) -> None:
        self._redis = redis
        self._settings = settings

    async def write(self, batch: Batch) -> None:
        """Adds what was counted. RedisError where the store is away."""
        shares = await self._bounded(batch.shares)
        ttl = self._settings.current.analytics.keep_days * _DAY
        async with self._redis.pipeline(transaction=False) as pipe:
            keys = set()
            for moment, count in batch.moments.items():
                key = _key(moment.guild_id, moment.day)
                keys.add(key)
                pipe.hincrby(key, f"{moment.hour}|{moment.command}|{moment.outcome.value}", count)
            for share, count in shares.items():
                key = _people(share.guild_id, share.day)
                keys.add(key)
                pipe.hincrby(key, f"{share.user_id}|{share.outcome.value}", count)
                if share.user_id != OTHERS:
                    keys.add(_person(share.user_id))
                    pipe.sadd(_person(share.user_id), f"{share.guild_id}:{share.day.isoformat()}")
            for key in sorted(keys):
                pipe.expire(key, ttl)
            await pipe.execute()

    async def read(self, guild_id: int, days: Sequence[date]) -> Activity:
        """What a guild did in some days."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.hgetall(_key(guild_id, day))
                pipe.hgetall(_people(guild_id, day))
            found = await pipe.execute()
        activity = Activity()
        for index, day in enumerate(days):
            activity.moments += decoded(guild_id, day, _counts(found[2 * index]))
            activity.shares += decoded_shares(guild_id, day, _counts(found[2 * index + 1]))
        return activity

    async def shares_of(self, user_id: int) -> Counter[Share]:
        """How often a person met which outcome, by guild and day."""
        places = await self._places(user_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            for guild_id, day in places:
                pipe.hmget(_people(guild_id, day), [f"{user_id}|{outcome.value}" for outcome in Outcome])
            found = await pipe.execute() if places else []
        shares: Counter[Share] = Counter()
        for (guild_id, day), counts in zip(places, found, strict=True):
            for outcome, count in zip(Outcome, counts, strict=True):
                if count is not None:
                    shares[Share(guild_id, day, user_id, outcome)] = int(count)
        return shares

    async def forget(self, user_id: int) -> int:
        """Takes a person's name from everything that was counted; the sums stay. Gives the days it stood in."""
        places = await self._places(user_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            for guild_id, day in places:
                pipe.hdel(_people(guild_id, day), *(f"{user_id}|{outcome.value}" for outcome in Outcome))
            pipe.delete(_person(user_id))
            await pipe.execute()
        return len(places)

    async def _places(self, user_id: int) -> list[tuple[int, date]]:
        members = await cast("Any", self._redis.smembers(_person(user_id)))
        found = []
        for member in members:
            guild_id, _, day = _text(member).partition(":")
            found.append((int(guild_id), date.fromisoformat(day)))
        return sorted(found)

    async def _bounded(self, shares: Counter[Share]) -> Counter[Share]:
        """Counts people as "others" who are new in a day that knows enough of them already."""
        by_key: dict[tuple[int, date], list[Share]] = defaultdict(list)
        for share in shares:
            by_key[share.guild_id, share.day].append(share)
        bounded: Counter[Share] = Counter()
        kept = await asyncio.gather(*(self._known(place, group) for place, group in by_key.items()))
        for group, known in zip(by_key.values(), kept, strict=True):
            for share in group:
                user_id = share.user_id if share in known else OTHERS
                bounded[Share(share.guild_id, share.day, user_id, share.outcome)] += shares[share]
        return bounded

    async def _known(self, place: tuple[int, date], shares: list[Share]) -> set[Share]:
        """The shares that may stand under their person's own name."""
        key = _people(*place)
        room = self._settings.current.analytics.people_per_day * len(Outcome) - await cast("Any", self._redis.hlen(key))
        if room >= len(shares):
            return set(shares)
        names = [f"{share.user_id}|{share.outcome.value}" for share in shares]
        there = await cast("Any", self._redis.hmget(key, names))
        known = {share for share, count in zip(shares, there, strict=True) if count is not None}
        new = [share for share in shares if share not in known]
        return known | set(new[: max(0, room)])


def _key(guild_id: int, day: date) -> str:
    return f"{_PREFIX}:{{{guild_id}}}:{day.isoformat()}"


def _people(guild_id: int, day: date) -> str:
    return f"{_key(guild_id, day)}:people"


def _person(user_id: int) -> str:
    return f"{_PREFIX}:person:{{{user_id}}}"


def _counts(raw: object) -> Mapping[str, int]:
    return {_text(name): int(count) for name, count in cast("dict[bytes | str, bytes | str]", raw).items()}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
