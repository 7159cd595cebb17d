from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from chassis import logs
from chassis.telemetry import consumer_span, current_trace_id, extract, inject, producer_span, tracer
from chassis.telemetry.cleaning import cleaned


def test_a_job_goes_on_with_the_trace_that_made_it(spans: InMemorySpanExporter) -> None:
    carrier: dict[str, str] = {}
    with tracer().start_as_current_span("request"), producer_span("jobs", carrier):
        trace_id = current_trace_id()
    with consumer_span("jobs", carrier):
        assert current_trace_id() == trace_id
    ended: tuple[Any, ...] = spans.get_finished_spans()
    request, produced, consumed = (
        next(span for span in ended if span.name == name) for name in ("request", "send jobs", "process jobs")
    )
    assert (produced.kind, consumed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert produced.parent.span_id == request.context.span_id
    assert consumed.parent.span_id == produced.context.span_id
    assert [link.context.span_id for link in consumed.links] == [produced.context.span_id]
    assert consumed.attributes["messaging.destination.name"] == "jobs"


def test_a_redelivered_job_has_a_trace_of_its_own_that_links_back(spans: InMemorySpanExporter) -> None:
    carrier: dict[str, str] = {}
    with producer_span("jobs", carrier) as produced:
        pass
    with tracer().start_as_current_span("unrelated"), consumer_span("jobs", carrier, redelivered=True):
        assert current_trace_id() != format(produced.get_span_context().trace_id, "032x")
    consumed = next(span for span in spans.get_finished_spans() if span.name == "process jobs")
    assert consumed.parent is None
    assert [link.context.span_id for link in consumed.links] == [produced.get_span_context().span_id]


def test_an_entry_without_a_trace_begins_one(spans: InMemorySpanExporter) -> None:
    for carrier in ({}, {"traceparent": "nonsense"}):
        with consumer_span("jobs", carrier):
            pass
    assert [(span.parent, span.links) for span in spans.get_finished_spans()] == [(None, ()), (None, ())]


def test_nothing_but_the_trace_is_carried(spans: object) -> None:
    from opentelemetry import baggage, context

    carrier: dict[str, str] = {}
    token = context.attach(baggage.set_baggage("user", "ada"))
    try:
        with tracer().start_as_current_span("request"):
            inject(carrier)
    finally:
        context.detach(token)
    assert set(carrier) == {"traceparent"}
    assert current_trace_id() == ""
    assert extract({}) is not None


def test_no_secret_leaves_in_a_span(spans: InMemorySpanExporter) -> None:
    secret = "planted-span-secret"
    logs.redactor.learn([secret])
    with pytest.raises(ValueError, match="invalid"), tracer().start_as_current_span(f"GET {secret}") as span:
        span.set_attribute("url", f"https://x/{secret}")
        span.set_attribute("list", ("a", secret))
        span.set_attribute("plain", 5)
        int(secret)
    found: Any = spans.get_finished_spans()[0]
    assert secret in found.to_json()
    left: Any = cleaned(found)
    assert secret not in left.to_json()
    assert left.attributes["plain"] == 5
    assert (left.context, left.parent, left.start_time, left.end_time) == (
        found.context, found.parent, found.start_time, found.end_time,
    )  # fmt: skip
