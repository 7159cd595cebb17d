"""Looks at every part of the platform: each service's replicas, and both stores.

A service is at work as long as one of its replicas says that it is. The durable store is tried by writing, because a
store that is full answers every question and takes nothing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import redis.asyncio as redis
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc
from redis.exceptions import RedisError

from chassis.caller import acting_for
from services.executor.jobs import keys

AskEveryReplica = Callable[[str, Callable[[grpc.aio.Channel], Awaitable[Any]]], Awaitable[Mapping[str, Any]]]
"""Asks every replica of a service; gives the answers, or how it failed, by address."""

SERVICES = ("gateway", "llm", "ratelimit", "board")
"""Executor is not among them: who looks is there."""
DURABLE, LIMITS = "durable", "limits"
PARTS = (*SERVICES, DURABLE, LIMITS)
_STORE = "store"
"""How ratelimit calls its store among its parts; it notices within a fraction of a second."""
_PROBE_SECONDS = 60


class Looks:
    """Looks at everything at once."""

    def __init__(self, client: redis.Redis, ask_every_replica: AskEveryReplica, *, timeout: float) -> None:
        self._redis: Any = client
        self._ask = ask_every_replica
        self._timeout = timeout

    async def look(self) -> dict[str, bool]:
        """Whether each part is at work. One of which nothing can be known, because who knows is away, is left out."""
        durable = asyncio.create_task(self._durable())
        services = await asyncio.gather(*(self._answers(name) for name in SERVICES))
        found = {name: any(one.serving for one in answers) for name, answers in zip(SERVICES, services, strict=True)}
        found[DURABLE] = await durable
        limits = [_store_answers(one) for one in services[SERVICES.index("ratelimit")]]
        if limits:
            found[LIMITS] = any(limits)
        return found

    async def _answers(self, service: str) -> list[admin_pb2.GetStatusResponse]:
        async def ask(channel: grpc.aio.Channel) -> admin_pb2.GetStatusResponse:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            answer: admin_pb2.GetStatusResponse = await stub.GetStatus(
                admin_pb2.GetStatusRequest(), timeout=self._timeout
            )
            return answer

        try:
            with acting_for(None):
                answers = await self._ask(service, ask)
        except OSError:
            return []  # Its name is not known: where names come and go with replicas, none of them is there.
        return [answer for answer in answers.values() if isinstance(answer, admin_pb2.GetStatusResponse)]

    async def _durable(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                await self._redis.set(keys.HEALTH_PROBE, "1", ex=_PROBE_SECONDS)
        except (RedisError, OSError, TimeoutError):
            return False
        return True


def _store_answers(status: admin_pb2.GetStatusResponse) -> bool:
    """Whether the store of limits answers a replica of ratelimit."""
    return all(part.serving for part in status.parts if part.name == _STORE)
