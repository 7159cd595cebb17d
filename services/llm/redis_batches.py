"""Commands to Redis that share round trips.

A round trip costs its connection, a write and a wake-up whatever it carries, and one that writes costs the store an
fsync. So one is under way at a time, and what comes meanwhile goes together with the next: under load a few round
trips carry the commands of all calls, and a command that comes alone goes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from chassis.deadline import deadline_in

Command = tuple[str | bytes | int | float, ...]


class RedisBatches:
    """Round trips to one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._waiting: list[tuple[Sequence[Command], asyncio.Future[list[Any]]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def run(self, *commands: Command) -> list[Any]:
        """The answers to some commands, which run in their order. Raises RedisError."""
        answers: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, answers))
        if self._sending is None:
            # It carries the commands of others too, so it is nobody's own.
            with deadline_in(None):
                self._sending = asyncio.create_task(self._send())
        return await answers

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._round_trip(batch)
        finally:
            self._sending = None

    async def _round_trip(self, batch: Sequence[tuple[Sequence[Command], asyncio.Future[list[Any]]]]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for commands, _ in batch:
                    for command in commands:
                        pipe.execute_command(*command)
                found = await pipe.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001 - it is raised to everyone who waits
            for _, answers in batch:
                if not answers.done():
                    answers.set_exception(error)
            return
        for commands, answers in batch:
            mine, found = found[: len(commands)], found[len(commands) :]
            if answers.done():
                continue
            failed = next((each for each in mine if isinstance(each, Exception)), None)
            if failed is not None:
                answers.set_exception(failed)
            else:
                answers.set_result(mine)
