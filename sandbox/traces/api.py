"""The query API: the list with search, one trace as a tree, the service map, and waiting until a trace is there."""

from __future__ import annotations

import math

from aiohttp import web

from sandbox.traces.records import Records
from sandbox.traces.search import Query
from sandbox.traces.store import Trace, TraceStore
from sandbox.traces.tree import tree

MAX_LIMIT = 500
MAX_WAIT_SECONDS = 60.0


class TraceApi:
    """Answers questions about what the receiver took."""

    def __init__(self, store: TraceStore, records: Records) -> None:
        self._store, self._records = store, records

    def add_to(self, app: web.Application) -> None:
        """Mounts the endpoints under `/traces/api/`."""
        app.router.add_get("/traces/api/traces", self.traces)
        app.router.add_delete("/traces/api/traces", self.clear)
        app.router.add_get("/traces/api/traces/{trace}", self.one)
        app.router.add_get("/traces/api/at", self.at)
        app.router.add_get("/traces/api/services", self.services)
        app.router.add_get("/traces/api/logs", self.logs)
        app.router.add_get("/traces/api/metrics", self.metrics)
        app.router.add_get("/traces/api/status", self.status)

    async def traces(self, request: web.Request) -> web.Response:
        """Traces that fit `q`, `service`, `name`, `error`, `min_ms`, newest first, at most `limit`.

        With `wait` (seconds) it answers once there is at least one, or empty when the time is up.
        """
        try:
            query = Query.from_parameters(request.query)
            limit = min(max(1, int(request.query.get("limit", "50"))), MAX_LIMIT)
            wait = _wait(request)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        found = self._found(query, limit)
        if not found and wait:
            await self._store.wait_for(lambda: bool(self._found(query, 1)), wait)
            found = self._found(query, limit)
        return web.json_response({"traces": [trace.summary() for trace in found]})

    def _found(self, query: Query, limit: int) -> list[Trace]:
        found = []
        for trace in self._store.newest():
            if query.matches(trace):
                found.append(trace)
                if len(found) == limit:
                    break
        return found

    async def one(self, request: web.Request) -> web.Response:
        """One trace as a tree.

        With `wait` (seconds) it answers once the trace has what is asked: `spans` (at least so many) and `services`
        (comma-separated names that must all be in it); 404 with `partial` where that did not happen in time.
        """
        trace_id = request.match_info["trace"]
        try:
            wait = _wait(request)
            least = int(request.query.get("spans", "1"))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        wanted = {name for name in request.query.get("services", "").split(",") if name}

        def whole() -> bool:
            trace = self._store.get(trace_id)
            return trace is not None and len(trace.spans) >= least and wanted <= set(trace.services)

        if not whole() and (not wait or not await self._store.wait_for(whole, wait)):
            trace = self._store.get(trace_id)
            partial = tree(trace) if trace else None
            return web.json_response({"error": "no such trace, or not whole yet", "partial": partial}, status=404)
        trace = self._store.get(trace_id)
        assert trace is not None
        return web.json_response(tree(trace))

    async def at(self, request: web.Request) -> web.Response:
        """Traces with an HTTP call that was under way at `time` (Unix seconds), the shortest such call first.

        `method` and `contains` (a part of the call's name) narrow the calls. So a message is traced to what wrote it:
        Discord is never sent our trace ids, but the sandbox knows when a message was written to the microsecond.
        """
        try:
            when = float(request.query["time"])
        except (KeyError, ValueError):
            return web.json_response({"error": "time must be Unix seconds"}, status=400)
        method, part = request.query.get("method", ""), request.query.get("contains", "")
        found: list[tuple[float, Trace]] = []
        for trace in self._store.newest():
            lengths = [
                span.end - span.start
                for span in trace.spans.values()
                if span.start <= when <= span.end
                and span.attributes.get("http.request.method", "-")
                == (method or span.attributes.get("http.request.method"))
                and part in span.name
            ]
            if lengths:
                found.append((min(lengths), trace))
        found.sort(key=lambda entry: entry[0])
        return web.json_response({"traces": [trace.summary() for _, trace in found[:10]]})

    async def clear(self, request: web.Request) -> web.Response:
        """Forgets all traces."""
        self._store.clear()
        return web.Response(status=204)

    async def services(self, request: web.Request) -> web.Response:
        """The service map over everything kept."""
        return web.json_response(self._store.service_map())

    async def logs(self, request: web.Request) -> web.Response:
        """Log records, newest last; `trace` keeps those of one trace."""
        trace_id = request.query.get("trace", "").lower()
        found = [record for record in self._records.logs if not trace_id or record["trace_id"] == trace_id]
        return web.json_response({"logs": found[-MAX_LIMIT:]})

    async def metrics(self, request: web.Request) -> web.Response:
        """The last points of each metric; `service` and `name` (a part) narrow them."""
        service, name = request.query.get("service", ""), request.query.get("name", "")
        found = [
            metric
            for metric in self._records.metrics.values()
            if (not service or metric["service"] == service) and name in metric["name"]
        ]
        return web.json_response({"metrics": found})

    async def status(self, request: web.Request) -> web.Response:
        """How much was received, is kept and was dropped."""
        store = self._store
        return web.json_response(
            {
                "received": store.received,
                "kept": store.span_count,
                "dropped": store.dropped,
                "traces": len(store.newest()),
                "logs": len(self._records.logs),
                "metrics": len(self._records.metrics),
            }
        )


def _wait(request: web.Request) -> float:
    seconds = float(request.query.get("wait", "0"))
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("wait must be seconds of 0 or more")
    return min(seconds, MAX_WAIT_SECONDS)
