"""UsageService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from guildhall.llm.v1 import usage_pb2, usage_pb2_grpc

from chassis.deadline import remaining
from chassis.errors import InvalidArgument
from services.llm.redis_ledger import RedisLedger
from services.llm.servicers.common import MARGIN, asker, timestamp, usage_message
from services.llm.usage import Group, GuildEvent, Query, Sums, require_reader

WATCH_SECONDS = 300.0
_GROUPS: dict[int, Group] = {
    usage_pb2.USAGE_GROUP_UNSPECIFIED: "",
    usage_pb2.USAGE_GROUP_DAY: "day",
    usage_pb2.USAGE_GROUP_PERSON: "person",
    usage_pb2.USAGE_GROUP_MODEL: "model",
    usage_pb2.USAGE_GROUP_OPERATION: "operation",
}


class UsageServicer(usage_pb2_grpc.UsageServiceServicer):
    """The usage ledger."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger

    async def GetUsage(self, request: usage_pb2.GetUsageRequest, context: Any) -> usage_pb2.GetUsageResponse:
        """See the contract."""
        query = Query(
            request.guild_id,
            request.user_id,
            request.from_day,
            request.to_day,
            _GROUPS.get(request.group, ""),
            request.limit,
            request.model,
        )
        require_reader(query, asker(request.guild_id))
        found = await self._ledger.query(query)
        return usage_pb2.GetUsageResponse(
            rows=[_row(key, sums) for key, sums in found.rows], total=_row("", found.total)
        )

    async def WatchEvents(
        self, request: usage_pb2.WatchEventsRequest, context: Any
    ) -> AsyncIterator[usage_pb2.WatchEventsResponse]:
        """See the contract."""
        if not request.guild_id:
            raise InvalidArgument("Name a guild.", reason="INVALID_ID", fields={"guild_id": "missing"})
        left = remaining()
        seconds = WATCH_SECONDS if left is None else min(WATCH_SECONDS, max(0.0, left - MARGIN))
        if request.until_now:
            seconds = 0.0
        async for event in self._ledger.watch(request.guild_id, request.after_sequence, seconds):
            yield usage_pb2.WatchEventsResponse(event=_event(event))


def _row(key: str, sums: Sums) -> usage_pb2.UsageRow:
    return usage_pb2.UsageRow(key=key, calls=sums.calls, usage=usage_message(sums.usage), unpriced_calls=sums.unpriced)


def _event(event: GuildEvent) -> usage_pb2.Event:
    alert = event.alert
    return usage_pb2.Event(
        sequence=event.sequence,
        guild_id=event.guild_id,
        create_time=timestamp(event.at),
        budget_alert=usage_pb2.BudgetAlert(
            unit=alert.unit, threshold=alert.threshold, used=alert.used, budget=alert.budget, month=alert.month
        ),
    )
