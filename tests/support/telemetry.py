"""Spans and metrics kept in memory: OpenTelemetry lets a process set its providers once, so all tests share them."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.telemetry.durations import with_durations

_exporter = InMemorySpanExporter()


class _Reader(InMemoryMetricReader):
    def get_metrics_data(self) -> MetricsData | None:
        return with_durations(super().get_metrics_data())


@pytest.fixture(scope="session")
def _providers() -> InMemoryMetricReader:
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(_exporter))
    trace.set_tracer_provider(tracers)
    reader = _Reader()
    metrics.set_meter_provider(MeterProvider([reader]))
    return reader


@pytest.fixture
def spans(_providers: InMemoryMetricReader) -> Iterator[InMemorySpanExporter]:
    """The spans that end during the test."""
    _exporter.clear()
    yield _exporter
    _exporter.clear()


@pytest.fixture
def metric_reader(_providers: InMemoryMetricReader) -> InMemoryMetricReader:
    """Reads the metrics of this process."""
    return _providers


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    """The data points of one metric, now."""
    data: Any = reader.get_metrics_data()
    if data is None:
        return []
    return [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
