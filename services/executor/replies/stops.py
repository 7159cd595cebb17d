"""Ending an answer early. The wish is written down, so that it outlives every process, and told to all executors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from services.executor.jobs import keys

_log = structlog.get_logger(__name__)

_TTL_SECONDS = 3_600
_RETRY_SECONDS = 1.0
_LISTEN_SECONDS = 5.0


class Stops:
    """Wishes to stop, and who waits for them."""

    def __init__(self, client: redis.Redis, clock: Clock) -> None:
        self._redis: Any = client
        self._clock = clock
        self._waiting: dict[str, asyncio.Event] = {}

    async def ask(self, job_id: str) -> None:
        """Asks for an answer's end."""
        await self._redis.set(keys.stop(job_id), repr(self._clock.now()), ex=_TTL_SECONDS)
        await self._redis.publish(keys.STOPS, job_id)

    async def asked(self, job_id: str, *, since: float = 0.0) -> bool:
        """Whether its end was asked for after a moment (Unix seconds), within the last hour."""
        raw = await self._redis.get(keys.stop(job_id))
        return raw is not None and float(raw) >= since

    @contextmanager
    def waiting(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set once the end is asked for."""
        event = self._waiting.setdefault(job_id, asyncio.Event())
        try:
            yield event
        finally:
            self._waiting.pop(job_id, None)

    async def listen(self) -> None:
        """Hears of wishes until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(keys.STOPS)
                    await self._catch_up()
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS)
                        if message is not None:
                            self._hear(message["data"].decode())
            except RedisError as error:
                _log.warning("stops.unreachable", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _catch_up(self) -> None:
        """What was published while nobody listened stands in the store."""
        for job_id in tuple(self._waiting):
            if await self.asked(job_id):
                self._hear(job_id)

    def _hear(self, job_id: str) -> None:
        event = self._waiting.get(job_id)
        if event is not None:
            event.set()
