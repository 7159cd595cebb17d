"""What log channels hear of their guilds' budgets, from a server of llm's contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
import redis.asyncio as redis
from guildhall.llm.v1 import usage_pb2, usage_pb2_grpc

from chassis.scoped import Scope, ScopedSettings, ScopeKind
from chassis.scoped.store import ScopeStore
from chassis.testing import channel_to, serve_in_process
from services.executor.budgets.alerts import BudgetAlerts
from services.executor.budgets.settings import BudgetSettings
from services.executor.guild_settings import LOG_CHANNEL, SETTINGS
from services.executor.jobs import keys
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.replies.notice_job import Notice
from tests.support.clock import ManualClock

GUILD, CHANNEL, QUIET = 11, 22, 33


class Usage(usage_pb2_grpc.UsageServiceServicer):
    """llm's event log, as a test writes it."""

    def __init__(self) -> None:
        self.events: list[usage_pb2.Event] = []
        self.asked: list[usage_pb2.WatchEventsRequest] = []
        self.breaks_after: int | None = None

    async def WatchEvents(
        self, request: usage_pb2.WatchEventsRequest, context: Any
    ) -> AsyncIterator[usage_pb2.WatchEventsResponse]:
        self.asked.append(request)
        assert request.until_now
        for count, event in enumerate(e for e in self.events if e.sequence > request.after_sequence):
            if count == self.breaks_after:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            yield usage_pb2.WatchEventsResponse(event=event)

    def add(self, at: float, threshold: float, unit: str, used: int, budget: int) -> None:
        event = usage_pb2.Event(sequence=len(self.events) + 1, guild_id=GUILD)
        event.create_time.FromNanoseconds(int(at * 1e9))
        event.budget_alert.CopyFrom(
            usage_pb2.BudgetAlert(unit=unit, threshold=threshold, used=used, budget=budget, month="2026-11")
        )
        self.events.append(event)


@pytest.fixture
async def guilds(client: redis.Redis, clock: ManualClock) -> ScopedSettings:
    """One guild with a log channel and one without."""
    store = ScopeStore(client, "executor:", clock)
    scope, quiet = Scope(ScopeKind.GUILD, GUILD, GUILD), Scope(ScopeKind.GUILD, QUIET, QUIET)
    await store.change(scope, lambda _: {LOG_CHANNEL: str(CHANNEL)}, expected_version=None, recovered=False)
    await store.change(quiet, lambda _: {"footer": False}, expected_version=None, recovered=False)
    return ScopedSettings(SETTINGS, store)


async def told(client: redis.Redis, job_settings: JobSettings) -> list[str]:
    """What is on its way to the log channel, in order."""
    found = []
    for partition in range(job_settings.partitions):
        for entry, fields in cast(Any, await client.xrange(keys.stream(partition))):
            notice = Notice.model_validate_json(fields[b"payload"])
            assert (notice.guild_id, notice.channel_id) == (GUILD, CHANNEL)
            assert notice.body["allowed_mentions"] == {"parse": []}
            found.append((entry, notice.body["content"]))
    return [content for _, content in sorted(found)]


async def test_each_alert_is_told_once_in_the_guilds_language(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, guilds: ScopedSettings, clock: ManualClock
) -> None:
    usage = Usage()  # type: ignore[abstract]  # the other method is never called
    async with (
        serve_in_process((usage_pb2_grpc.add_UsageServiceServicer_to_server, usage), name="llm") as address,
        channel_to(address, audience="llm") as channel,
    ):

        def alerts() -> BudgetAlerts:
            return BudgetAlerts(
                channel, client, store, guilds,
                language=lambda guild_id: "de", leads=lambda: True, settings=BudgetSettings(), clock=clock,
            )  # fmt: skip

        usage.add(clock.now() - 90_000, 0.5, "dollars", 50 * 10**9, 100 * 10**9)
        usage.add(clock.now(), 0.8, "dollars", 81_500_000_000, 100 * 10**9)
        usage.add(clock.now(), 1.0, "tokens", 1_000_003, 1_000_000)
        usage.breaks_after = 2
        with pytest.raises(Exception, match="gone"):
            await alerts().once()
        # Another executor leads from now on, and nobody knows how far the first had come with its jobs.
        await client.hdel(keys.BUDGETS_TOLD, str(GUILD))
        usage.breaks_after = None
        for _ in range(2):
            await alerts().once()
        assert await told(client, job_settings) == [
            "**80 %** des Budgets für Sprachmodelle in diesem Monat sind verbraucht: 81.50 $ von 100.00 $ (2026-11).",
            "Die Tokens für Sprachmodelle sind in diesem Monat **verbraucht**: 1,000,003 von 1,000,000 (2026-11). "
            "`/usage` zeigt, wofür.",
        ]
        assert {request.guild_id for request in usage.asked} == {GUILD}
        assert usage.asked[-1].after_sequence == 3
