"""Carries a trace across what is not an RPC: the entry of a stream (W3C Trace Context, no baggage).

A job that serves one request continues its trace: the consumer's span is the producer's child, and linked to it. A
redelivered job begins a trace of its own that only links back, so that an old trace does not grow for hours.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.telemetry.names import Attribute

_PROPAGATOR = TraceContextTextMapPropagator()
_MESSAGING_SYSTEM = "redis"


def inject(carrier: MutableMapping[str, str]) -> None:
    """Writes the current trace context into a carrier: `traceparent`, and `tracestate` where there is one."""
    _PROPAGATOR.inject(carrier)


def extract(carrier: Mapping[str, str]) -> Context:
    """The trace context in a carrier; an empty one where there is none or it is malformed."""
    return _PROPAGATOR.extract(dict(carrier), context=Context())


@contextmanager
def producer_span(destination: str, carrier: MutableMapping[str, str]) -> Iterator[Span]:
    """The span of handing a job over; its context stands in the carrier, which goes into the entry."""
    with _tracer().start_as_current_span(
        f"send {destination}", kind=SpanKind.PRODUCER, attributes=_attributes(destination, "send")
    ) as span:
        inject(carrier)
        yield span


@contextmanager
def consumer_span(destination: str, carrier: Mapping[str, str], *, redelivered: bool = False) -> Iterator[Span]:
    """The span of working on a job."""
    origin = extract(carrier)
    came_from = trace.get_current_span(origin).get_span_context()
    with _tracer().start_as_current_span(
        f"process {destination}",
        context=Context() if redelivered else origin,
        kind=SpanKind.CONSUMER,
        links=[Link(came_from)] if came_from.is_valid else [],
        attributes=_attributes(destination, "process") | {Attribute.REDELIVERED: redelivered},
    ) as span:
        yield span


def _attributes(destination: str, operation: str) -> dict[str, str | bool]:
    return {
        Attribute.MESSAGING_SYSTEM: _MESSAGING_SYSTEM,
        Attribute.MESSAGING_DESTINATION: destination,
        Attribute.MESSAGING_OPERATION: operation,
    }


def _tracer() -> trace.Tracer:
    return trace.get_tracer("chassis")
