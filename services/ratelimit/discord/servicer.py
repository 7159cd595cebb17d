"""DiscordLimitService: protobuf in, permits out."""

from typing import Any

import grpc
from guildhall.ratelimit.v1 import discord_pb2 as pb
from guildhall.ratelimit.v1 import discord_pb2_grpc

from chassis.clock import Clock
from chassis.errors import InvalidArgument
from services.ratelimit.discord.identify import IdentifyAsk, IdentifyPermits
from services.ratelimit.discord.rest import Priority, RestAsk, RestPermits
from services.ratelimit.durations import duration_of, patience, seconds

_Context = grpc.aio.ServicerContext[Any, Any]
_PRIORITIES = {
    pb.REST_PRIORITY_FINAL: Priority.FINAL,
    pb.REST_PRIORITY_FIRST: Priority.FIRST,
    pb.REST_PRIORITY_PREVIEW: Priority.PREVIEW,
}
_LONGEST_IDENTIFY_WAIT = 300.0


class DiscordLimitServicer(discord_pb2_grpc.DiscordLimitServiceServicer):
    """Discord's own limits."""

    def __init__(self, rest: RestPermits, identify: IdentifyPermits, clock: Clock) -> None:
        self._rest, self._identify, self._clock = rest, identify, clock

    async def AcquireRest(self, request: pb.AcquireRestRequest, context: _Context) -> pb.AcquireRestResponse:
        lease = request.lease if request.HasField("lease") else None
        if lease is not None and not lease.key:
            raise InvalidArgument("a lease has a key", reason="NO_LEASE_KEY", fields={"lease.key": "is empty"})
        result = await self._rest.acquire(
            RestAsk(
                credential=request.credential,
                method=request.method,
                route=request.route,
                major=request.major,
                guild_id=request.guild_id,
                priority=_PRIORITIES.get(request.priority, Priority.BULK),
                lease_key=lease.key if lease else "",
                epoch=lease.epoch if lease else 0,
                lease_remaining=seconds(lease.remaining) if lease and lease.HasField("remaining") else None,
                max_wait=patience(request.max_wait, self._rest.settings.longest_wait),
                message_id=request.target_message_id,
                aspect=request.aspect,
                egress=request.egress,
            )
        )
        response = pb.AcquireRestResponse(waited=duration_of(result.waited))
        if result.refusal is None:
            permit = pb.RestPermit(permit_id=result.permit, ttl=duration_of(result.ttl))
            permit.expire_time.FromNanoseconds(round((self._clock.now() + result.ttl) * 1e9))
            response.permit.CopyFrom(permit)
        else:
            reason = pb.RestRefusalReason.Value(f"REST_REFUSAL_REASON_{result.refusal.name}")
            response.refusal.CopyFrom(pb.RestRefusal(reason=reason, retry_after=duration_of(result.retry_after)))
        return response

    async def ReportRest(self, request: pb.ReportRestRequest, context: _Context) -> pb.ReportRestResponse:
        await self._rest.report(
            request.permit_id,
            request.status,
            dict(request.headers),
            request.retry_after_us,
            getattr(request, "global"),
            error_code=request.error_code,
            travel_us=request.travel_us,
        )
        return pb.ReportRestResponse()

    async def AcquireIdentify(
        self, request: pb.AcquireIdentifyRequest, context: _Context
    ) -> pb.AcquireIdentifyResponse:
        result = await self._identify.acquire(
            IdentifyAsk(
                credential=request.credential,
                shard_id=request.shard_id,
                max_concurrency=request.max_concurrency or 1,
                remaining=request.remaining,
                reset_after=seconds(request.reset_after),
                max_wait=patience(request.max_wait, _LONGEST_IDENTIFY_WAIT),
                use_reserve=request.use_reserve,
            )
        )
        return pb.AcquireIdentifyResponse(
            allowed=bool(result.permit),
            permit_id=result.permit,
            retry_after=duration_of(result.retry_after),
            ttl=duration_of(result.ttl),
        )

    async def ReportIdentify(self, request: pb.ReportIdentifyRequest, context: _Context) -> pb.ReportIdentifyResponse:
        await self._identify.report(request.permit_id)
        return pb.ReportIdentifyResponse()
