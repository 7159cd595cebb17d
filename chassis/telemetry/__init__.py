"""Traces and metrics: names, propagation across streams, and what every process exports."""

from opentelemetry import metrics, trace

from chassis.telemetry.propagation import consumer_span, extract, inject, producer_span

__all__ = ["consumer_span", "current_trace_id", "extract", "inject", "meter", "producer_span", "tracer"]


def tracer() -> trace.Tracer:
    """The tracer for spans of a service's own."""
    return trace.get_tracer("guildhall")


def meter() -> metrics.Meter:
    """The meter for metrics of a service's own. Make instruments once, at import."""
    return metrics.get_meter("guildhall")


def current_trace_id() -> str:
    """The trace that is current here, as 32 hex digits; empty outside of one."""
    found = trace.get_current_span().get_span_context()
    return format(found.trace_id, "032x") if found.is_valid else ""
