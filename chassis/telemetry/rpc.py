"""Spans and durations of RPCs, on both sides, by OpenTelemetry's semantic conventions for RPC.

What there is for grpc.aio loses the spans of cancelled calls and gives a deadline as success, hence our own. Most calls
belong to traces that nobody keeps: for those the context is only passed on, without asking the SDK for spans that it
would throw away. That is what its parent-based sampler decides for them, which `setup` puts in force.
"""

import re
import time
from collections.abc import Iterable, Mapping
from contextvars import Token
from functools import cache

import grpc
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from chassis.telemetry.durations import Durations, Series
from chassis.telemetry.names import DURATION_BUCKETS, Attribute, Metric
from chassis.telemetry.propagation import extract

# A server is at fault for these; the others say that the client asked for something that can't be.
SERVER_FAULTS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
_TRACEPARENT, _TRACESTATE = "traceparent", "tracestate"
_NOT_SAMPLED = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-00")
_NO_FLAGS, _NO_STATE = TraceFlags(0), TraceState()
_tracer = trace.get_tracer("chassis")
_server_duration = Durations(Metric.RPC_SERVER_DURATION, "Duration of calls served", DURATION_BUCKETS)
_client_duration = Durations(Metric.RPC_CLIENT_DURATION, "Duration of calls made", DURATION_BUCKETS)


class ServerCall:
    """One call being served. Its span is current from `begin` to `finish`, which is told how it ended."""

    __slots__ = ("_began", "_method", "_token", "span")

    def __init__(self, path: str, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        self._method = path.removeprefix("/")
        self._began = time.perf_counter()
        self.span = _server_span(self._method, metadata)
        self._token: Token[Context] = otel_context.attach(trace.set_span_in_context(self.span))

    def finish(self, code: grpc.StatusCode) -> float:
        """Ends the span and counts the call; gives the seconds it took."""
        is_error = code in SERVER_FAULTS
        sampled = _note_outcome(self.span, code, is_error=is_error)
        seconds = time.perf_counter() - self._began
        _series(_server_duration, self._method, code, is_error).record(seconds, sampled)
        otel_context.detach(self._token)
        return seconds


class ClientCall:
    """One call being made."""

    __slots__ = ("_began", "_method", "_span")

    def __init__(self, path: str) -> None:
        self._method = path.removeprefix("/")
        self._began = time.perf_counter()
        current = trace.get_current_span()
        passed_on = current.get_span_context()
        if passed_on.is_valid and not passed_on.trace_flags.sampled:
            self._span = current
        else:
            self._span = _tracer.start_span(self._method, kind=SpanKind.CLIENT, attributes=_attributes(self._method))

    def headers(self) -> list[tuple[str, str]]:
        """The metadata that lets the server continue the trace (W3C Trace Context)."""
        span = self._span.get_span_context()
        if not span.is_valid:
            return []
        parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
        if not span.trace_state:
            return [(_TRACEPARENT, parent)]
        return [(_TRACEPARENT, parent), (_TRACESTATE, span.trace_state.to_header())]

    def finish(self, code: grpc.StatusCode) -> None:
        """Ends the span and counts the call."""
        is_error = code is not grpc.StatusCode.OK
        # A span that is only passed on is not this call's to end; it records nothing, so nothing is noted on it.
        sampled = _note_outcome(self._span, code, is_error=is_error)
        _series(_client_duration, self._method, code, is_error).record(time.perf_counter() - self._began, sampled)


def _server_span(method: str, metadata: Iterable[tuple[str, str | bytes]]) -> Span:
    parent, state = None, None
    for key, value in metadata:
        if key == _TRACEPARENT:
            parent = value
        elif key == _TRACESTATE:
            state = value
    carrier: dict[str, str] = {}
    if isinstance(parent, str):
        passed_on = _NOT_SAMPLED.fullmatch(parent) if state is None else None
        if passed_on is not None:
            trace_id, span_id = int(passed_on[1], 16), int(passed_on[2], 16)
            return NonRecordingSpan(SpanContext(trace_id, span_id, True, _NO_FLAGS, _NO_STATE))
        carrier[_TRACEPARENT] = parent
        if isinstance(state, str):
            carrier[_TRACESTATE] = state
    return _tracer.start_span(method, context=extract(carrier), kind=SpanKind.SERVER, attributes=_attributes(method))


@cache
def _attributes(method: str) -> Mapping[str, str]:
    return {Attribute.RPC_SYSTEM: "grpc", Attribute.RPC_METHOD: method}


@cache
def _outcome(code: grpc.StatusCode, is_error: bool) -> Mapping[str, str]:
    outcome: dict[str, str] = {Attribute.RPC_STATUS: code.name}
    return {**outcome, Attribute.ERROR_TYPE: code.name} if is_error else outcome


@cache
def _series(durations: Durations, method: str, code: grpc.StatusCode, is_error: bool) -> Series:
    return durations.series({**_attributes(method), **_outcome(code, is_error)})


def _note_outcome(span: Span, code: grpc.StatusCode, *, is_error: bool) -> SpanContext | None:
    """Ends a span that is kept; gives its context where the trace is kept."""
    if span.is_recording():
        span.set_attributes(_outcome(code, is_error))
        if is_error:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
    context = span.get_span_context()
    return context if context.trace_flags.sampled else None
