"""Calling Discord at the start until it answers: a bot that starts while Discord is away waits for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import disnake
import structlog

from chassis.rpc.health import HealthPart

_log = structlog.get_logger(__name__)

AnswerT = TypeVar("AnswerT")

_FIRST_RETRY, _LONGEST_RETRY = 0.5, 30.0
_UNREACHABLE = (aiohttp.ClientError, OSError, disnake.HTTPException, disnake.GatewayNotFound)


class Reaching:
    """Tries again with growing pauses, and says in the health that it does."""

    def __init__(self, health: HealthPart) -> None:
        self._health = health
        self._rng = random.Random()  # noqa: S311 - jitter, no secret

    async def reached(self, call: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """Calls Discord until it answers; Misconfigured is an answer."""
        delay = _FIRST_RETRY
        while True:
            try:
                return await call()
            except _UNREACHABLE as error:
                _log.warning("Discord not reached", error=repr(error))
                self._health.not_serving("Discord does not answer")
            await asyncio.sleep(self._rng.uniform(delay / 2, delay))
            delay = min(_LONGEST_RETRY, delay * 2)
