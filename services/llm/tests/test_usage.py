"""The ledger: what was used is summed by what is asked, for those who may see it, and alerts come once."""

from datetime import UTC, date, datetime
from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import (
    usage_pb2,
    usage_pb2_grpc,
)

from chassis.caller import Caller, Person
from chassis.errors import InvalidArgument
from chassis.testing import channel_to
from services.llm.chat import Usage
from services.llm.limits import duration_words
from services.llm.settings import AlertSettings
from services.llm.tests.harness import ADMIN, ALICE, TIMEOUT, Llm, reason, running, variables
from services.llm.tests.limiter import World
from services.llm.tests.upstream import upstream
from services.llm.usage import CallRecord, Query, Sums, crossed, days
from tests.support.waiting import eventually


async def usage(llm: Llm, person: Person | None, **fields: Any) -> usage_pb2.GetUsageResponse:
    async with channel_to(llm.address, Caller("gateway", person), audience="llm") as channel:
        request = usage_pb2.GetUsageRequest(**{"guild_id": 7, **fields})
        return await usage_pb2_grpc.UsageServiceStub(channel).GetUsage(request, timeout=TIMEOUT)


async def test_usage_is_summed_by_what_is_asked_and_shown_to_those_who_may(redis_url: str) -> None:
    async with upstream(models=["demo", "other"]) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask(turn_id="t1", model="openai/demo")
        await llm.ask(turn_id="t2", model="openai/other")
        async with channel_to(llm.address, Caller("executor", ADMIN), audience="llm") as channel:
            await Llm(channel, llm.address, llm.runtime).ask(turn_id="t3", model="openai/demo")

        async def all_recorded() -> bool:
            return (await usage(llm, ADMIN)).total.calls == 3

        await eventually(all_recorded)
        own = await usage(llm, ALICE, user_id=11, group=usage_pb2.USAGE_GROUP_MODEL)
        assert [(row.key, row.calls) for row in own.rows] == [("openai/demo", 1), ("openai/other", 1)]
        assert (own.total.usage.input_tokens, own.total.unpriced_calls) == (24, 2)
        assert not own.total.usage.HasField("cost_nanos")
        top = await usage(llm, ADMIN, group=usage_pb2.USAGE_GROUP_PERSON, limit=1)
        assert [(row.key, row.calls) for row in top.rows] == [("11", 2)]
        today = datetime.now(UTC).date().isoformat()
        by_day = await usage(llm, ADMIN, group=usage_pb2.USAGE_GROUP_DAY)
        assert [(row.key, row.calls) for row in by_day.rows] == [(today, 3)]
        assert (await usage(llm, ADMIN, model="*/other")).total.calls == 1
        for fields in ({"user_id": 12}, {}, {"guild_id": 8, "user_id": 11}):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await usage(llm, ALICE, **fields)
            assert reason(caught.value) == "USAGE_FORBIDDEN"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await usage(llm, ADMIN, from_day="yesterday")
        assert reason(caught.value) == "INVALID_PERIOD"


def event_of(answer: Any) -> usage_pb2.Event:
    """The event in an answer of the watch."""
    assert isinstance(answer, usage_pb2.WatchEventsResponse)
    return answer.event


async def test_alerts_come_once_each_in_a_growing_sequence(world: World, redis_url: str) -> None:
    budget = {"usage": {"fold_interval": 0.02, "alerts": {"monthly_tokens": 60, "thresholds": [0.5, 1.0]}}}
    async with upstream() as provider, running(world.variables(provider.url, "127.0.0.1:1", **budget)) as llm:
        for number in range(6):
            await llm.ask(turn_id=f"t{number}")
        stub = usage_pb2_grpc.UsageServiceStub(llm.channel)
        call = stub.WatchEvents(usage_pb2.WatchEventsRequest(guild_id=7), timeout=TIMEOUT)
        events = [event_of(await call.read()) for _ in range(2)]
        call.cancel()
        assert [(each.sequence, each.budget_alert.threshold, each.budget_alert.used) for each in events] == [
            (1, 0.5, 30),
            (2, 1.0, 60),
        ]
        later = stub.WatchEvents(usage_pb2.WatchEventsRequest(guild_id=7, after_sequence=1), timeout=TIMEOUT)
        assert event_of(await later.read()).sequence == 2
        later.cancel()
        over = stub.WatchEvents(usage_pb2.WatchEventsRequest(guild_id=7, after_sequence=2), timeout=0.5)
        assert [event async for event in over] == []
        now = stub.WatchEvents(usage_pb2.WatchEventsRequest(guild_id=7, until_now=True), timeout=TIMEOUT)
        assert [event_of(answer).sequence async for answer in now] == [1, 2]


def test_several_thresholds_at_once_are_one_alert() -> None:
    settings = AlertSettings(monthly_dollars=1.0, monthly_tokens=100)
    found = list(crossed("2026-11", Sums(), Sums(cost_nanos=900_000_000, input_tokens=10), settings))
    assert [(alert.unit, alert.threshold) for alert in found] == [("dollars", 0.8)]
    assert list(crossed("2026-11", Sums(cost_nanos=900_000_000), Sums(cost_nanos=950_000_000), settings)) == []


def test_periods() -> None:
    today = date(2026, 11, 3)
    assert days(Query(7), today) == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert days(Query(7, from_day="2026-10-31", to_day="2026-10-31"), today) == ["2026-10-31"]
    for query in (Query(7, from_day="2026-11-04"), Query(7, from_day="2020-01-01"), Query(7, to_day="x")):
        with pytest.raises(InvalidArgument):
            days(query, today)


def test_an_unknown_cost_stays_unknown() -> None:
    record = CallRecord("c", 0.0, 7, 11, "m", "chat", Usage(1, 2), 1.0, "stop")
    sums = Sums.of(record)
    unknown = sums.usage.cost_nanos
    assert unknown is None
    sums.add(Sums.of(CallRecord("d", 0.0, 7, 11, "m", "chat", Usage(1, 2, cost_nanos=5), 1.0, "stop")))
    assert (sums.usage.cost_nanos, sums.unpriced) == (5, 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (59, "59 seconds"), (90, "2 minutes"), (3_601, "2 hours"), (200_000, "3 days")],
)
def test_durations_as_people_say_them(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
