"""One trace as a tree, and what in it was waiting: queue time, limits, the provider, Discord."""

from __future__ import annotations

from typing import Any

from sandbox.traces.spans import Span
from sandbox.traces.store import Trace

# Deeper spans stand beside their ancestor of this depth, so that no trace is too deep to be written as JSON.
MAX_DEPTH = 100


def tree(trace: Trace) -> dict[str, Any]:
    """The trace with its spans as a forest ordered by start; a span whose parent is missing stands at the top."""
    children: dict[str, list[Span]] = {}
    for span in trace.spans.values():
        parent = span.parent_id if span.parent_id in trace.spans and span.parent_id != span.span_id else ""
        children.setdefault(parent, []).append(span)
    for siblings in children.values():
        siblings.sort(key=lambda span: (span.start, span.end))
    placed: set[str] = set()
    start = trace.start
    roots: list[dict[str, Any]] = []

    def plant(span: Span, into: list[dict[str, Any]]) -> None:
        waiting = [(span, into, 0)]
        while waiting:
            span, into, depth = waiting.pop()
            if span.span_id in placed:
                continue
            placed.add(span.span_id)
            below: list[dict[str, Any]] = []
            offset = round((span.start - start) * 1000, 3)
            into.append({**span.to_json(), "offset_ms": offset, "category": category(span), "children": below})
            deep = depth >= MAX_DEPTH
            place = into if deep else below
            waiting.extend((child, place, depth + 1) for child in reversed(children.get(span.span_id, ())))

    # What no root leads to (spans that name each other as parents) stands at the top too: nothing is hidden.
    for span in (*children.get("", ()), *sorted(trace.spans.values(), key=lambda span: span.start)):
        plant(span, roots)
    return {**trace.summary(), "resources": _resources(trace), "totals_ms": totals(trace), "tree": roots}


def category(span: Span) -> str:
    """What a span spends its time on, as the viewer colours it."""
    keys = span.attributes.keys()
    name = span.name.casefold()
    if span.kind == "consumer" or "messaging.system" in keys:
        return "queue"
    if any(key.startswith("gen_ai.") for key in keys):
        return "provider"
    if "ratelimit" in str(span.attributes.get("rpc.method", "")).casefold() or "acquire" in name or "permit" in name:
        return "limit"
    if "discord" in name or "/api/v10" in str(span.attributes.get("url.full", "")) or "url.template" in keys:
        return "discord"
    if "db.system.name" in keys or "db.system" in keys:
        return "store"
    if "rpc.method" in keys or "rpc.system.name" in keys:
        return "rpc"
    return "work"


def totals(trace: Trace) -> dict[str, float]:
    """Milliseconds by category, of the outermost span of each category in each branch, and the time spent in the queue.

    Queue time is from the end of the producer to the start of its consumer, where both are in the trace.
    """
    sums: dict[str, float] = {}
    for span in trace.spans.values():
        kind = category(span)
        if kind == "queue" and span.kind == "consumer":
            parent = trace.spans.get(span.parent_id)
            if parent is not None:
                sums["queue"] = sums.get("queue", 0.0) + max(0.0, span.start - parent.end) * 1000
            continue
        if kind in ("provider", "limit", "discord", "store") and not _within(trace, span, kind):
            sums[kind] = sums.get(kind, 0.0) + (span.end - span.start) * 1000
    return {name: round(value, 3) for name, value in sums.items()}


def _within(trace: Trace, span: Span, kind: str) -> bool:
    seen = {span.span_id}
    parent = trace.spans.get(span.parent_id)
    while parent is not None and parent.span_id not in seen:
        if category(parent) == kind:
            return True
        seen.add(parent.span_id)
        parent = trace.spans.get(parent.parent_id)
    return False


def _resources(trace: Trace) -> dict[str, dict[str, Any]]:
    return {span.service: dict(span.resource) for span in trace.spans.values()}
