"""Takes metrics by OTLP and shows them as OpenMetrics, exemplars included, as the Collector's Prometheus exporter does.

It stands where the Collector stands, so that Debian's Prometheus, which takes no OTLP, can be asked what the dashboards
ask. Names follow the same rules: dots become underscores, units and `_total` are appended, resources become labels.
Everything that is no metric is handed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import ClientSession, web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

_UNITS = {"s": "_seconds", "By": "_bytes"}
_NAME = re.compile(r"[^a-zA-Z0-9_]")
_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Exposition:
    """One receiver with its page of metrics."""

    def __init__(self, hand_on_to: str) -> None:
        self._hand_on_to = hand_on_to
        self._points: dict[tuple[str, str, str], list[str]] = {}
        self._kinds: dict[str, str] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Listens on a free port."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/metrics", self._take)
        app.router.add_get("/metrics", self._show)
        app.router.add_post("/v1/{kind}", self._hand_on)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes it."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        for name, kind, key, lines in _series(ExportMetricsServiceRequest.FromString(body)):
            self._kinds[name] = kind
            self._points[name, *key] = lines
        return await self._pass_on(request, body)

    async def _hand_on(self, request: web.Request) -> web.Response:
        return await self._pass_on(request, await request.read())

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = {"Content-Type": request.headers["Content-Type"]}
        address = f"{self._hand_on_to}{request.path}"
        async with ClientSession() as session, session.post(address, data=body, headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    async def _show(self, request: web.Request) -> web.Response:
        lines: list[str] = []
        for name, kind in sorted(self._kinds.items()):
            lines.append(f"# TYPE {name} {kind}")
            lines += [line for key, point in sorted(self._points.items()) if key[0] == name for line in point]
        return web.Response(text="\n".join([*lines, "# EOF", ""]), headers={"Content-Type": _TYPE})


def _series(request: ExportMetricsServiceRequest) -> Iterator[tuple[str, str, tuple[str, str], list[str]]]:
    """(family, kind, what tells the series apart, its lines) for each data point."""
    for resource in request.resource_metrics:
        of_resource = _labels(resource.resource.attributes)
        instance = of_resource.get("service_instance_id", "")
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data") or "gauge"
                base = _NAME.sub("_", metric.name) + _UNITS.get(metric.unit, "")
                for point in getattr(metric, kind).data_points:
                    labels = of_resource | _labels(point.attributes)
                    key = (instance, str(sorted(labels.items())))
                    shown = "counter" if kind == "sum" and metric.sum.is_monotonic else "gauge"
                    if kind == "histogram":
                        yield base, "histogram", key, list(_buckets(base, labels, point))
                        continue
                    value = point.as_double if point.HasField("as_double") else point.as_int
                    suffix = "_total" if shown == "counter" else ""
                    yield base, shown, key, [f"{base}{suffix}{_braced(labels)} {value}"]


def _buckets(base: str, labels: dict[str, str], point: Any) -> Iterator[str]:
    bounds = [*point.explicit_bounds, math.inf]
    total = 0
    for low, bound, count in zip([-math.inf, *bounds], bounds, point.bucket_counts, strict=False):
        total += count
        le = "+Inf" if bound == math.inf else repr(bound)
        yield f"{base}_bucket{_braced({**labels, 'le': le})} {total}{_exemplar(point.exemplars, low, bound)}"
    yield f"{base}_count{_braced(labels)} {point.count}"
    yield f"{base}_sum{_braced(labels)} {point.sum}"


def _exemplar(exemplars: Iterable[Any], low: float, high: float) -> str:
    for one in exemplars:
        if one.trace_id and low < one.as_double <= high:
            return f' # {{trace_id="{one.trace_id.hex()}"}} {one.as_double} {one.time_unix_nano / 1e9}'
    return ""


def _labels(attributes: Iterable[Any]) -> dict[str, str]:
    found = {}
    for attribute in attributes:
        value = getattr(attribute.value, attribute.value.WhichOneof("value"))
        found[_NAME.sub("_", attribute.key)] = str(value)
    return found


def _braced(labels: dict[str, str]) -> str:
    marks = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    escaped = {name: value.translate(marks) for name, value in labels.items()}
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(escaped.items())) + "}"
