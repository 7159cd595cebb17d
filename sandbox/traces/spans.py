"""Spans as the store keeps them, whatever encoding they arrived in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

KINDS = {
    ProtoSpan.SPAN_KIND_INTERNAL: "internal",
    ProtoSpan.SPAN_KIND_SERVER: "server",
    ProtoSpan.SPAN_KIND_CLIENT: "client",
    ProtoSpan.SPAN_KIND_PRODUCER: "producer",
    ProtoSpan.SPAN_KIND_CONSUMER: "consumer",
}


@dataclass(frozen=True)
class Link:
    """A span that another one points to without being its child."""

    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Span:
    """One span. Times are Unix seconds; ids are lower-case hex; `parent_id` is empty for a root."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    start: float
    end: float
    error: bool = False
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    links: tuple[Link, ...] = ()
    scope: str = ""

    def to_json(self) -> dict[str, Any]:
        """The span as the query API gives it."""
        return {
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "parent_id": self.parent_id,
            "name": self.name,
            "kind": self.kind,
            "service": self.service,
            "start": self.start,
            "end": self.end,
            "duration_ms": round((self.end - self.start) * 1000, 3),
            "error": self.error,
            "status_message": self.status_message,
            "attributes": dict(self.attributes),
            "events": [dict(event) for event in self.events],
            "links": [{"trace_id": link.trace_id, "span_id": link.span_id} for link in self.links],
            "scope": self.scope,
        }


def value(any_value: AnyValue) -> Any:
    """A plain value out of OTLP's `AnyValue`."""
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    if kind == "bytes_value":
        return any_value.bytes_value.hex()
    return getattr(any_value, kind)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """A plain dictionary out of OTLP's attribute list."""
    return {pair.key: value(pair.value) for pair in pairs}


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    """All spans of an export request; those without valid ids are left out, as the specification says."""
    found = []
    for resource_spans in request.resource_spans:
        resource = attributes(resource_spans.resource.attributes)
        service = str(resource.get("service.name", "unknown_service"))
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if len(span.trace_id) != 16 or len(span.span_id) != 8 or not any(span.trace_id):
                    continue
                found.append(_span(span, service, resource, scope_spans.scope.name))
    return found


def _span(span: ProtoSpan, service: str, resource: Mapping[str, Any], scope: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=KINDS.get(span.kind, "internal"),
        service=service,
        start=span.start_time_unix_nano / 1e9,
        end=max(span.end_time_unix_nano, span.start_time_unix_nano) / 1e9,
        error=span.status.code == Status.STATUS_CODE_ERROR,
        status_message=span.status.message,
        attributes=attributes(span.attributes),
        resource=resource,
        events=tuple(
            {"time": event.time_unix_nano / 1e9, "name": event.name, "attributes": attributes(event.attributes)}
            for event in span.events
        ),
        links=tuple(Link(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        scope=scope,
    )
