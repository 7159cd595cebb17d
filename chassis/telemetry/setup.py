"""Sets telemetry up for one process: the resource that it is, the sampler, the exporters."""

import asyncio
import os
from dataclasses import dataclass, field

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from chassis.settings.shared import Telemetry as TelemetrySettings

FLUSH_SECONDS = 3.0


@dataclass
class Telemetry:
    """What has to be flushed when the process stops."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider | None = field(default=None)

    async def shutdown(self) -> None:
        """Exports what is left, for a few seconds at most; an exporter that is away does not hold up the stop."""
        await asyncio.to_thread(self._shutdown)

    def _shutdown(self) -> None:
        self.tracer_provider.force_flush(int(FLUSH_SECONDS * 1000))
        self.tracer_provider.shutdown()
        if self.meter_provider is not None:
            self.meter_provider.shutdown(FLUSH_SECONDS * 1000)


def start(service: str, instance: str, version: str, settings: TelemetrySettings) -> Telemetry:
    """Starts telemetry. Without an endpoint traces still have ids, for logs and error footers, but go nowhere."""
    resource = Resource.create(
        {
            "service.namespace": "guildhall",
            "service.name": service,
            "service.instance.id": instance,
            "service.version": version,
            "process.pid": os.getpid(),
        }
    )
    tracers = TracerProvider(
        resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.sampling_ratio)), shutdown_on_exit=False
    )
    trace.set_tracer_provider(tracers)
    if settings.endpoint is None:
        return Telemetry(tracers)
    base = settings.endpoint.rstrip("/")
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces")))
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{base}/v1/metrics"),
        export_interval_millis=settings.metrics_interval * 1000,
    )
    meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(meters)
    return Telemetry(tracers, meters)
