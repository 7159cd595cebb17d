"""One log line with the process's metrics every ten minutes, for those who run no collector.

Counters and durations are those of the time since the last line; gauges are as they are now.
"""

import math
from collections.abc import Mapping
from typing import Any

import structlog
from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)

from chassis.telemetry.names import Attribute

_log = structlog.get_logger(__name__)
_SINCE_LAST: Mapping[type, AggregationTemporality] = dict.fromkeys(
    (Counter, Histogram, ObservableCounter), AggregationTemporality.DELTA
)


class LogLineExporter(MetricExporter):
    """Writes what is collected as one line."""

    def __init__(self) -> None:
        super().__init__(preferred_temporality=dict(_SINCE_LAST))

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:
        """Writes the line; nothing where nothing was measured."""
        figures = summary(metrics_data)
        if figures:
            _log.info("metrics", **figures)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is held back."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Nothing is open."""


def summary(data: MetricsData) -> dict[str, Any]:
    """Each metric by its name: a number, or for durations and sizes `count`, `mean`, `max` and, if any, `errors`.

    Attributes are added up, because a line with each of them would be as long as the export.
    """
    return {
        metric.name: _figure(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.data.data_points
    }


def _figure(points: Any) -> Any:
    if not isinstance(points[0], HistogramDataPoint):
        return round(sum(point.value for point in points), 6)
    count = sum(point.count for point in points)
    figure = {
        "count": count,
        "mean": round(sum(point.sum for point in points) / count, 6) if count else 0.0,
        "max": round(max((point.max for point in points if math.isfinite(point.max)), default=0.0), 6),
    }
    errors = sum(point.count for point in points if Attribute.ERROR_TYPE in (point.attributes or {}))
    return {**figure, "errors": errors} if errors else figure
