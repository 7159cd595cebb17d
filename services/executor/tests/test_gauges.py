"""The queue's gauges on a real Redis, and the durations of calls of Discord."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio as redis
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from services.executor.discord.routes import Route
from services.executor.discord.tracing import calling
from services.executor.jobs import keys
from services.executor.jobs.gauges import QueueGauges
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from tests.support.clock import ManualClock
from tests.support.telemetry import points
from tests.support.waiting import eventually


def read(reader: InMemoryMetricReader, name: str) -> list[float]:
    return [point.value for point in points(reader, f"guildhall.jobs.{name}")]


async def test_the_queue_is_counted_where_it_is_leased(
    client: redis.Redis, store: JobStore, job_settings: JobSettings
) -> None:
    # An executor that another test ran in this process still shows its gauges in the process's meter.
    metric_reader = InMemoryMetricReader()
    meter = MeterProvider([metric_reader]).get_meter("of this test")

    async def fail_or_wait(job: Job, journal: Journal) -> None:
        if job.payload == b"poison":
            raise RuntimeError("poison")
        await asyncio.Event().wait()

    clock = ManualClock()
    for event, payload in enumerate((b"", b"", b"poison")):
        await store.submit(a_job(f"key-{event}", payload=payload), event_id=event)
    async with worker(client, job_settings, Scripted(fail_or_wait)) as running:
        gauges = QueueGauges(store, lambda: running.runner.partitions, clock, interval=1, meter=meter)
        assert read(metric_reader, "pending") == []
        await eventually(lambda: _counts(gauges, metric_reader, (2, 1)))
        # The jobs of the harness were taken over at 1.0.
        assert read(metric_reader, "oldest.age") == [clock.now() - 1.0]
        await client.delete(*(keys.stream(p) for p in range(job_settings.partitions)))
        await gauges.look()
        assert (read(metric_reader, "pending"), read(metric_reader, "oldest.age")) == ([0], [0.0])


async def _counts(gauges: QueueGauges, reader: InMemoryMetricReader, wanted: tuple[int, int]) -> bool:
    await gauges.look()
    return (read(reader, "pending"), read(reader, "dead")) == ([wanted[0]], [wanted[1]])


async def test_nothing_is_told_while_redis_is_away(job_settings: JobSettings) -> None:
    metric_reader = InMemoryMetricReader()
    meter = MeterProvider([metric_reader]).get_meter("of this test")
    clock = ManualClock()
    away = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    gauges = QueueGauges(JobStore(away, job_settings, clock), lambda: [0], clock, interval=1, meter=meter)
    await gauges.look()
    assert read(metric_reader, "pending") == []
    await away.aclose()


def test_calls_of_discord_are_timed_by_route_and_outcome(metric_reader: InMemoryMetricReader) -> None:
    route = Route.of("GET", "/guilds/{guild_id}/of-this-test", guild_id=1)
    with calling(route) as call:
        call.answered(200)
    with calling(route) as call:
        call.answered(429)
    with pytest.raises(TimeoutError), calling(route):
        raise TimeoutError
    found = [
        dict(point.attributes)
        for point in points(metric_reader, "http.client.request.duration")
        if point.attributes["url.template"] == route.template
    ]
    outcomes = {(one.get("http.response.status_code"), one.get("error.type")) for one in found}
    assert outcomes == {(200, None), (429, "429"), (None, "TimeoutError")}
