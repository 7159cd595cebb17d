"""RateLimitService: protobuf in, decisions out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb
from guildhall.ratelimit.v1 import ratelimit_pb2_grpc

from chassis.caller import current_caller
from chassis.errors import GuildhallError, InvalidArgument
from services.ratelimit.administration import Administration
from services.ratelimit.asks import Ask
from services.ratelimit.decider import Outcome
from services.ratelimit.durations import patience, put
from services.ratelimit.limiter import Limiter
from services.ratelimit.messages import answer_of, charges_of, subject_of, write_answer, write_error, write_states
from services.ratelimit.settings import RatelimitSettings
from services.ratelimit.waiting import WaitingRoom

_MICRO = 1_000_000
_READ_AHEAD = 256
_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class _Started:
    """One of many requests, under way."""

    ask: Ask | None = None
    flight: "asyncio.Future[Outcome] | None" = None
    waiting: "asyncio.Task[pb.AcquireResponse] | None" = None
    error: GuildhallError | None = None

    def abandon(self) -> None:
        """Nobody wants the answer any more, if it is still to come."""
        for pending in (self.flight, self.waiting):
            if pending is not None and not pending.cancel() and not pending.cancelled():
                pending.exception()  # noted, so that it is not reported as never looked at


class RateLimitServicer(ratelimit_pb2_grpc.RateLimitServiceServicer):
    """The limits of people, guilds, models and money."""

    def __init__(
        self, limiter: Limiter, room: WaitingRoom, administration: Administration, settings: RatelimitSettings
    ) -> None:
        self._limiter, self._room, self._administration, self._settings = limiter, room, administration, settings

    def use(self, settings: RatelimitSettings) -> None:
        """Puts a configuration in force."""
        self._settings = settings

    async def Acquire(self, request: pb.AcquireRequest, context: _Context) -> pb.AcquireResponse:
        return await self._acquire(request)

    async def AcquireBatch(self, request: pb.AcquireBatchRequest, context: _Context) -> pb.AcquireBatchResponse:
        self._require_few(request.requests)
        started = [self._start(one) for one in request.requests]
        try:
            answers = pb.AcquireBatchResponse()
            for one in started:
                await self._finish(one, answers.decisions.add())
            return answers
        finally:
            for one in started:
                one.abandon()

    async def AcquireStream(
        self, request_iterator: AsyncIterator[pb.AcquireStreamRequest], context: _Context
    ) -> AsyncIterator[pb.AcquireStreamResponse]:
        # Requests are decided side by side, answers keep the order; a full queue holds back a sender that is too fast.
        asked: asyncio.Queue[_Started | None] = asyncio.Queue(_READ_AHEAD)

        async def read() -> None:
            try:
                async for message in request_iterator:
                    await asked.put(self._start(message.request))
            finally:
                await asked.put(None)

        reader = asyncio.create_task(read())
        try:
            while (one := await asked.get()) is not None:
                try:
                    answer = pb.AcquireStreamResponse()
                    await self._finish(one, answer)
                    yield answer
                finally:
                    one.abandon()
            await reader
        finally:
            reader.cancel()
            while not asked.empty():
                left = asked.get_nowait()
                if left is not None:
                    left.abandon()

    async def Release(self, request: pb.ReleaseRequest, context: _Context) -> pb.ReleaseResponse:
        return pb.ReleaseResponse(released=await self._limiter.release(request.hold_id))

    async def Peek(self, request: pb.PeekRequest, context: _Context) -> pb.PeekResponse:
        ask = self._limiter.asks.resolve(
            subject_of(request.subject), charges_of(request.charges), caller=current_caller()
        )
        answer = await self._limiter.peek(ask.demands)
        response = pb.PeekResponse(allowed=answer.allowed, blocking_limit=answer.blocking)
        write_states(response.limits, answer.limits)
        put(response.retry_after, answer.retry_us)
        return response

    async def Reset(self, request: pb.ResetRequest, context: _Context) -> pb.ResetResponse:
        done = await self._administration.reset(
            subject_of(request.subject), list(request.limits), request.reason, current_caller()
        )
        return pb.ResetResponse(limits=done)

    async def Grant(self, request: pb.GrantRequest, context: _Context) -> pb.GrantResponse:
        done = await self._administration.grant(
            subject_of(request.subject),
            list(request.limits),
            request.times,
            until=request.until.ToNanoseconds() / 1e9,
            reason=request.reason,
            caller=current_caller(),
        )
        return pb.GrantResponse(limits=done)

    async def ListGrants(self, request: pb.ListGrantsRequest, context: _Context) -> pb.ListGrantsResponse:
        response = pb.ListGrantsResponse()
        for grant in self._administration.granted(subject_of(request.subject), current_caller()):
            wider = response.grants.add(
                limit=grant.limit, times=grant.times, administrator_id=grant.by, guild_id=grant.guild_id
            )
            wider.until.FromNanoseconds(round(grant.until * 1e9))
        return response

    async def Reserve(self, request: pb.ReserveRequest, context: _Context) -> pb.ReserveResponse:
        ask = self._limiter.asks.resolve(
            subject_of(request.subject),
            charges_of(request.charges),
            request_id=request.request_id,
            caller=current_caller(),
            reserve_ttl=self._ttl(request),
        )
        answer = await self._room.decide(ask, self._max_wait(request.max_wait))
        response = pb.ReserveResponse(allowed=answer.allowed, blocking_limit=answer.blocking, reservation=answer.handle)
        write_states(response.limits, answer.limits)
        put(response.retry_after, answer.retry_us)
        if answer.expires_us:
            response.expire_time.FromMicroseconds(answer.expires_us)
        response.waited.FromMicroseconds(round(answer.waited * _MICRO))
        return response

    async def Extend(self, request: pb.ExtendRequest, context: _Context) -> pb.ExtendResponse:
        response = pb.ExtendResponse()
        response.expire_time.FromMicroseconds(await self._limiter.extend(request.reservation, self._ttl(request)))
        return response

    async def Settle(self, request: pb.SettleRequest, context: _Context) -> pb.SettleResponse:
        return await self._settle(request)

    async def SettleBatch(self, request: pb.SettleBatchRequest, context: _Context) -> pb.SettleBatchResponse:
        self._require_few(request.requests)
        outcomes = await asyncio.gather(*(self._settle(one) for one in request.requests), return_exceptions=True)
        answers = pb.SettleBatchResponse()
        for outcome in outcomes:
            told = answers.settlements.add()
            if isinstance(outcome, pb.SettleResponse):
                told.response.CopyFrom(outcome)
            elif isinstance(outcome, GuildhallError):
                write_error(told.error, outcome)
            else:
                raise outcome
        return answers

    async def _settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        used = None if request.nothing_sent else {usage.limit: usage.amount for usage in request.usages}
        settlement = await self._limiter.settle(request.reservation, used)
        response = pb.SettleResponse(already_settled=settlement.already_settled, late=settlement.late)
        write_states(response.limits, settlement.limits)
        return response

    async def _acquire(self, request: pb.AcquireRequest) -> pb.AcquireResponse:
        ask = self._ask(request)
        if request.HasField("max_wait"):
            return answer_of(await self._room.decide(ask, self._max_wait(request.max_wait)))
        return answer_of(await self._limiter.decide(ask))

    def _start(self, request: pb.AcquireRequest) -> "_Started":
        """Sends one request of many on its way."""
        try:
            if request.HasField("max_wait"):
                return _Started(waiting=asyncio.create_task(self._acquire(request)))
            ask = self._ask(request)
        except GuildhallError as error:
            return _Started(error=error)
        return _Started(ask, self._limiter.start(ask))

    async def _finish(self, one: "_Started", told: pb.BatchDecision | pb.AcquireStreamResponse) -> None:
        """Writes what came of it."""
        try:
            if one.waiting is not None:
                told.response.CopyFrom(await one.waiting)
            elif one.ask is None:
                write_error(told.error, one.error)
            elif one.flight is not None:
                write_answer(told.response, await self._limiter.finish(one.ask, one.flight))
            else:
                write_answer(told.response, await self._limiter.decide(one.ask))
        except GuildhallError as error:
            write_error(told.error, error)

    def _require_few(self, requests: Sequence[Any]) -> None:
        most = self._settings.requests.most_requests
        if len(requests) > most:
            raise InvalidArgument(
                "too many requests", reason="TOO_MANY_REQUESTS", fields={"requests": f"at most {most}"}
            )

    def _ask(self, request: pb.AcquireRequest) -> Ask:
        return self._limiter.asks.resolve(
            subject_of(request.subject),
            charges_of(request.charges),
            request_id=request.request_id,
            caller=current_caller(),
        )

    def _max_wait(self, max_wait: Duration) -> float:
        seconds = max_wait.ToMicroseconds() / _MICRO
        if seconds < 0:
            raise InvalidArgument(
                "a wait is not negative", reason="INVALID_MAX_WAIT", fields={"max_wait": "is negative"}
            )
        return patience(max_wait, self._settings.requests.longest_wait)

    def _ttl(self, request: pb.ReserveRequest | pb.ExtendRequest) -> float:
        reservations = self._settings.reservations
        if not request.HasField("ttl"):
            return reservations.ttl
        seconds = request.ttl.ToMicroseconds() / _MICRO
        if not 0 < seconds <= reservations.longest_ttl:
            raise InvalidArgument(
                "not a time to live",
                reason="INVALID_TTL",
                fields={"ttl": f"above 0, at most {reservations.longest_ttl:g} s"},
            )
        return seconds
