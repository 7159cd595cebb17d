"""What calls to models leave in traces and metrics."""

from collections import Counter
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from redis.asyncio import Redis

from chassis.clock import SystemClock
from chassis.settings import Live
from services.llm import telemetry
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, Finish, Finished, Message, ProviderFailure, TextDelta, Usage
from services.llm.chat import FailureKind as Kind
from services.llm.measures import Measures
from services.llm.model_settings import ModelSettings, ProviderSettings
from services.llm.redis_measures import RedisMeasures
from services.llm.settings import LlmSettings
from tests.support.telemetry import points


@pytest.fixture
def recorded() -> tuple[InMemorySpanExporter, Tracer]:
    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, tracers.get_tracer("t")


def uncounted(settings: Live[LlmSettings]) -> Measures:
    """Counts that are never handed over."""
    return Measures(settings, SystemClock(), RedisMeasures(Redis()))


def counted(reader: InMemoryMetricReader) -> Counter[tuple[str, str]]:
    """Calls by metric and error, and tokens by their kind, of the model of these tests."""
    found: Counter[tuple[str, str]] = Counter()
    for name in ("gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk"):
        for point in points(reader, name):
            if point.attributes["gen_ai.request.model"] == "m":
                found[name, point.attributes.get("error.type", "")] += point.count
    for point in points(reader, "gen_ai.client.token.usage"):
        if point.attributes["gen_ai.request.model"] == "m":
            found["gen_ai.client.token.usage", point.attributes["gen_ai.token.type"]] += point.sum
    return found


@pytest.mark.parametrize("capture", [False, True])
def test_a_call_is_one_span_with_the_conventions_names(
    recorded: tuple[InMemorySpanExporter, Tracer], metric_reader: InMemoryMetricReader, capture: bool
) -> None:
    exporter, tracer = recorded
    settings = Live(LlmSettings(capture_content=capture, providers={"p": ProviderSettings(genai_provider="openai")}))
    calls = telemetry.CallTelemetry(settings, tracer, uncounted(settings))
    model = Model("p/m", "p", "m", ModelSettings())
    before = counted(metric_reader)
    with calls.call(model, ChatRequest((Message("user", "secret question"),), 9, 0.5)) as call:
        call.event(TextDelta("secret answer"))
        call.finished(Finished(Finish.STOP, Usage(3, 4, 1, 2), "m-1"))
    with pytest.raises(ProviderFailure), calls.call(model, ChatRequest((), 9)) as call:
        failure = ProviderFailure(Kind.OVERLOADED, status=503)
        call.failed(failure)
        raise failure
    good, bad = exporter.get_finished_spans()
    assert (good.name, good.kind) == ("chat m", trace.SpanKind.CLIENT)
    found: dict[str, Any] = dict(good.attributes or {})
    assert found.pop("gen_ai.response.time_to_first_chunk") >= 0
    captured = {name: found.pop(name) for name in ("gen_ai.input.messages", "gen_ai.output.messages") if name in found}
    assert ("secret question" in str(captured), "secret answer" in str(captured)) == (capture, capture)
    assert found == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 9, "gen_ai.request.temperature": 0.5, "gen_ai.response.model": "m-1",
        "gen_ai.response.finish_reasons": ("stop",), "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 1, "gen_ai.usage.reasoning.output_tokens": 2,
    }  # fmt: skip
    assert (bad.attributes or {})["error.type"] == "PROVIDER_OVERLOADED"
    assert bad.status.status_code is trace.StatusCode.ERROR
    assert counted(metric_reader) - before == {
        ("gen_ai.client.operation.duration", ""): 1,
        ("gen_ai.client.operation.duration", "PROVIDER_OVERLOADED"): 1,
        ("gen_ai.client.operation.time_to_first_chunk", ""): 1,
        ("gen_ai.client.token.usage", "input"): 3,
        ("gen_ai.client.token.usage", "output"): 4,
    }


def test_a_call_that_neither_ended_nor_failed_was_cancelled(recorded: tuple[InMemorySpanExporter, Tracer]) -> None:
    exporter, tracer = recorded
    settings = Live(LlmSettings())
    calls = telemetry.CallTelemetry(settings, tracer, uncounted(settings))
    with calls.call(Model("p/m", "p", "m", ModelSettings()), ChatRequest((), 9)):
        pass
    (span,) = exporter.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "cancelled"
