"""Spans and durations of RPCs, on both sides, by OpenTelemetry's semantic conventions for RPC.

What there is for grpc.aio loses the spans of cancelled calls and gives a deadline as success, hence our own.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

import grpc
from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from chassis.telemetry.names import DURATION_BUCKETS, Attribute, Metric
from chassis.telemetry.propagation import extract, inject

# A server is at fault for these; the others say that the client asked for something that can't be.
SERVER_FAULTS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
_tracer = trace.get_tracer("chassis")
_meter = metrics.get_meter("chassis")
_server_duration = _meter.create_histogram(
    Metric.RPC_SERVER_DURATION, "s", "Duration of calls served", explicit_bucket_boundaries_advisory=DURATION_BUCKETS
)
_client_duration = _meter.create_histogram(
    Metric.RPC_CLIENT_DURATION, "s", "Duration of calls made", explicit_bucket_boundaries_advisory=DURATION_BUCKETS
)


class ServerCall:
    """One call being served. Its span is current inside the `with`; `finish` must have been told how it ended."""

    def __init__(self, path: str, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        carrier = {key: value for key, value in metadata if isinstance(value, str)}
        self._method = path.removeprefix("/")
        self._began = time.perf_counter()
        self.span = _tracer.start_span(
            self._method, context=extract(carrier), kind=SpanKind.SERVER, attributes=_base(self._method)
        )
        self._current: AbstractContextManager[Span] = trace.use_span(
            self.span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )

    def __enter__(self) -> "ServerCall":
        self._current.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._current.__exit__(None, None, None)

    def finish(self, code: grpc.StatusCode) -> float:
        """Ends the span and counts the call; gives the seconds it took."""
        attributes = _outcome(self.span, code, is_error=code in SERVER_FAULTS)
        seconds = time.perf_counter() - self._began
        _server_duration.record(seconds, {**_base(self._method), **attributes})
        self.span.end()
        return seconds


class ClientCall:
    """One call being made."""

    def __init__(self, path: str) -> None:
        self._method = path.removeprefix("/")
        self._began = time.perf_counter()
        self._span = _tracer.start_span(self._method, kind=SpanKind.CLIENT, attributes=_base(self._method))
        self._context = trace.set_span_in_context(self._span)

    def headers(self) -> Mapping[str, str]:
        """The metadata that lets the server continue the trace."""
        carrier: dict[str, str] = {}
        token = otel_context.attach(self._context)
        try:
            inject(carrier)
        finally:
            otel_context.detach(token)
        return carrier

    def finish(self, code: grpc.StatusCode) -> None:
        """Ends the span and counts the call."""
        attributes = _outcome(self._span, code, is_error=code is not grpc.StatusCode.OK)
        _client_duration.record(
            time.perf_counter() - self._began, {**_base(self._method), **attributes}, context=self._context
        )
        self._span.end()


def _base(method: str) -> dict[str, str]:
    return {Attribute.RPC_SYSTEM: "grpc", Attribute.RPC_METHOD: method}


def _outcome(span: Span, code: grpc.StatusCode, *, is_error: bool) -> dict[str, str]:
    outcome: dict[str, str] = {Attribute.RPC_STATUS: code.name}
    if is_error:
        outcome[Attribute.ERROR_TYPE] = code.name
        span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(outcome)
    return outcome
