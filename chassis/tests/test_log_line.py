"""The log line with the metrics: what happened since the last one, with and without errors."""

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from chassis.telemetry.log_line import LogLineExporter


def test_each_line_tells_of_the_time_since_the_last() -> None:
    reader = PeriodicExportingMetricReader(LogLineExporter(), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    calls, seen = meter.create_histogram("calls", "s"), meter.create_counter("seen")
    depth = meter.create_gauge("depth")
    with structlog.testing.capture_logs() as lines:
        calls.record(1.0, {"method": "a"})
        calls.record(3.0, {"method": "b", "error.type": "INTERNAL"})
        seen.add(2, {"who": "x"})
        seen.add(3, {"who": "y"})
        depth.set(7)
        provider.force_flush()
        seen.add(1, {"who": "x"})
        provider.force_flush()
        provider.shutdown()
    first, second = (line for line in lines if line["event"] == "metrics" and "seen" in line)
    assert first["calls"] == {"count": 2, "mean": 2.0, "max": 3.0, "errors": 1}
    assert (first["seen"], first["depth"]) == (5, 7)
    assert second["seen"] == 1
    assert "calls" not in second
