"""Fixtures of the chassis' tests: an empty configuration, and spans and metrics kept in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_exporter = InMemorySpanExporter()


@pytest.fixture(autouse=True)
def configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of the test's own, empty at first, in place of the project's."""
    path = tmp_path / "guildhall.yaml"
    path.write_text("")
    monkeypatch.setenv("GUILDHALL_CONFIG", str(path))
    return path


@pytest.fixture(scope="session")
def _providers() -> InMemoryMetricReader:
    # OpenTelemetry lets a process set its providers once.
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(_exporter))
    trace.set_tracer_provider(tracers)
    reader = InMemoryMetricReader()
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
