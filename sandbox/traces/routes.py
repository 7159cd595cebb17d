"""Mounts the receiver and the query API into the sandbox's application."""

from __future__ import annotations

from aiohttp import web

from sandbox.traces.api import TraceApi
from sandbox.traces.receiver import Receiver
from sandbox.traces.records import Records
from sandbox.traces.store import TraceStore

STORE: web.AppKey[TraceStore] = web.AppKey("trace_store", TraceStore)


def add_routes(app: web.Application, *, store: TraceStore | None = None) -> None:
    """Mounts `/v1/traces`, `/v1/metrics`, `/v1/logs` and `/traces/api/` (which the application has to guard)."""
    store = store or TraceStore()
    records = Records()
    app[STORE] = store
    Receiver(store, records).add_to(app)
    TraceApi(store, records).add_to(app)
