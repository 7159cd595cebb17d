"""The span and the duration of one REST call, by OpenTelemetry's HTTP conventions.

A path may hold a token, so only its template shows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from chassis.telemetry import meter, tracer
from chassis.telemetry.names import DURATION_BUCKETS
from services.executor.discord.routes import Route

_duration = meter().create_histogram(
    "http.client.request.duration",
    "s",
    "Duration of a call of Discord's REST API",
    explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
)


class CallSpan:
    """A call under way."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.outcome: dict[str, str | int] = {}

    def answered(self, status: int) -> None:
        """Records Discord's status."""
        self.outcome["http.response.status_code"] = status
        if status >= 400:
            self._span.set_status(Status(StatusCode.ERROR))
            self.outcome["error.type"] = str(status)
        self._span.set_attributes(self.outcome)


@contextmanager
def calling(route: Route) -> Iterator[CallSpan]:
    """The client span of a call, which is timed whichever way it ends."""
    began = time.perf_counter()
    attributes: dict[str, str] = {"http.request.method": route.method, "url.template": route.template}
    with tracer().start_as_current_span(
        f"{route.method} {route.template}", kind=SpanKind.CLIENT, attributes=attributes
    ) as span:
        call = CallSpan(span)
        try:
            yield call
        except BaseException as error:
            call.outcome.setdefault("error.type", type(error).__name__)
            raise
        finally:
            _duration.record(time.perf_counter() - began, {**attributes, **call.outcome})
