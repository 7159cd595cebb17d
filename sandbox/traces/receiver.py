"""OTLP over HTTP: protobuf and JSON, plain or gzip, with the answers that the specification asks for.

JSON differs from protobuf's own mapping in that ids are hex, not base64 (OTLP specification, "JSON Protobuf Encoding").
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any, TypeVar

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from sandbox.traces.records import Records
from sandbox.traces.spans import spans_of
from sandbox.traces.store import TraceStore

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MAX_BODY_BYTES = 16 * 1024 * 1024
_HEX_FIELDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")

M = TypeVar("M", bound=Message)


class Receiver:
    """Takes what the services export."""

    def __init__(self, store: TraceStore, records: Records) -> None:
        self._store, self._records = store, records

    def add_to(self, app: web.Application) -> None:
        """Mounts the three signals."""
        app.router.add_post("/v1/traces", self.traces)
        app.router.add_post("/v1/metrics", self.metrics)
        app.router.add_post("/v1/logs", self.logs)

    async def traces(self, request: web.Request) -> web.Response:
        """Takes spans."""
        message = await _read(request, ExportTraceServiceRequest())
        if isinstance(message, web.Response):
            return message
        await self._store.add(spans_of(message))
        return _written(request, ExportTraceServiceResponse())

    async def metrics(self, request: web.Request) -> web.Response:
        """Takes metrics."""
        message = await _read(request, ExportMetricsServiceRequest())
        if isinstance(message, web.Response):
            return message
        self._records.add_metrics(message)
        return _written(request, ExportMetricsServiceResponse())

    async def logs(self, request: web.Request) -> web.Response:
        """Takes log records."""
        message = await _read(request, ExportLogsServiceRequest())
        if isinstance(message, web.Response):
            return message
        self._records.add_logs(message)
        return _written(request, ExportLogsServiceResponse())


async def _read(request: web.Request, into: M) -> M | web.Response:
    """Reads the body into a message, or gives the refusal to answer with."""
    if request.content_type not in (PROTOBUF, JSON):
        return _refused(request, 415, f"Content-Type must be {PROTOBUF} or {JSON}")
    body = b""
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return _refused(request, 413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    # aiohttp inflates a body whose encoding it knows; what still starts like gzip was left alone.
    if body[:2] == b"\x1f\x8b":
        try:
            inflater = zlib.decompressobj(wbits=31)
            body = inflater.decompress(body, MAX_BODY_BYTES)
        except zlib.error as error:
            return _refused(request, 400, f"the body is no gzip: {error}")
        if inflater.unconsumed_tail:
            return _refused(request, 413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    try:
        if request.content_type == JSON:
            json_format.ParseDict(_with_base64_ids(json.loads(body)), into, ignore_unknown_fields=True)
        else:
            into.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        return _refused(request, 400, f"the body is no {into.DESCRIPTOR.name}: {error}")
    return into


def _with_base64_ids(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_base64_ids(item) for item in node]
    if isinstance(node, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode()
            if key in _HEX_FIELDS and isinstance(item, str)
            else _with_base64_ids(item)
            for key, item in node.items()
        }
    return node


def _written(request: web.Request, message: Message, status: int = 200) -> web.Response:
    if request.content_type == JSON:
        return web.json_response(json_format.MessageToDict(message), status=status)
    return web.Response(body=message.SerializeToString(), content_type=PROTOBUF, status=status)


def _refused(request: web.Request, status: int, message: str) -> web.Response:
    return _written(request, Status(code=3, message=message), status)
