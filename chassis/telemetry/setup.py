"""Sets telemetry up for one process: the resource that it is, the sampler, the exporters."""

import asyncio
import os
import threading
import time
from dataclasses import dataclass, field

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from chassis.settings.shared import Telemetry as TelemetrySettings
from chassis.telemetry.cleaning import CleaningExporter
from chassis.telemetry.durations import DurationsReader
from chassis.telemetry.log_line import LogLineExporter

FLUSH_SECONDS = 3.0
# Soon enough for somebody who waits for the trace of what they just did.
_EXPORT_EVERY_MS = 1_000


@dataclass
class Telemetry:
    """What has to be flushed when the process stops."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider | None = field(default=None)

    async def shutdown(self) -> None:
        """Exports what is left, for a few seconds at most; an exporter that is away does not hold up the stop."""
        steps = [self.tracer_provider.shutdown]
        if self.meter_provider is not None:
            steps.append(self.meter_provider.shutdown)
        # Threads of their own, because an exporter in the middle of its retries can't be stopped, only left behind.
        threads = [threading.Thread(target=step, daemon=True) for step in steps]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + FLUSH_SECONDS
        while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)


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
    readers = []
    if settings.log_interval:
        readers.append(DurationsReader(LogLineExporter(), export_interval_millis=settings.log_interval * 1000))
    if settings.endpoint is not None:
        base = settings.endpoint.rstrip("/")
        exporter = CleaningExporter(OTLPSpanExporter(endpoint=f"{base}/v1/traces"))
        tracers.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EVERY_MS))
        readers.append(
            DurationsReader(
                OTLPMetricExporter(endpoint=f"{base}/v1/metrics"),
                export_interval_millis=settings.metrics_interval * 1000,
            )
        )
    if not readers:
        return Telemetry(tracers)
    meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(meters)
    return Telemetry(tracers, meters)
