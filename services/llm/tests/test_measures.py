"""How fast and how well models answered lately, as every replica sees it."""

from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import model_pb2, model_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from chassis.redis_connections import cancellable
from chassis.settings import Live
from services.llm.measures import GROWTH, HOUR, LAST_BUCKET, SHORTEST, Counts, Measures, bucket, middle
from services.llm.redis_measures import RedisMeasures
from services.llm.settings import LlmSettings, MeasureSettings
from services.llm.tests.harness import TIMEOUT, Llm, running, variables
from services.llm.tests.upstream import chunk, fails, says, sends, upstream
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


async def listed(llm: Llm) -> Any:
    stub = model_pb2_grpc.ModelServiceStub(llm.channel)
    answer = await stub.ListModels(model_pb2.ListModelsRequest(), timeout=TIMEOUT)
    return next(model for model in answer.models if model.name == "openai/demo")


async def test_models_are_listed_with_their_time_and_failures_by_all_replicas(redis_url: str) -> None:
    quick = {"GUILDHALL_LLM__RETRY__ATTEMPTS": "1", "GUILDHALL_LLM__MEASURES__FLUSH_INTERVAL": "0.01"}
    slow_first = sends(
        chunk({"reasoning": "Hm"}), chunk({"content": "Hi"}), chunk(finish="stop"), b"data: [DONE]\n\n", pause=0.1
    )
    async with upstream(slow_first, fails(500), says("x"), says("x")) as provider:
        environment = variables(redis_url, provider.url, **quick)
        async with running(environment) as other, running(environment) as llm:
            before = await listed(other)
            assert not before.HasField("error_rate")
            assert not before.HasField("median_first_text")
            assert before.measured_over.ToSeconds() == 6 * HOUR
            await llm.ask(turn_id="t1")

            async def own() -> bool:
                seen = await listed(llm)
                assert (seen.measured_calls, seen.error_rate) == (1, 0)
                assert seen.median_first_text.ToMilliseconds() >= 90, "the thinking before it is no text"
                return True

            await eventually(own)
            with pytest.raises(grpc.aio.AioRpcError):
                await llm.ask(turn_id="t2")
            await llm.ask(turn_id="t3")
            await llm.ask(turn_id="t4")

            async def shared() -> bool:
                return bool((await listed(other)).measured_calls == 4)

            await eventually(shared)
            seen = await listed(other)
            assert seen.error_rate == 0.25
            assert seen.median_first_text.ToMilliseconds() < 90


async def test_old_hours_are_left_out_and_forgotten(redis_url: str) -> None:
    redis, clock = cancellable(Redis.from_url(redis_url)), ManualClock()
    measures = Measures(Live(LlmSettings(measures=MeasureSettings(hours=2))), clock, RedisMeasures(redis))
    try:
        measures.note("p/m", 1.0, failed=False)
        await measures.flush()
        clock.advance(HOUR)
        measures.note("p/m", None, failed=True)
        await measures.flush()
        found = (await measures.of_all())["p/m"]
        assert (found.calls, found.error_rate) == (2, 0.5)
        clock.advance(HOUR)
        found = (await measures.of_all())["p/m"]
        assert (found.calls, found.error_rate, found.median_first) == (1, 1.0, None)
        clock.advance(HOUR)
        assert await measures.of_all() == {}
        assert all([0 < await redis.ttl(key) <= 3 * HOUR for key in await redis.keys("llm:measures:*")])
    finally:
        await redis.aclose()


async def test_a_store_that_is_away_leaves_what_this_process_knows() -> None:
    redis = Redis.from_url("redis://127.0.0.1:1")
    measures = Measures(Live(LlmSettings()), ManualClock(), RedisMeasures(redis))
    measures.note("p/m", 0.5, failed=False)
    assert (await measures.of_all())["p/m"].calls == 1
    await measures.flush()
    assert await measures.of_all() == {}
    await redis.aclose()


@given(st.floats(min_value=1e-6, max_value=SHORTEST * GROWTH**LAST_BUCKET))
def test_a_bucket_stands_for_its_times(seconds: float) -> None:
    number = bucket(seconds)
    assert number == 0 or middle(number) / 1.1 <= seconds <= middle(number) * 1.1


@given(st.lists(st.floats(min_value=0.02, max_value=60), min_size=1, max_size=50))
async def test_a_median_is_right_to_a_tenth(times: list[float]) -> None:
    measures = Measures(Live(LlmSettings()), ManualClock(), RedisMeasures(Redis.from_url("redis://127.0.0.1:1")))
    for seconds in times:
        measures.note("p/m", seconds, failed=False)
    found = (await measures.of_all())["p/m"].median_first
    true = sorted(times)[(len(times) + 1) // 2 - 1]
    assert found is not None
    assert true / 1.1 <= found <= true * 1.1


def test_counts_add_up() -> None:
    one, other = Counts(1, 1), Counts(2, 0)
    one.firsts[3] = 1
    other.firsts.update({3: 1, 4: 1})
    one.add(other)
    assert (one.calls, one.failures, one.firsts) == (3, 1, {3: 2, 4: 1})
