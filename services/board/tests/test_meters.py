"""What the board tells metrics."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from services.board.cache import GenerationCache
from services.board.meters import LIST_LOOKUPS, observe_lists
from tests.support import ManualClock


async def test_lookups_of_lists_are_counted_by_outcome(clock: ManualClock) -> None:
    cache: GenerationCache[str] = GenerationCache(clock, lambda: 10, lambda: 60.0)
    reader = InMemoryMetricReader()
    observe_lists(MeterProvider([reader]).get_meter("test"), cache)

    async def load() -> str:
        return "page"

    for key in ("a", "a", "b", "a"):
        assert await cache.get(key, load) == "page"
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == LIST_LOOKUPS
    points: Any = metric.data.data_points
    assert {point.attributes["outcome"]: point.value for point in points} == {"hit": 2, "miss": 2}
