"""The right to IDENTIFY, had from ratelimit.

Discord lets `max_concurrency` shards identify at once and gives the bot a number of identifies a day; several gateways
share both. A permit holds its concurrency key until the end is reported, so it is asked for before the connection is
opened and reported when READY or Invalid Session came, or neither.
"""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import discord_pb2, discord_pb2_grpc

from services.gateway.client import Recommended

_log = structlog.get_logger(__name__)

READY = discord_pb2.IDENTIFY_OUTCOME_READY
INVALID_SESSION = discord_pb2.IDENTIFY_OUTCOME_INVALID_SESSION
LOST = discord_pb2.IDENTIFY_OUTCOME_LOST

# One question waits this long inside ratelimit; its deadline leaves room for the answer.
_MAX_WAIT = 20.0
_DEADLINE = 25.0
_RETRY = 1.0


class Permits:
    """Asks for permits and reports how they were used.

    Without a permit nobody identifies: ratelimit away means waiting.
    """

    def __init__(
        self,
        stub: "discord_pb2_grpc.DiscordLimitServiceStub",
        credential: str,
        limits: Callable[[], Awaitable[Recommended]],
    ) -> None:
        self._stub = stub
        self._credential = credential
        self._limits = limits

    async def acquire(self, shard_id: int) -> str:
        """Waits for a permit and gives its name."""
        while True:
            limits = await self._limits()
            request = discord_pb2.AcquireIdentifyRequest(
                credential=self._credential,
                shard_id=shard_id,
                max_concurrency=limits.max_concurrency,
                remaining=limits.remaining,
                reset_after=_duration(limits.reset_after),
                max_wait=_duration(_MAX_WAIT),
            )
            try:
                answer = await self._stub.AcquireIdentify(request, timeout=_DEADLINE)
            except grpc.aio.AioRpcError as error:
                _log.warning("no permit to identify: ratelimit does not answer", shard=shard_id, code=error.code().name)
                await asyncio.sleep(_RETRY)
                continue
            if answer.allowed:
                return str(answer.permit_id)
            wait = max(_RETRY, answer.retry_after.ToNanoseconds() / 1e9)
            _log.info("waiting for a permit to identify", shard=shard_id, seconds=round(wait, 1))
            await asyncio.sleep(wait)

    async def report(self, permit_id: str, outcome: "discord_pb2.IdentifyOutcome.ValueType") -> None:
        """Frees the concurrency key. A report that is lost costs the permit's own expiry, nothing more."""
        try:
            await self._stub.ReportIdentify(
                discord_pb2.ReportIdentifyRequest(permit_id=permit_id, outcome=outcome), timeout=2.0
            )
        except grpc.aio.AioRpcError as error:
            _log.warning("end of an identify not reported", code=error.code().name)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
