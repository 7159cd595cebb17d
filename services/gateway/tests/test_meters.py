"""Interactions are counted by name and by how they ended."""

from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from services.gateway.meters import Interaction
from tests.support.telemetry import points


def test_an_interaction_is_counted_by_name_and_end(metric_reader: InMemoryMetricReader) -> None:
    with Interaction("/of-this-test", "COMMAND"):
        pass
    for _ in range(2):
        with Interaction("/of-this-test", "COMMAND") as failing:
            failing.failed("STORE_UNAVAILABLE")
    counted = {
        point.attributes.get("error.type"): point.count
        for point in points(metric_reader, "guildhall.interaction.duration")
        if point.attributes["guildhall.interaction.name"] == "/of-this-test"
    }
    assert counted == {None: 1, "STORE_UNAVAILABLE": 2}
