"""Keeps samples in Redis (role `durable`): minutes for little more than a day, hours for as long as is configured.

gateway:samples:minutes:<day>   hash: `<hour>:<minute>` → every service's sample
gateway:samples:hours:<day>     hash: `<hour>` → the hour's
gateway:samples:turn:<slot>     the replica that takes this slot's sample
"""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis

from services.gateway.numbers.samples import Sample, Samples, decode, encode, hour_of

_PREFIX = "gateway:samples"
_MINUTES_KEPT = 2 * 86_400
_DAY = 86_400


class SampleStore:
    """How the services were."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def claim(self, slot: int, name: str, seconds: int) -> bool:
        """Whether this replica is the one that takes the sample of a slot. One that dies leaves a gap and no more."""
        return bool(await self._redis.set(f"{_PREFIX}:turn:{slot}", name, nx=True, ex=seconds))

    async def add(self, now: float, samples: Samples, keep_days: int) -> None:
        """Keeps a minute, and makes its hour anew from all its minutes."""
        moment = datetime.fromtimestamp(now, UTC)
        day = moment.date().isoformat()
        minutes, hours = f"{_PREFIX}:minutes:{day}", f"{_PREFIX}:hours:{day}"
        await cast("Any", self._redis.hset(minutes, f"{moment:%H:%M}", encode(samples)))
        await self._redis.expire(minutes, _MINUTES_KEPT)
        names = [f"{moment:%H}:{minute:02}" for minute in range(60)]
        found = await cast("Any", self._redis.hmget(minutes, names))
        await cast("Any", self._redis.hset(hours, f"{moment:%H}", encode(hour_of(decode(one) for one in found if one))))
        await self._redis.expire(hours, (keep_days + 1) * _DAY)

    async def minutes(self, now: float, hours: int) -> list[tuple[datetime, dict[str, Sample] | None]]:
        """Each minute of the last hours, the oldest first; None where nothing was noted."""
        end = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
        moments = [end - timedelta(minutes=ago) for ago in range(hours * 60 - 1, -1, -1)]
        return await self._read("minutes", moments, "%H:%M")

    async def hours(self, now: float, days: int) -> list[tuple[datetime, dict[str, Sample] | None]]:
        """Each hour of the last days, the oldest first; None where nothing was noted."""
        end = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)
        return await self._read("hours", [end - timedelta(hours=ago) for ago in range(days * 24 - 1, -1, -1)], "%H")

    async def _read(
        self, kind: str, moments: list[datetime], form: str
    ) -> list[tuple[datetime, dict[str, Sample] | None]]:
        kept: dict[str, dict[str, bytes]] = {}
        for day in sorted({moment.date().isoformat() for moment in moments}):
            raw = await cast("Any", self._redis.hgetall(f"{_PREFIX}:{kind}:{day}"))
            kept[day] = {name.decode() if isinstance(name, bytes) else name: value for name, value in raw.items()}
        found = [(moment, kept[moment.date().isoformat()].get(moment.strftime(form))) for moment in moments]
        return [(moment, decode(value) if value is not None else None) for moment, value in found]
