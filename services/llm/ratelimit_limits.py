"""Limits as ratelimit keeps them: a Reserve before a call, a settlement after it, an Extend now and then for long ones.

What is held when this process dies is charged as estimated when the hold expires, so a long answer is held for a while
at a time and never for good.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.errors import DeadlineExceeded, Unavailable, from_rpc_error
from chassis.settings import Live
from services.llm.limits import Asker, Denial, Free, Reservation, Spending
from services.llm.settings import LimitSettings, LlmSettings
from services.llm.settlements import Settlements

log = structlog.get_logger(__name__)
_STORE_AWAY = "STORE_UNAVAILABLE"
"""ratelimit's reason where its store does not answer and the policy of a limit that is asked for is closed then."""
_PAUSE = 0.5
GRACE = 30.0
"""Seconds for which an estimate is held beyond the time that the answer may take."""


class RatelimitLimits:
    """Asks the ratelimit service."""

    def __init__(self, channel: grpc.aio.Channel, settings: Live[LlmSettings]) -> None:
        self._stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)
        self._settlements = Settlements(self._stub)
        self._settings = settings

    async def reserve(
        self, call_id: str, asker: Asker, model: str, estimate: Spending, seconds: float
    ) -> Reservation | Denial:
        """See Limits. The system's own work is nobody's budget."""
        limits = self._settings.current.limits
        charges = charged(limits, estimate)
        if not limits.enabled or not asker.user_id or not charges:
            return Free()
        request = ratelimit_pb2.ReserveRequest(
            request_id=call_id,
            subject=ratelimit_pb2.Subject(
                guild_id=asker.guild_id,
                user_id=asker.user_id,
                role_ids=asker.role_ids,
                channel_id=asker.channel_id,
                model=model,
                provider=model.partition("/")[0],
            ),
            charges=[ratelimit_pb2.Charge(limit=name, cost=amount) for name, amount in charges],
            ttl=_duration(min(limits.hold, seconds + GRACE)),
        )
        answer = await self._ask(request, limits)
        if answer is None:
            return Free()
        if answer.allowed:
            reserved = [name for name, _ in charges]
            return _Held(self._stub, self._settlements, answer.reservation, limits, reserved, seconds + GRACE)
        return denial(answer, limits.budgets)

    async def _ask(
        self, request: ratelimit_pb2.ReserveRequest, limits: LimitSettings
    ) -> ratelimit_pb2.ReserveResponse | None:
        """What ratelimit answers; None where it can't be asked at all and calls go on without it then.

        While its store is away it decides by each limit's own policy, and what it refuses stays refused. A restart of
        the store is waited for: to ask again with the same id takes nothing twice.
        """
        give_up = time.monotonic() + limits.patience
        while True:
            try:
                return await self._stub.Reserve(request, timeout=limits.timeout)
            except grpc.aio.AioRpcError as error:
                problem = from_rpc_error(error)
                log.warning("limits can't be read", error=problem.message, reason=problem.reason)
                closed = problem.reason == _STORE_AWAY
                unreachable = not closed and isinstance(problem, Unavailable | DeadlineExceeded)
                if unreachable and limits.when_unavailable == "allow":
                    return None
                pause = problem.retry_after or _PAUSE
                if not (closed or unreachable) or time.monotonic() + pause > give_up:
                    raise Unavailable("Limits can't be checked right now.", reason="LIMITS_UNAVAILABLE") from error
            await asyncio.sleep(pause)


class _Held:
    """A reservation that ratelimit holds."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        stub: ratelimit_pb2_grpc.RateLimitServiceStub,
        settlements: Settlements,
        reservation: str,
        limits: LimitSettings,
        reserved: Sequence[str],
        seconds: float,
    ) -> None:
        self._stub = stub
        self._settlements = settlements
        self._reservation = reservation
        self._limits = limits
        self._reserved = reserved
        self._extending = asyncio.create_task(self._extend(seconds)) if seconds > limits.hold else None

    async def _extend(self, seconds: float) -> None:
        """Holds on for as long as the answer may take, each time well before the hold ends."""
        hold, held = self._limits.hold, self._limits.hold
        while held < seconds:
            await asyncio.sleep(hold / 2)
            held += hold / 2
            request = ratelimit_pb2.ExtendRequest(reservation=self._reservation, ttl=_duration(hold))
            try:
                await self._stub.Extend(request, timeout=self._limits.timeout)
            except grpc.aio.AioRpcError as error:
                log.warning("a reservation was not extended", reservation=self._reservation, code=error.code().name)

    async def settle(self, used: Spending | None) -> None:
        """See Reservation."""
        if self._extending is not None:
            self._extending.cancel()
        request = ratelimit_pb2.SettleRequest(reservation=self._reservation, nothing_sent=used is None)
        if used is not None:
            amounts = dict(charged(self._limits, used))
            # What was reserved and is not named here would be charged as estimated, so nothing is named as nothing.
            for name in self._reserved:
                request.usages.add(limit=name, amount=amounts.get(name, 0))
        await self._settlements.tell(request, self._limits.timeout)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(1_000 * seconds))
    return duration


def charged(limits: LimitSettings, spending: Spending) -> list[tuple[str, int]]:
    """What is taken of each limit."""

    def each(names: Sequence[str], amount: int) -> list[tuple[str, int]]:
        return [(name, amount) for name in names]

    if spending.images:
        charges = each(limits.images, spending.images) + each(limits.money, spending.nanos)
    else:
        charges = each(limits.requests, 1) + each(limits.tokens, spending.tokens) + each(limits.money, spending.nanos)
        charges += each(limits.provider, 1)
    # A limit that nothing is taken of is not asked: to ratelimit a cost of 0 counts as 1.
    return [(name, amount) for name, amount in charges if amount > 0]


def denial(answer: ratelimit_pb2.ReserveResponse, budgets: Sequence[str]) -> Denial:
    """The limit that stands against a call."""
    blocking = answer.blocking_limit
    state = next((each for each in answer.limits if each.limit == blocking), ratelimit_pb2.LimitState())
    denying = [each.limit for each in answer.limits if not each.allowed and not each.shadow]
    return Denial(
        blocking,
        state.remaining,
        state.capacity,
        answer.retry_after.ToNanoseconds() / 1e9,
        budget=bool(denying) and all(any(fnmatchcase(name, each) for each in budgets) for name in denying),
    )
