"""The receiver and the query API, fed by the real OpenTelemetry SDK and by hand."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from sandbox.traces import add_routes
from sandbox.traces.search import Query
from sandbox.traces.spans import Span
from sandbox.traces.store import TraceStore
from sandbox.traces.tree import tree


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application()
    add_routes(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


def span(trace: str = "a" * 32, number: int = 1, parent: int = 0, **fields: object) -> Span:
    values: dict[str, object] = {
        "name": "work",
        "kind": "internal",
        "service": "one",
        "start": 1.0,
        "end": 2.0,
        **fields,
    }
    parent_id = f"{parent:016x}" if parent else ""
    return Span(trace_id=trace, span_id=f"{number:016x}", parent_id=parent_id, **values)  # type: ignore[arg-type]


async def test_spans_of_the_sdk_arrive_as_a_tree_across_services(http: aiohttp.ClientSession) -> None:
    providers = []
    for name in ("gateway", "llm"):
        provider = TracerProvider(resource=Resource.create({"service.name": name}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{http._base_url}/v1/traces")))
        providers.append(provider)
    with providers[0].get_tracer("t").start_as_current_span("interaction /ask", kind=SpanKind.CONSUMER) as root:
        attributes = {"gen_ai.request.model": "demo"}
        with providers[1].get_tracer("t").start_as_current_span("chat demo", attributes=attributes) as inner:
            inner.add_event("first token", {"n": 1})
            inner.set_status(Status(StatusCode.ERROR, "broken"))
        trace_id = f"{root.get_span_context().trace_id:032x}"
    for provider in providers:
        await asyncio.to_thread(provider.shutdown)
    async with http.get(f"/traces/api/traces/{trace_id}?wait=5&spans=2&services=gateway,llm") as answer:
        assert answer.status == 200
        found = await answer.json()
    (top,) = found["tree"]
    (child,) = top["children"]
    assert (top["name"], top["service"], child["name"], child["service"]) == (
        "interaction /ask",
        "gateway",
        "chat demo",
        "llm",
    )
    assert (child["error"], child["status_message"], child["category"]) == (True, "broken", "provider")
    assert child["events"][0]["name"] == "first token"
    async with http.get("/traces/api/services") as answer:
        assert (await answer.json())["edges"][0] | {"p50_ms": 0, "p95_ms": 0} == {
            "from": "gateway", "to": "llm", "calls": 1, "errors": 1, "p50_ms": 0, "p95_ms": 0,
        }  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
async def test_json_with_hex_ids_is_taken(http: aiohttp.ClientSession, compressed: bool) -> None:
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "5b8efff798038103d269b633813fc60c",
                                "spanId": "eee19b7ec3c1b174",
                                "name": "hello",
                                "kind": 2,
                                "startTimeUnixNano": "1544712660000000000",
                                "endTimeUnixNano": "1544712661000000000",
                                "attributes": [{"key": "n", "value": {"intValue": "7"}}],
                            }
                        ]
                    }
                ],
            }
        ]
    }
    raw = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if compressed else {})
    async with http.post("/v1/traces", data=gzip.compress(raw) if compressed else raw, headers=headers) as answer:
        assert answer.status == 200
    async with http.get("/traces/api/traces/5B8EFFF798038103D269B633813FC60C") as answer:
        (top,) = (await answer.json())["tree"]
    assert (top["span_id"], top["kind"], top["duration_ms"], top["attributes"]) == (
        "eee19b7ec3c1b174",
        "server",
        1000,
        {"n": 7},
    )


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"\xff\xff", "application/x-protobuf", 400),
        (b"{", "application/json", 400),
        (b'{"resourceSpans": 5}', "application/json", 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}', "application/json", 400),
        (b"hello", "text/plain", 415),
        (b"\x1f\x8bbroken", "application/x-protobuf", 400),
    ],
)
async def test_what_is_no_export_is_refused(
    http: aiohttp.ClientSession, body: bytes, content_type: str, status: int
) -> None:
    async with http.post("/v1/traces", data=body, headers={"Content-Type": content_type}) as answer:
        assert answer.status == status


async def test_logs_and_metrics_are_kept(http: aiohttp.ClientSession) -> None:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "llm"}}]}
    logs = {
        "resourceLogs": [
            {
                "resource": resource,
                "scopeLogs": [{"logRecords": [{"body": {"stringValue": "hey"}, "traceId": "ab" * 16}]}],
            }
        ]
    }
    points = [{"asInt": "3"}]
    metrics = {
        "resourceMetrics": [
            {"resource": resource, "scopeMetrics": [{"metrics": [{"name": "calls", "sum": {"dataPoints": points}}]}]}
        ]
    }
    for signal, body in (("logs", logs), ("metrics", metrics)):
        async with http.post(f"/v1/{signal}", json=body) as answer:
            assert answer.status == 200
    async with http.get(f"/traces/api/logs?trace={'ab' * 16}") as answer:
        assert [record["body"] for record in (await answer.json())["logs"]] == ["hey"]
    async with http.get("/traces/api/metrics?name=call") as answer:
        assert (await answer.json())["metrics"][0]["points"] == [{"attributes": {}, "value": 3}]


async def test_waiting_ends_when_the_time_is_up_with_what_there_is(http: aiohttp.ClientSession) -> None:
    async with http.get(f"/traces/api/traces/{'c' * 32}?wait=0.05") as answer:
        assert (answer.status, (await answer.json())["partial"]) == (404, None)
    async with http.get("/traces/api/traces?wait=0.05&service=nobody") as answer:
        assert await answer.json() == {"traces": []}
    async with http.get("/traces/api/traces?wait=soon") as answer:
        assert answer.status == 400


async def test_memory_is_bounded_by_traces_by_spans_and_by_spans_of_one_trace() -> None:
    store = TraceStore(max_traces=3, max_spans=10, max_spans_a_trace=5)
    await store.add(span(f"{n:032x}", n + 1) for n in range(5))
    assert [trace.trace_id for trace in store.newest()] == [f"{n:032x}" for n in (4, 3, 2)]
    await store.add(span("f" * 32, 100 + n) for n in range(8))
    assert store.get("f" * 32).dropped == 3  # type: ignore[union-attr]
    await store.add(span("e" * 32, 200 + n) for n in range(5))
    assert store.span_count <= 10
    assert store.dropped == store.received - store.span_count


async def test_a_trace_that_still_grows_outlives_older_ones() -> None:
    store = TraceStore(max_traces=2)
    await store.add([span("a" * 32, 1), span("b" * 32, 2), span("a" * 32, 3), span("c" * 32, 4)])
    assert {trace.trace_id[0] for trace in store.newest()} == {"a", "c"}


@pytest.mark.parametrize(
    ("parameters", "hit"),
    [
        ({"q": "ask"}, True), ({"q": "ASK demo"}, True), ({"q": "nothing"}, False), ({"q": "model=demo"}, True),
        ({"q": "model=other"}, False), ({"service": "llm"}, True), ({"service": "x"}, False), ({"error": "1"}, False),
        ({"min_ms": "1500"}, True), ({"min_ms": "2500"}, False), ({"name": "chat"}, True), ({"q": "a" * 32}, True),
    ],
)  # fmt: skip
async def test_search(parameters: dict[str, str], hit: bool) -> None:
    store = TraceStore()
    await store.add([
        span(number=1, name="interaction /ask"),
        span(number=2, parent=1, name="chat", service="llm", end=3.0, attributes={"model": "demo"}),
    ])  # fmt: skip
    (trace,) = store.newest()
    assert Query.from_parameters(parameters).matches(trace) is hit


async def test_totals_count_queue_time_and_only_the_outermost_of_a_category() -> None:
    store = TraceStore()
    await store.add([
        span(number=1, name="enqueue", kind="producer", start=0.0, end=0.1),
        span(number=2, parent=1, name="job", kind="consumer", start=0.4, end=3.0),
        span(number=3, parent=2, name="chat", start=1.0, end=2.0, attributes={"gen_ai.request.model": "m"}),
        span(number=4, parent=3, name="chat POST", start=1.1, end=1.9, attributes={"gen_ai.system": "m"}),
        span(number=5, parent=2, name="discord PATCH", start=2.0, end=2.5),
    ])  # fmt: skip
    (trace,) = store.newest()
    assert tree(trace)["totals_ms"] == {"queue": 300.0, "provider": 1000.0, "discord": 500.0}


async def test_a_moment_leads_to_the_call_that_was_under_way(http: aiohttp.ClientSession) -> None:
    def sent(trace: str, start: float, end: float, method: str) -> object:
        value = {"stringValue": method}
        return {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": trace * 32,
                            "spanId": trace * 16,
                            "name": f"{method} /channels/{{channel_id}}/messages",
                            "startTimeUnixNano": str(int(start * 1e9)),
                            "endTimeUnixNano": str(int(end * 1e9)),
                            "attributes": [{"key": "http.request.method", "value": value}],
                        }
                    ]
                }
            ]
        }

    spans = [sent("a", 10, 20, "POST"), sent("b", 14, 15, "POST"), sent("c", 14, 14.8, "PATCH")]
    async with http.post("/v1/traces", json={"resourceSpans": spans}) as answer:
        assert answer.status == 200

    async def at(query: str) -> list[str]:
        async with http.get(f"/traces/api/at?{query}") as answer:
            return [trace["trace_id"][0] for trace in (await answer.json())["traces"]]

    assert await at("time=14.5&method=POST&contains=/messages") == ["b", "a"]
    assert await at("time=14.5") == ["c", "b", "a"]
    assert await at("time=14.5&method=POST&contains=/threads") == []
    assert await at("time=30") == []
    async with http.get("/traces/api/at?time=noon") as answer:
        assert answer.status == 400


async def test_spans_that_name_each_other_as_parents_are_all_shown() -> None:
    store = TraceStore()
    await store.add([span(number=1, parent=2), span(number=2, parent=1), span(number=3, parent=9)])
    (trace,) = store.newest()
    assert {top["span_id"] for top in tree(trace)["tree"]} >= {f"{3:016x}"}
    assert len(json.dumps(tree(trace)).split('"span_id"')) - 1 == 3


async def test_a_very_deep_trace_can_still_be_written() -> None:
    store = TraceStore()
    await store.add(span(number=n + 1, parent=n) for n in range(3_000))
    (trace,) = store.newest()
    assert len(json.dumps(tree(trace)).split('"span_id"')) - 1 == 3_000
