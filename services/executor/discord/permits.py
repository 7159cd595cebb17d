"""Permits for REST calls, from ratelimit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import discord_pb2, discord_pb2_grpc

from chassis.enums import full_name
from chassis.telemetry import meter
from chassis.telemetry.names import DURATION_BUCKETS
from services.executor.discord.errors import NotPermitted
from services.executor.discord.identity import BotIdentity
from services.executor.discord.routes import Route
from services.executor.jobs.model import Fence, LeaseLost

_log = structlog.get_logger(__name__)

_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_RPC_MARGIN_SECONDS = 2.0
_REASONS = discord_pb2.RestRefusalReason.DESCRIPTOR
_AT_ONCE = (discord_pb2.REST_REFUSAL_REASON_INVALID_BUDGET, discord_pb2.REST_REFUSAL_REASON_UNAVAILABLE)
"""Refusals for which nobody queues inside ratelimit: it answers them at once, however long one would wait."""
_waited = meter().create_histogram(
    "guildhall.permit.duration",
    "s",
    "Time until a permit of Discord's was granted or refused",
    explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
)
_ASPECTS: Mapping[tuple[str, str], tuple[frozenset[str], str]] = {
    ("PATCH", "/channels/{channel_id}"): (frozenset(("name", "topic")), "name_or_topic"),
}
"""Routes that Discord counts apart by what the call changes: the body's fields, and what the contract calls it."""
_REPORTED_HEADERS = ("x-ratelimit-", "retry-after", "via")


class Priority(Enum):
    """How much a call matters when there are more than Discord takes."""

    FINAL = discord_pb2.REST_PRIORITY_FINAL
    FIRST = discord_pb2.REST_PRIORITY_FIRST
    BULK = discord_pb2.REST_PRIORITY_BULK
    PREVIEW = discord_pb2.REST_PRIORITY_PREVIEW


@dataclass(frozen=True)
class Permit:
    """The right to make one call."""

    permit_id: str
    ttl: float
    """Seconds from the answer on."""


@dataclass(frozen=True)
class Ask:
    """What a permit is wanted for."""

    route: Route
    priority: Priority
    guild_id: int
    target_message_id: int
    fence: Fence | None
    aspect: str = ""
    """What of the target the call changes, where that is counted apart; see `aspect_of`."""


def aspect_of(route: Route, body: Any) -> str:
    """What of its target a call changes, in the contract's words; empty where nothing is counted apart."""
    fields, aspect = _ASPECTS.get((route.method, route.template), (frozenset(), ""))
    return aspect if isinstance(body, Mapping) and not fields.isdisjoint(body) else ""


class RateLimiterAway(Exception):
    """ratelimit does not answer."""


class Permits(Protocol):
    """Where permits come from."""

    async def acquire(self, ask: Ask, max_wait: float) -> Permit:
        """A permit within `max_wait` seconds. Raises `NotPermitted`, `RateLimiterAway`, `LeaseLost`."""
        ...

    def report(
        self,
        permit: Permit,
        status: int,
        headers: Mapping[str, str],
        *,
        retry_after: float = 0.0,
        is_global: bool = False,
        error_code: int = 0,
        travel: float = 0.0,
    ) -> None:
        """Says how the call went; `status` 0 where no answer came, `error_code` from the answer's body. `travel` is how
        many seconds lie between its sending and its answer. Never waits, never fails."""
        ...


class RateLimitPermits:
    """Permits over gRPC."""

    def __init__(self, channel: grpc.aio.Channel, identity: BotIdentity) -> None:
        self._stub = discord_pb2_grpc.DiscordLimitServiceStub(channel)
        self._identity = identity
        self._reports: set[asyncio.Task[None]] = set()

    async def acquire(self, ask: Ask, max_wait: float) -> Permit:
        """One AcquireRest."""
        request = discord_pb2.AcquireRestRequest(
            credential=str(self._identity.user_id),
            method=ask.route.method,
            route=ask.route.template,
            major=ask.route.major,
            guild_id=ask.guild_id,
            priority=ask.priority.value,
            max_wait=_duration(max_wait),
            target_message_id=ask.target_message_id,
            aspect=ask.aspect,
        )
        if ask.fence is not None:
            request.lease.key = ask.fence.name
            request.lease.epoch = ask.fence.epoch
            # So the permit ends before the right to use it does.
            request.lease.remaining.CopyFrom(_duration(ask.fence.remaining()))
        began = time.perf_counter()
        outcome = "AWAY"
        try:
            answer = await self._stub.AcquireRest(request, timeout=max_wait + _RPC_MARGIN_SECONDS)
            granted = answer.WhichOneof("outcome") == "permit"
            outcome = "GRANTED" if granted else full_name(_REASONS, answer.refusal.reason)
        except grpc.aio.AioRpcError as error:
            if error.code() in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.CANCELLED,
            ):
                raise RateLimiterAway(error.details() or error.code().name) from error
            raise
        finally:
            _waited.record(
                time.perf_counter() - began,
                {"guildhall.permit.priority": ask.priority.name, "guildhall.permit.outcome": outcome},
            )
        if granted:
            return Permit(answer.permit.permit_id, _seconds(answer.permit.ttl))
        refusal = answer.refusal
        if refusal.reason == discord_pb2.REST_REFUSAL_REASON_STALE_LEASE:
            raise LeaseLost(request.lease.key)
        raise NotPermitted(
            full_name(_REASONS, refusal.reason),
            _seconds(refusal.retry_after),
            quota=refusal.reason == discord_pb2.REST_REFUSAL_REASON_QUOTA,
            queued=refusal.reason not in _AT_ONCE,
            stopped=refusal.reason == discord_pb2.REST_REFUSAL_REASON_STOPPED,
        )

    def report(
        self,
        permit: Permit,
        status: int,
        headers: Mapping[str, str],
        *,
        retry_after: float = 0.0,
        is_global: bool = False,
        error_code: int = 0,
        travel: float = 0.0,
    ) -> None:
        """One ReportRest, behind the caller's back: an answer to a person does not wait for it."""
        request = discord_pb2.ReportRestRequest(
            permit_id=permit.permit_id,
            status=status,
            headers={k.lower(): v for k, v in headers.items() if k.lower().startswith(_REPORTED_HEADERS)},
            retry_after_us=round(retry_after * 1e6),
            error_code=error_code,
            travel_us=round(travel * 1e6),
        )
        setattr(request, "global", is_global)
        task = asyncio.create_task(self._send(request))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def close(self) -> None:
        """Lets the reports under way arrive."""
        if self._reports:
            await asyncio.wait(self._reports, timeout=_RPC_MARGIN_SECONDS)

    async def _send(self, request: discord_pb2.ReportRestRequest) -> None:
        try:
            await self._stub.ReportRest(request, timeout=_RPC_MARGIN_SECONDS)
        except grpc.aio.AioRpcError as error:
            # The permit ends by itself; ratelimit learns from the next call.
            _log.info("permit.not_reported", code=error.code().name)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(max(0.0, seconds) * 1e9))
    return duration


def _seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9
