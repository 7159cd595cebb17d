"""Counts of calls in Redis: a hash for each hour, with the fields `model|calls`, `model|failures` and `model|<bucket>`.

It is a cache: when it is away, counts are lost and a process knows its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.llm.measures import Counts

log = structlog.get_logger(__name__)
CALLS, FAILURES = "calls", "failures"


class RedisMeasures:
    """A MeasureStore."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes

    async def add(self, hour: int, counts: Mapping[str, Counts], keep: float) -> None:
        """See MeasureStore."""
        key = _key(hour)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for model, counted in counts.items():
                    pipe.hincrby(key, f"{model}|{CALLS}", counted.calls)
                    if counted.failures:
                        pipe.hincrby(key, f"{model}|{FAILURES}", counted.failures)
                    for number, times in counted.firsts.items():
                        pipe.hincrby(key, f"{model}|{number}", times)
                pipe.expire(key, round(keep))
                await pipe.execute()
        except RedisError as error:
            log.warning("counts of calls were lost", error=repr(error))

    async def read(self, hours: Sequence[int]) -> dict[str, Counts]:
        """See MeasureStore."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for hour in hours:
                    pipe.hgetall(_key(hour))
                answers: list[dict[bytes, bytes]] = await pipe.execute()
        except RedisError as error:
            log.warning("counts of calls could not be read", error=repr(error))
            return {}
        found: dict[str, Counts] = {}
        for fields in answers:
            for name, value in fields.items():
                model, _, what = name.decode().rpartition("|")
                counts = found.setdefault(model, Counts())
                if what == CALLS:
                    counts.calls += int(value)
                elif what == FAILURES:
                    counts.failures += int(value)
                else:
                    counts.firsts[int(what)] += int(value)
        return found


def _key(hour: int) -> str:
    return f"llm:measures:{hour}"
