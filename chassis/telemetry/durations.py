"""Histograms, mostly of durations, at the price of an addition, for what happens thousands of times a second.

An instrument of OpenTelemetry's SDK for Python checks, copies, sorts and hashes the attributes of every value, which
costs more than all else that surrounds an RPC. Here the attributes of a series are given once. What is counted joins
what the SDK has collected when a reader hands it on (the specification's "metric producer"), so exporters, names,
buckets and exemplars are as they would be with an instrument. Sums are cumulative since the start of the process.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext

_SCOPE = InstrumentationScope("chassis.durations")
_histograms: "list[Durations]" = []


class Series:
    """The values of one set of attributes."""

    __slots__ = ("_attributes", "_boundaries", "_counts", "_exemplars", "_lock", "_max", "_min", "_start", "_sum")

    def __init__(self, attributes: Mapping[str, str], boundaries: Sequence[float]) -> None:
        self._attributes = {str(name): value for name, value in attributes.items()}
        self._boundaries = boundaries
        self._counts = [0] * (len(boundaries) + 1)
        self._sum, self._min, self._max = 0.0, float("inf"), 0.0
        self._exemplars: dict[int, Exemplar] = {}
        self._start = time.time_ns()
        self._lock = threading.Lock()

    def record(self, value: float, span: SpanContext | None = None) -> None:
        """Counts one. `span`: the sampled span that it was part of, to be found from the histogram."""
        bucket = bisect_left(self._boundaries, value)
        with self._lock:
            self._counts[bucket] += 1
            self._sum += value
            self._min = min(self._min, value)
            self._max = max(self._max, value)
            if span is not None:
                self._exemplars[bucket] = Exemplar({}, value, time.time_ns(), span.span_id, span.trace_id)

    def point(self, now: int) -> HistogramDataPoint:
        """How it stands."""
        with self._lock:
            counts, exemplars = list(self._counts), list(self._exemplars.values())
            self._exemplars.clear()
            return HistogramDataPoint(
                attributes=self._attributes,
                start_time_unix_nano=self._start,
                time_unix_nano=now,
                count=sum(counts),
                sum=self._sum,
                bucket_counts=counts,
                explicit_bounds=self._boundaries,
                min=self._min,
                max=self._max,
                exemplars=exemplars,
            )


class Durations:
    """A histogram of seconds, or of what `unit` says. Make each once, at import."""

    def __init__(self, name: str, description: str, boundaries: Sequence[float], unit: str = "s") -> None:
        self._name, self._description, self._boundaries = name, description, tuple(boundaries)
        self._unit = unit
        self._series: dict[tuple[tuple[str, str], ...], Series] = {}
        _histograms.append(self)

    def series(self, attributes: Mapping[str, str]) -> Series:
        """The series with these attributes; whoever counts often keeps it."""
        return self._series.setdefault(tuple(sorted(attributes.items())), Series(attributes, self._boundaries))

    def metric(self, now: int) -> Metric | None:
        """As it is exported; None where nothing was counted yet."""
        points = [point for point in (series.point(now) for series in list(self._series.values())) if point.count]
        if not points:
            return None
        return Metric(self._name, self._description, self._unit, Histogram(points, AggregationTemporality.CUMULATIVE))


def with_durations(data: MetricsData | None) -> MetricsData | None:
    """What the SDK collected and what was counted here."""
    now = time.time_ns()
    metrics = [metric for metric in (histogram.metric(now) for histogram in _histograms) if metric is not None]
    if not metrics:
        return data
    ours = ScopeMetrics(_SCOPE, metrics, "")
    if data is None or not data.resource_metrics:
        return MetricsData([ResourceMetrics(Resource.get_empty(), [ours], "")])
    first, *others = data.resource_metrics
    return MetricsData([replace(first, scope_metrics=[*first.scope_metrics, ours]), *others])


class DurationsReader(PeriodicExportingMetricReader):
    """Exports at intervals what the SDK collected, and these."""

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: Any) -> None:
        super()._receive_metrics(with_durations(metrics_data) or metrics_data, timeout_millis, **options)
