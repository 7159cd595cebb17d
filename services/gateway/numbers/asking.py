"""Asks every replica of every service how it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from services.gateway.numbers.samples import Samples, of_replicas

SERVICES = ("gateway", "llm", "executor", "ratelimit", "board")
_log = structlog.get_logger(__name__)

AskEvery = Callable[[str, Callable[[grpc.aio.Channel], Awaitable[Any]]], Awaitable[Mapping[str, Any]]]
Answers = Mapping[str, admin_pb2.GetStatusResponse | grpc.aio.AioRpcError]
"""What each replica of a service says, or how it failed, by address; empty where the service has none."""


async def how_all_are(ask_every: AskEvery, *, window: float, timeout: float) -> dict[str, Answers]:
    """What every replica of every service says of itself and of its calls in the last seconds."""
    found = await asyncio.gather(
        *(_how_one_is(ask_every, service, window=window, timeout=timeout) for service in SERVICES)
    )
    return dict(zip(SERVICES, found, strict=True))


def sampled(answers: Mapping[str, Answers]) -> Samples:
    """One sample for each service. A service without any replica counts as one that is away."""
    return {
        service: of_replicas(
            [None if isinstance(each, grpc.aio.AioRpcError) else each for each in replicas.values()] or [None]
        )
        for service, replicas in answers.items()
    }


async def _how_one_is(ask_every: AskEvery, service: str, *, window: float, timeout: float) -> Answers:
    request = admin_pb2.GetStatusRequest(window=Duration(seconds=round(window)))

    async def ask(channel: grpc.aio.Channel) -> admin_pb2.GetStatusResponse:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        answer: admin_pb2.GetStatusResponse = await stub.GetStatus(request, timeout=timeout)
        return answer

    try:
        return await ask_every(service, ask)
    except OSError as error:
        # A name that resolves to nothing: none of its replicas runs.
        _log.warning("service not found", service=service, error=str(error))
        return {}
