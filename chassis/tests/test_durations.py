"""Histograms that are counted by hand, as exporters see them."""

from typing import Any

from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.trace import SpanContext, TraceFlags

from chassis.telemetry.durations import Durations
from tests.support.telemetry import points

_SLOW = Durations("test.slow", "Of a test", (0.1, 1.0))
_NEVER = Durations("test.never", "Of a test", (0.1,))


def metric(reader: InMemoryMetricReader, name: str) -> Any:
    data: Any = reader.get_metrics_data()
    found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == name]
    assert len(found) <= 1
    return found[0] if found else None


def test_values_are_counted_in_their_buckets(metric_reader: InMemoryMetricReader) -> None:
    series = _SLOW.series({"kind": "buckets"})
    for seconds in (0.05, 0.1, 0.5, 7.0):
        series.record(seconds)
    point = next(p for p in points(metric_reader, "test.slow") if p.attributes == {"kind": "buckets"})
    # A value on a boundary belongs below it, as with OpenTelemetry's own histograms.
    assert list(point.bucket_counts) == [2, 1, 1]
    assert list(point.explicit_bounds) == [0.1, 1.0]
    assert (point.count, point.sum, point.min, point.max) == (4, 7.65, 0.05, 7.0)
    assert point.start_time_unix_nano < point.time_unix_nano
    told = metric(metric_reader, "test.slow")
    assert told.unit == "s"
    assert told.data.aggregation_temporality is AggregationTemporality.CUMULATIVE


def test_counts_add_up_over_collections(metric_reader: InMemoryMetricReader) -> None:
    series = _SLOW.series({"kind": "again"})
    for expected in (1, 2):
        series.record(0.2)
        point = next(p for p in points(metric_reader, "test.slow") if p.attributes == {"kind": "again"})
        assert point.count == expected


def test_a_sampled_span_can_be_found_from_its_bucket(metric_reader: InMemoryMetricReader) -> None:
    series = _SLOW.series({"kind": "exemplar"})
    series.record(0.5, SpanContext(7, 9, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    series.record(0.5)
    point = next(p for p in points(metric_reader, "test.slow") if p.attributes == {"kind": "exemplar"})
    assert [(e.trace_id, e.span_id, e.value) for e in point.exemplars] == [(7, 9, 0.5)]


def test_what_never_happened_is_not_told(metric_reader: InMemoryMetricReader) -> None:
    _NEVER.series({"kind": "never"})
    assert metric(metric_reader, "test.never") is None
