"""Samples of how the services are: right sums over replicas and time, bounded in Redis, drawn with gaps."""

import asyncio
from datetime import UTC, datetime
from io import BytesIO

import pytest
from guildhall.admin.v1 import admin_pb2
from PIL import Image
from redis.asyncio import Redis

from chassis.redis_connections import cancellable
from chassis.telemetry.call_statistics import bucket_of
from services.gateway.numbers import drawing
from services.gateway.numbers.asking import SERVICES, sampled
from services.gateway.numbers.samples import Sample, decode, encode, hour_of, of_replicas, together
from services.gateway.numbers.store import SampleStore

NOW = datetime(2027, 1, 15, 8, 30, tzinfo=UTC).timestamp()


def replica(
    seconds: float, count: int, errors: int = 0, cpu: float = 0.1, free: int = 100
) -> admin_pb2.GetStatusResponse:
    answer = admin_pb2.GetStatusResponse()
    calls = answer.calls
    calls.count, calls.errors = count, errors
    calls.histogram[bucket_of(seconds)] = count
    for duration in (calls.average, calls.shortest, calls.longest, calls.p95):
        duration.FromNanoseconds(round(seconds * 1e9))
    answer.resources.cpu_share = cpu
    answer.resources.resident_bytes = 50
    answer.resources.disk_free_bytes = free
    return answer


def test_a_service_is_the_sum_of_its_replicas() -> None:
    sample = of_replicas([replica(0.01, 90), replica(1.0, 10, errors=5, free=7), None])
    assert (sample.replicas, sample.away, sample.calls, sample.errors) == (3, 1, 100, 5)
    assert sample.average == pytest.approx(0.109)
    assert (sample.shortest, sample.longest) == (0.01, 1.0)
    assert sample.p95 == pytest.approx(1.0, rel=0.05)
    assert sample.cpu == pytest.approx(0.2)
    assert (sample.memory, sample.disk_free) == (100, 7)
    assert sample.error_rate == 0.05
    idle = of_replicas([replica(0.01, 0)])
    assert idle.error_rate is None
    assert of_replicas([None]) == Sample(replicas=1, away=1)


def test_a_service_that_resolves_to_nothing_is_away() -> None:
    samples = sampled({"llm": {}, "board": {"127.0.0.1:1": replica(0.1, 1)}})
    assert (samples["llm"].replicas, samples["llm"].away) == (1, 1)
    assert samples["board"].away == 0


def test_an_hour_weighs_minutes_by_their_calls() -> None:
    busy = Sample(1, 0, calls=99, average=0.1, shortest=0.1, longest=0.2, p95=0.2, cpu=0.5, memory=10, disk_free=5)
    slow = Sample(1, 0, calls=1, errors=1, average=10, shortest=10, longest=10, p95=10, cpu=0.1, memory=20, disk_free=4)
    down = Sample(1, 1)
    hour = together([busy, slow, down])
    assert (hour.calls, hour.errors, hour.away) == (100, 1, 1)
    assert hour.average == pytest.approx(0.199)
    assert hour.p95 == pytest.approx(0.298)
    assert (hour.shortest, hour.longest) == (0.1, 10)
    assert hour.cpu == pytest.approx(0.3)
    assert (hour.memory, hour.disk_free) == (15, 4)
    assert decode(encode({"llm": busy})) == {"llm": busy}
    assert hour_of([{"llm": busy}, {"llm": slow, "board": busy}])["board"] == busy


async def test_minutes_and_hours_are_kept_bounded_and_read_with_gaps(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    store = SampleStore(redis)
    for minute in (0, 1, 5):
        await store.add(NOW + 60 * minute, {"llm": Sample(1, 0, calls=minute + 1)}, keep_days=31)
    await store.add(NOW - 3600, {"llm": Sample(1, 0, calls=7)}, keep_days=31)
    minutes = await store.minutes(NOW + 300, 24)
    assert len(minutes) == 24 * 60
    assert [samples["llm"].calls for _, samples in minutes if samples] == [7, 1, 2, 6]
    assert minutes[-2][1] is None
    hours = await store.hours(NOW + 300, 30)
    assert len(hours) == 30 * 24
    assert [samples["llm"].calls for _, samples in hours if samples] == [7, 9]
    assert set(await redis.keys("*")) == {
        b"gateway:samples:minutes:2027-01-15",
        b"gateway:samples:hours:2027-01-15",
    }
    assert 0 < await redis.ttl("gateway:samples:minutes:2027-01-15") <= 2 * 86_400
    assert 0 < await redis.ttl("gateway:samples:hours:2027-01-15") <= 32 * 86_400
    await redis.aclose()


async def test_one_replica_takes_each_sample(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    store = SampleStore(redis)
    claims = await asyncio.gather(*(store.claim(7, f"replica {number}", 120) for number in range(5)))
    assert sorted(claims) == [False, False, False, False, True]
    assert await store.claim(8, "another", 120)
    await redis.aclose()


@pytest.mark.parametrize("measure", list(drawing.MEASURES))
def test_charts_are_drawn_of_anything(measure: str) -> None:
    moment = datetime.fromtimestamp(NOW, UTC)
    full = {service: Sample(1, 0, 10, 1, 0.1, 0.1, 0.5, 0.3, 0.2, 1 << 27, 1) for service in SERVICES}
    for moments in ([], [(moment, None)], [(moment, full), (moment, None), (moment, full)], [(moment, full)] * 1440):
        picture = Image.open(BytesIO(drawing.drawn("Title", measure, moments, "%H:%M")))
        assert picture.size == (900, 320)
    assert len(drawing.thinned([(moment, full)] * 1441)) <= drawing.POINTS
    assert drawing.thinned([(moment, None)] * 10) == [(moment, None)] * 10
