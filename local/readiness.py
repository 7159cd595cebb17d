"""Asking processes whether they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

Check = Callable[[], Awaitable[bool]]

_PATIENCE = 2.0
_PAUSE = 0.1


def grpc_serving(address: str) -> Check:
    """Ready when the standard health service says SERVING."""

    async def check() -> bool:
        async with grpc.aio.insecure_channel(address) as channel:
            try:
                stub = health_pb2_grpc.HealthStub(channel)
                answer = await stub.Check(  # type: ignore[attr-defined]  # the published stubs leave the methods out
                    health_pb2.HealthCheckRequest(), timeout=_PATIENCE
                )
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return check


def http_ok(url: str) -> Check:
    """Ready when the page answers 200."""

    async def check() -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_PATIENCE)) as session,
                session.get(url) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    return check


async def until(check: Check) -> None:
    """Return once the check holds."""
    while not await check():
        await asyncio.sleep(_PAUSE)
