"""The span of one REST call, by OpenTelemetry's HTTP conventions.

A path may hold a token, so only its template shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from chassis.telemetry import tracer
from services.executor.discord.routes import Route


class CallSpan:
    """A call under way."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, status: int) -> None:
        """Records Discord's status."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self._span.set_status(Status(StatusCode.ERROR))
            self._span.set_attribute("error.type", str(status))


@contextmanager
def calling(route: Route) -> Iterator[CallSpan]:
    """The client span of a call."""
    attributes = {"http.request.method": route.method, "url.template": route.template}
    with tracer().start_as_current_span(
        f"{route.method} {route.template}", kind=SpanKind.CLIENT, attributes=attributes
    ) as span:
        yield CallSpan(span)
