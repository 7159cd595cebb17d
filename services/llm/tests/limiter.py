"""A server of ratelimit's contract that decides as a test says."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.errors import Unavailable
from chassis.testing import serve_in_process
from services.llm.tests.harness import config, variables

PRICED = {
    "models": {
        "openai/demo": {"price": {"input": 1.0, "output": 10.0, "cached_input": 0.1}, "cheaper": "openai/small"},
        "openai/small": {},
    }
}


class Limiter(ratelimit_pb2_grpc.RateLimitServiceServicer):
    """ratelimit's contract, deciding as the test says and remembering what it was asked."""

    def __init__(self) -> None:
        self.reserved: list[ratelimit_pb2.ReserveRequest] = []
        self.settled: list[ratelimit_pb2.SettleRequest] = []
        self.extended: list[ratelimit_pb2.ExtendRequest] = []
        self.denied_models: dict[str, str] = {}
        """The limit that stands against a model."""
        self.away = False
        self.asked_away = 0
        self.open = asyncio.Event()
        """Clear while reservations have to wait."""
        self.open.set()

    async def Reserve(self, request: ratelimit_pb2.ReserveRequest, context: Any) -> ratelimit_pb2.ReserveResponse:
        if self.away:
            self.asked_away += 1
            raise Unavailable("the store is away", reason="STORE_UNAVAILABLE")
        self.reserved.append(request)
        await self.open.wait()
        blocking = self.denied_models.get(request.subject.model)
        states = [
            ratelimit_pb2.LimitState(limit=charge.limit, allowed=charge.limit != blocking, remaining=3, capacity=9)
            for charge in request.charges
        ]
        if blocking:
            wait = Duration(seconds=90)
            return ratelimit_pb2.ReserveResponse(retry_after=wait, blocking_limit=blocking, limits=states)
        return ratelimit_pb2.ReserveResponse(allowed=True, limits=states, reservation=request.request_id)

    async def SettleBatch(
        self, request: ratelimit_pb2.SettleBatchRequest, context: Any
    ) -> ratelimit_pb2.SettleBatchResponse:
        self.settled += request.requests
        done = ratelimit_pb2.BatchSettlement(response=ratelimit_pb2.SettleResponse())
        return ratelimit_pb2.SettleBatchResponse(settlements=[done] * len(request.requests))

    async def Extend(self, request: ratelimit_pb2.ExtendRequest, context: Any) -> ratelimit_pb2.ExtendResponse:
        self.extended.append(request)
        return ratelimit_pb2.ExtendResponse()

    def amounts(self, index: int = -1) -> dict[str, int]:
        return {usage.limit: usage.amount for usage in self.settled[index].usages}


class World:
    """Everything that a test of limits needs."""

    def __init__(self, tmp_path: Path, redis_url: str) -> None:
        self.limiter = Limiter()  # type: ignore[abstract]  # the other methods are never called
        self._path = tmp_path
        self._redis_url = redis_url

    def serving(self) -> AbstractAsyncContextManager[str]:
        """The limiter in ratelimit's place; gives its address."""
        add = ratelimit_pb2_grpc.add_RateLimitServiceServicer_to_server
        return serve_in_process((add, self.limiter), name="ratelimit")

    def variables(self, url: str, address: str, models: Any = None, **llm: Any) -> dict[str, str]:
        path = config(self._path, models=models or PRICED["models"], llm={"default_models": ["openai/demo"], **llm})
        return {
            **variables(self._redis_url, url),
            "GUILDHALL_CONFIG": path,
            "GUILDHALL_LLM__LIMITS__ENABLED": "true",
            "GUILDHALL_RPC__ADDRESSES": f"{{ratelimit: '{address}'}}",
        }
