"""Cached values in Redis. It is a cache: when it is away, nothing is found and nothing is kept."""

from __future__ import annotations

from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class RedisCache:
    """A SharedStore."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._prefix = f"llm:cache:{name}:"

    async def get(self, key: str) -> bytes | None:
        """See SharedStore."""
        try:
            value: bytes | None = await self._redis.get(self._prefix + key)
        except RedisError as error:
            log.warning("the shared cache could not be read", error=repr(error))
            return None
        return value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """See SharedStore."""
        try:
            await self._redis.set(self._prefix + key, value, px=max(1, round(ttl * 1_000)))
        except RedisError as error:
            log.warning("the shared cache could not be written", error=repr(error))
