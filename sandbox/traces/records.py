"""Metrics and log records as they arrived last, for the page: bounded, with no arithmetic on them."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from sandbox.traces.spans import attributes, value

MAX_LOGS = 5_000
MAX_METRICS = 2_000


class Records:
    """The newest log records, and the last points of each metric of each service."""

    def __init__(self, *, max_logs: int = MAX_LOGS, max_metrics: int = MAX_METRICS) -> None:
        self._max_metrics = max_metrics
        self.logs: deque[dict[str, Any]] = deque(maxlen=max_logs)
        self.metrics: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()

    def add_logs(self, request: ExportLogsServiceRequest) -> None:
        """Keeps log records."""
        for resource_logs in request.resource_logs:
            service = str(attributes(resource_logs.resource.attributes).get("service.name", "unknown_service"))
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    self.logs.append(
                        {
                            "service": service,
                            "time": (record.time_unix_nano or record.observed_time_unix_nano) / 1e9,
                            "severity": record.severity_text,
                            "body": value(record.body),
                            "trace_id": record.trace_id.hex(),
                            "span_id": record.span_id.hex(),
                            "attributes": attributes(record.attributes),
                        }
                    )

    def add_metrics(self, request: ExportMetricsServiceRequest) -> None:
        """Keeps the last points of each metric."""
        for resource_metrics in request.resource_metrics:
            service = str(attributes(resource_metrics.resource.attributes).get("service.name", "unknown_service"))
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    self.metrics[service, metric.name] = {
                        "service": service,
                        "name": metric.name,
                        "unit": metric.unit,
                        "description": metric.description,
                        "kind": metric.WhichOneof("data"),
                        "points": _points(metric),
                    }
                    self.metrics.move_to_end((service, metric.name))
        while len(self.metrics) > self._max_metrics:
            self.metrics.popitem(last=False)


def _points(metric: Metric) -> list[dict[str, Any]]:
    kind = metric.WhichOneof("data")
    points: list[dict[str, Any]] = []
    if kind in ("gauge", "sum"):
        for number in getattr(metric, kind).data_points:
            which = number.WhichOneof("value")
            points.append(
                {"attributes": attributes(number.attributes), "value": getattr(number, which) if which else None}
            )
    elif kind in ("histogram", "exponential_histogram"):
        points.extend(
            {
                "attributes": attributes(point.attributes),
                "count": point.count,
                "sum": point.sum,
                "bounds": list(getattr(point, "explicit_bounds", ())),
                "counts": [int(count) for count in getattr(point, "bucket_counts", ())],
            }
            for point in getattr(metric, kind).data_points
        )
    return points
