"""Settlements that go to ratelimit together.

Nobody waits for a settlement, and a call costs much more than what it carries. So each waits a moment for others. What
is not told because this process dies is charged as estimated when its hold expires.
"""

from __future__ import annotations

import asyncio

import grpc
import structlog
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.caller import acting_for
from chassis.deadline import deadline_in

log = structlog.get_logger(__name__)
GATHERED_FOR = 0.05
"""Seconds that the first settlement waits for others."""
MOST_AT_ONCE = 500


class Settlements:
    """Tells ratelimit what was used."""

    def __init__(self, stub: ratelimit_pb2_grpc.RateLimitServiceStub) -> None:
        self._stub = stub
        self._waiting: list[ratelimit_pb2.SettleRequest] = []
        self._telling: asyncio.Task[None] | None = None

    async def tell(self, request: ratelimit_pb2.SettleRequest, timeout: float) -> None:
        """Returns once it is told, or can't be, which is logged: it never raises."""
        self._waiting.append(request)
        if self._telling is None:
            # It tells for several people, so it is done for none.
            with deadline_in(None), acting_for(None):
                self._telling = asyncio.create_task(self._tell_all(timeout))
        await asyncio.shield(self._telling)

    async def _tell_all(self, timeout: float) -> None:
        await asyncio.sleep(GATHERED_FOR)
        requests, self._waiting, self._telling = self._waiting, [], None
        for start in range(0, len(requests), MOST_AT_ONCE):
            await self._tell(requests[start : start + MOST_AT_ONCE], timeout)

    async def _tell(self, requests: list[ratelimit_pb2.SettleRequest], timeout: float) -> None:
        batch = ratelimit_pb2.SettleBatchRequest(requests=requests)
        try:
            answer = await self._stub.SettleBatch(batch, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                # A ratelimit of the version before, during a roll-out.
                for request in requests:
                    await self._tell_one(request, timeout)
                return
            log.warning("reservations were not settled", reservations=len(requests), code=error.code().name)
            return
        for request, settlement in zip(requests, answer.settlements, strict=True):
            if settlement.HasField("error"):
                log.warning(
                    "a reservation was not settled",
                    reservation=request.reservation,
                    reason=settlement.error.reason,
                )

    async def _tell_one(self, request: ratelimit_pb2.SettleRequest, timeout: float) -> None:
        try:
            await self._stub.Settle(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            log.warning("a reservation was not settled", reservation=request.reservation, reason=error.code().name)
