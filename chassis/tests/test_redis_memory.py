"""What is said of a store's memory, on a real Redis."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from chassis.redis_clients import connect
from chassis.redis_memory import SAMPLED, RedisMemory, family
from chassis.settings.shared import Redis as RedisSettings
from tests.support.telemetry import points


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("executor:{p3}:job:0350rptCgv", "executor:*:job:*"),
        ("llm:{llm:settings}:scopes", "llm:{llm:settings}:scopes"),
        ("gateway:session:1573:0:1", "gateway:session:*:*:*"),
    ],
)
def test_a_family_is_what_keys_have_in_common(key: str, expected: str) -> None:
    assert family(key) == expected


async def test_families_are_counted_and_measured(redis_url: str) -> None:
    # A service that another test ran in this process still shows its gauges in the process's meter.
    metric_reader = InMemoryMetricReader()
    meter = MeterProvider([metric_reader]).get_meter("of this test")
    client = connect(redis_url, RedisSettings())
    try:
        await client.mset({f"llm:turn:{number}": "x" * 1000 for number in range(SAMPLED * 3 + 1)})
        await client.set("llm:small:1", "x")
        await client.set("board:other:1", "x" * 1000)
        await client.config_set("maxmemory", "64mb")
        memory = RedisMemory({"the-test": client}, "llm:", interval=60, meter=meter)
        try:
            await memory.look()
        finally:
            await client.config_set("maxmemory", "0")
        (facts,) = memory.facts().values()
        assert facts["limit_bytes"] == 64 << 20
        assert 0 < facts["used_bytes"] < facts["limit_bytes"]
        assert [(one["family"], one["keys"]) for one in facts["families"]] == [
            ("llm:turn:*", SAMPLED * 3 + 1),
            ("llm:small:*", 1),
        ]
        assert 1000 * 49 < facts["families"][0]["bytes"] < 1500 * 49
        told = {
            point.attributes["guildhall.redis.family"]: point.value
            for point in points(metric_reader, "guildhall.redis.keys.memory")
            if point.attributes["guildhall.redis.store"] == "the-test"
        }
        assert told["llm:turn:*"] == facts["families"][0]["bytes"]
    finally:
        await client.aclose()


async def test_a_store_that_is_away_is_left_out(redis_url: str) -> None:
    client = connect("redis://127.0.0.1:1/0", RedisSettings(retries=0, connect_timeout=0.5))
    memory = RedisMemory({"away": client}, "llm:", interval=60)
    await memory.look()
    assert memory.facts() == {}
    await client.aclose()
