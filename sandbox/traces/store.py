"""The newest traces in bounded memory: the oldest trace leaves when there are too many traces or spans.

Traces are kept in the order of their last span, so one that is still growing stays. A trace alone may not take more
than its share: further spans of it are counted and dropped.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.traces.spans import Span

MAX_TRACES = 2_000
MAX_SPANS = 60_000
MAX_SPANS_A_TRACE = 5_000


@dataclass
class Trace:
    """One trace: its spans by id, and how many were dropped."""

    trace_id: str
    spans: dict[str, Span] = field(default_factory=dict)
    dropped: int = 0

    @property
    def start(self) -> float:
        """When the first span began, Unix seconds."""
        return min(span.start for span in self.spans.values())

    @property
    def end(self) -> float:
        """When the last span ended, Unix seconds."""
        return max(span.end for span in self.spans.values())

    @property
    def root(self) -> Span:
        """The earliest span whose parent is not here."""
        roots = [span for span in self.spans.values() if span.parent_id not in self.spans]
        return min(roots or self.spans.values(), key=lambda span: (bool(span.parent_id), span.start))

    @property
    def services(self) -> list[str]:
        """The services in it, in the order of their first span."""
        return list(dict.fromkeys(span.service for span in sorted(self.spans.values(), key=lambda s: s.start)))

    def summary(self) -> dict[str, Any]:
        """What the list shows."""
        root = self.root
        return {
            "trace_id": self.trace_id,
            "name": root.name,
            "service": root.service,
            "start": self.start,
            "duration_ms": round((self.end - self.start) * 1000, 3),
            "spans": len(self.spans),
            "errors": sum(span.error for span in self.spans.values()),
            "services": self.services,
            "attributes": dict(root.attributes),
            "dropped": self.dropped,
        }


class TraceStore:
    """Keeps traces; `wait_for` lets a test wait until one is there and whole."""

    def __init__(
        self, *, max_traces: int = MAX_TRACES, max_spans: int = MAX_SPANS, max_spans_a_trace: int = MAX_SPANS_A_TRACE
    ) -> None:
        self._max_traces, self._max_spans, self._max_spans_a_trace = max_traces, max_spans, max_spans_a_trace
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._by_span: dict[str, str] = {}
        self._changed = asyncio.Condition()
        self.received = 0
        self.dropped = 0

    @property
    def span_count(self) -> int:
        """How many spans are kept."""
        return len(self._by_span)

    async def add(self, spans: Iterable[Span]) -> None:
        """Keeps spans and wakes whoever waits; a span that came before replaces itself."""
        for span in spans:
            self._add(span)
        async with self._changed:
            self._changed.notify_all()

    def _add(self, span: Span) -> None:
        self.received += 1
        trace = self._traces.get(span.trace_id)
        if trace is None:
            trace = self._traces[span.trace_id] = Trace(span.trace_id)
        if span.span_id not in trace.spans and len(trace.spans) >= self._max_spans_a_trace:
            trace.dropped += 1
            self.dropped += 1
            return
        trace.spans[span.span_id] = span
        self._by_span[span.span_id] = span.trace_id
        self._traces.move_to_end(span.trace_id)
        while len(self._traces) > 1 and (len(self._traces) > self._max_traces or len(self._by_span) > self._max_spans):
            _, gone = self._traces.popitem(last=False)
            self.dropped += len(gone.spans)
            for span_id in gone.spans:
                self._by_span.pop(span_id, None)

    def clear(self) -> None:
        """Forgets everything."""
        self._traces.clear()
        self._by_span.clear()

    def get(self, trace_id: str) -> Trace | None:
        """One trace by its id (hex, any case)."""
        return self._traces.get(trace_id.lower())

    def newest(self) -> list[Trace]:
        """All traces, the one that changed last first."""
        return list(reversed(self._traces.values()))

    async def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits until a condition on the store holds; False where it did not within the time."""
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(condition)
            except TimeoutError:
                return False
        return True

    def service_map(self) -> dict[str, Any]:
        """Who calls whom over all kept traces: edges with calls, errors and times in milliseconds."""
        calls: Counter[tuple[str, str]] = Counter()
        errors: Counter[tuple[str, str]] = Counter()
        millis: dict[tuple[str, str], list[float]] = {}
        spans: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for trace in self._traces.values():
            for span in trace.spans.values():
                spans[span.service] += 1
                failed[span.service] += span.error
                edge = _edge(trace, span)
                if edge is not None:
                    calls[edge] += 1
                    errors[edge] += span.error
                    millis.setdefault(edge, []).append((span.end - span.start) * 1000)
        return {
            "services": [{"name": name, "spans": n, "errors": failed[name]} for name, n in spans.most_common()],
            "edges": [
                {
                    "from": caller,
                    "to": callee,
                    "calls": n,
                    "errors": errors[caller, callee],
                    "p50_ms": _percentile(millis[caller, callee], 0.5),
                    "p95_ms": _percentile(millis[caller, callee], 0.95),
                }
                for (caller, callee), n in calls.most_common()
            ],
        }


PEER_NAMES = (
    "peer.service",
    "service.peer.name",
    "db.system.name",
    "db.system",
    "gen_ai.provider.name",
    "server.address",
)


def _edge(trace: Trace, span: Span) -> tuple[str, str] | None:
    """The call that a span stands for: from a parent in another service, or to a peer that sends no spans."""
    parent = trace.spans.get(span.parent_id)
    if parent is not None and parent.service != span.service:
        return parent.service, span.service
    if span.kind == "client" and not any(child.parent_id == span.span_id for child in trace.spans.values()):
        peer = next((str(span.attributes[name]) for name in PEER_NAMES if span.attributes.get(name)), None)
        return (span.service, peer) if peer else None
    return None


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
