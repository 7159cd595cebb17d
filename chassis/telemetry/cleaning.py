"""Blots secrets out of spans before they leave the process: an exception's text, or an address with a token in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from chassis.logs import redactor


class CleaningExporter(SpanExporter):
    """Hands spans on, cleaned."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Exports the spans without their secrets."""
        return self._exporter.export([cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Ends the exporter within."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Has the exporter within flush."""
        return self._exporter.force_flush(timeout_millis)


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """The span without secrets."""
    return ReadableSpan(
        name=redactor.clean(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_attributes(span.attributes),
        events=[Event(event.name, _attributes(event.attributes), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, _clean(span.status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: _clean(value) for key, value in (attributes or {}).items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redactor.clean(value)
    return tuple(_clean(item) for item in value) if isinstance(value, tuple) else value
