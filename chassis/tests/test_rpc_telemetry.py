"""How each way that a call can end is told in spans and durations, for each kind of method."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from chassis.errors import NotFound
from chassis.telemetry import tracer
from chassis.telemetry.rpc import ServerCall
from chassis.testing import channel_to, serve_in_process
from chassis.tests.echo import METHODS, SERVICE, Echo, EchoStub, add_to_server, text, texts
from tests.support import eventually
from tests.support.telemetry import points

KINDS = ("Unary", "Down", "Up", "Both")


def behaviours(do: Any) -> dict[str, Any]:
    """Each kind of method, doing one thing after it has begun."""

    async def read(request: Any) -> None:
        # A server that ends a call before it has read everything resets the stream, which a client may see first.
        if hasattr(request, "__aiter__"):
            async for _ in request:
                pass

    async def one(request: Any, context: Any) -> Any:
        await read(request)
        await do(context)
        return text()

    async def many(request: Any, context: Any) -> AsyncIterator[Any]:
        await read(request)
        yield text("first")
        await do(context)

    return {"Unary": one, "Up": one, "Down": many, "Both": many}


async def call(stub: EchoStub, kind: str, timeout: float) -> None:
    up, down, _ = METHODS[kind]
    made = getattr(stub, kind)(texts("a") if up else text(), timeout=timeout)
    if down:
        async for _ in made:
            pass
    else:
        await made


async def both_spans(spans: InMemorySpanExporter) -> tuple[Any, Any]:
    def found() -> list[Any]:
        return [span for span in spans.get_finished_spans() if span.kind in (SpanKind.CLIENT, SpanKind.SERVER)]

    await eventually(lambda: len(found()) == 2)
    by_kind = {span.kind: span for span in found()}
    return by_kind[SpanKind.CLIENT], by_kind[SpanKind.SERVER]


async def nothing(context: Any) -> None:
    return None


async def not_found(context: Any) -> None:
    raise NotFound("no", reason="NOPE")


async def broken(context: Any) -> None:
    raise ValueError("a defect")


async def abort(context: Any) -> None:
    await context.abort(grpc.StatusCode.ALREADY_EXISTS, "by hand")


async def set_code(context: Any) -> None:
    context.set_code(grpc.StatusCode.OUT_OF_RANGE)


async def forever(context: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("do", "code", "server_error"),
    [
        (nothing, "OK", False),
        (not_found, "NOT_FOUND", False),
        (abort, "ALREADY_EXISTS", False),
        (set_code, "OUT_OF_RANGE", False),
        (broken, "INTERNAL", True),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_how_a_call_ended(spans: InMemorySpanExporter, kind: str, do: Any, code: str, server_error: bool) -> None:
    async with serve_in_process((add_to_server, Echo(**behaviours(do)))) as address, channel_to(address) as channel:
        if code == "OK":
            await call(EchoStub(channel), kind, 5)
        else:
            with pytest.raises(grpc.aio.AioRpcError):
                await call(EchoStub(channel), kind, 5)
        client, server = await both_spans(spans)
    assert client.name == server.name == f"{SERVICE}/{kind}"
    assert client.attributes["rpc.response.status_code"] == server.attributes["rpc.response.status_code"] == code
    assert server.parent.span_id == client.context.span_id
    assert server.context.trace_id == client.context.trace_id
    assert client.status.status_code is (StatusCode.UNSET if code == "OK" else StatusCode.ERROR)
    assert server.status.status_code is (StatusCode.ERROR if server_error else StatusCode.UNSET)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_deadline_that_passes(spans: InMemorySpanExporter, kind: str) -> None:
    async with (
        serve_in_process((add_to_server, Echo(**behaviours(forever)))) as address,
        channel_to(address) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(EchoStub(channel), kind, 0.3)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        client, server = await both_spans(spans)
    assert client.attributes["rpc.response.status_code"] == "DEADLINE_EXCEEDED"
    assert server.attributes["rpc.response.status_code"] == "DEADLINE_EXCEEDED"
    assert server.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_is_cancelled(spans: InMemorySpanExporter, kind: str) -> None:
    began = asyncio.Event()

    async def wait(context: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    async with serve_in_process((add_to_server, Echo(**behaviours(wait)))) as address, channel_to(address) as channel:
        task = asyncio.create_task(call(EchoStub(channel), kind, 30))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        client, server = await both_spans(spans)
    assert client.attributes["rpc.response.status_code"] == "CANCELLED"
    assert server.attributes["rpc.response.status_code"] == "CANCELLED"


async def test_a_stream_abandoned_half_way_is_accounted_for(spans: InMemorySpanExporter) -> None:
    closed = asyncio.Event()

    async def endless(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield text("more")
        finally:
            closed.set()

    async with serve_in_process((add_to_server, Echo(Down=endless))) as address, channel_to(address) as channel:
        made = EchoStub(channel).Down(text(), timeout=30)
        async for _ in made:
            break
        made.cancel()
        async with asyncio.timeout(5):
            await closed.wait()
        client, server = await both_spans(spans)
    assert client.attributes["rpc.response.status_code"] == "CANCELLED"
    assert server.attributes["rpc.response.status_code"] == "CANCELLED"


async def test_the_trace_goes_on_through_the_call(spans: InMemorySpanExporter) -> None:
    inside: list[int] = []

    async def behaviour(request: Any, context: Any) -> Any:
        inside.append(trace.get_current_span().get_span_context().trace_id)
        return request

    async with serve_in_process((add_to_server, Echo(Unary=behaviour))) as address, channel_to(address) as channel:
        with tracer().start_as_current_span("outside") as outside:
            await EchoStub(channel).Unary(text(), timeout=5)
        client, _ = await both_spans(spans)
    assert inside == [outside.get_span_context().trace_id]
    assert client.parent.span_id == outside.get_span_context().span_id


async def test_a_trace_that_nobody_keeps_is_passed_on_and_leaves_no_spans(spans: InMemorySpanExporter) -> None:
    inside: list[trace.SpanContext] = []

    async def look(context: Any) -> None:
        inside.append(trace.get_current_span().get_span_context())

    outside = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(0))
    servicer = Echo(**behaviours(look))
    async with serve_in_process((add_to_server, servicer)) as address, channel_to(address) as channel:
        with trace.use_span(trace.NonRecordingSpan(outside)):
            await EchoStub(channel).Unary(text(), timeout=5)
    (found,) = inside
    assert (found.trace_id, found.span_id, found.trace_flags, found.is_remote) == (0xABC, 0xDEF, 0, True)
    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize(
    "parent",
    [
        f"00-{0:032x}-{1:016x}-00",
        f"00-{1:032x}-{0:016x}-00",
        f"00-{1:031x}-{1:016x}-00",
        f"ff-{1:032x}-{1:016x}-00",
        f"00-{1:032X}-{0xA:016X}-00 ",
        "00",
        "",
    ],
)
async def test_what_is_no_trace_begins_a_new_one(spans: InMemorySpanExporter, parent: str) -> None:
    call = ServerCall("/service/Method", (("traceparent", parent), ("other-bin", b"x")))
    call.finish(grpc.StatusCode.OK)
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert span.context.trace_id > 0xFFFF


async def test_what_others_say_beside_a_trace_is_kept(spans: InMemorySpanExporter) -> None:
    inside: list[trace.SpanContext] = []

    async def look(context: Any) -> None:
        inside.append(trace.get_current_span().get_span_context())

    outside = trace.SpanContext(
        0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(0), trace_state=trace.TraceState([("vendor", "x")])
    )
    servicer = Echo(**behaviours(look))
    async with serve_in_process((add_to_server, servicer)) as address, channel_to(address) as channel:
        with trace.use_span(trace.NonRecordingSpan(outside)):
            await EchoStub(channel).Unary(text(), timeout=5)
    assert inside[0].trace_state.get("vendor") == "x"


async def test_durations_are_counted_by_outcome(metric_reader: InMemoryMetricReader, spans: object) -> None:
    servicer = Echo(Again=behaviours(not_found)["Unary"])

    def counted() -> dict[tuple[str, str], int]:
        """How often each end of this method was counted, by all tests of this process."""
        found = {}
        for name in ("rpc.client.call.duration", "rpc.server.call.duration"):
            for point in points(metric_reader, name):
                if point.attributes["rpc.method"] == f"{SERVICE}/Again":
                    found[name, point.attributes["rpc.response.status_code"]] = point.count
        return found

    before = counted()
    async with serve_in_process((add_to_server, servicer)) as address, channel_to(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await EchoStub(channel).Again(text(), timeout=5)

    more = {end: count for end, count in counted().items() if count != before.get(end, 0)}
    assert set(more) == {("rpc.client.call.duration", "NOT_FOUND"), ("rpc.server.call.duration", "NOT_FOUND")}
    assert all(count == before.get(end, 0) + 1 for end, count in more.items())
