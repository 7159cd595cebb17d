"""What calls to models leave in traces and metrics.

Names follow OpenTelemetry's conventions for generative AI, which are in development and still being renamed: all of
them stand in this module and nowhere else. What was said is never captured unless the configuration asks for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from chassis.settings import Live
from chassis.telemetry.durations import Durations, Series
from services.llm.catalogue import Model
from services.llm.chat import (
    ELSEWHERE,
    ChatEvent,
    ChatRequest,
    Finished,
    ProviderFailure,
    TextDelta,
    ToolCallEvent,
    Usage,
)
from services.llm.measures import Measures
from services.llm.settings import LlmSettings

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
USAGE_CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
USAGE_REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - a name
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"

OPERATION_DURATION = "gen_ai.client.operation.duration"
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 - a name
TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
CACHE_LOOKUPS = "guildhall.llm.cache.lookups"
CACHE_EVICTIONS = "guildhall.llm.cache.evictions"
CACHE_BYTES = "guildhall.llm.cache.bytes"

DURATION_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKEN_BUCKETS = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)
REMEMBERED_SERIES = 1_000
"""Combinations of provider, model and error that are at hand."""

_DURATION = Durations(OPERATION_DURATION, "Duration of a call to a model", DURATION_BUCKETS)
_FIRST = Durations(TIME_TO_FIRST_CHUNK, "Time to the first chunk", DURATION_BUCKETS)
_TOKENS = Durations(TOKEN_USAGE, "Tokens of a call", TOKEN_BUCKETS, "{token}")


class CallTelemetry:
    """Makes a span and figures for every call to a model."""

    def __init__(self, settings: Live[LlmSettings], tracer: Tracer, measures: Measures) -> None:
        self._settings = settings
        self._measures = measures
        self._tracer = tracer

    @contextmanager
    def call(self, model: Model, request: ChatRequest) -> Iterator[Call]:
        """The span of one call. It ends with the block, also on a cancel."""
        settings = self._settings.current
        provider = settings.providers.get(model.provider)
        provider_name = (provider.genai_provider if provider else "") or model.provider
        attributes: dict[str, str | int | float] = {
            **_attributes(provider_name, model.id), REQUEST_MAX_TOKENS: request.max_output_tokens,
        }  # fmt: skip
        if request.temperature is not None:
            attributes[REQUEST_TEMPERATURE] = request.temperature
        span = self._tracer.start_span(f"chat {model.id}", kind=SpanKind.CLIENT, attributes=attributes)
        if settings.capture_content and span.is_recording():
            spoken = [{"role": message.role, "content": message.text} for message in request.messages]
            span.set_attribute(INPUT_MESSAGES, json.dumps(spoken, ensure_ascii=False))
        call = Call(span, capture=settings.capture_content)
        try:
            yield call
        finally:
            call.close()
            if call.judged:
                self._measures.note(model.name, call.first_text, failed=call.failing)
            context = span.get_span_context()
            sampled = context if context.trace_flags.sampled else None
            series = _series(provider_name, model.id, call.error)
            series.duration.record(call.elapsed, sampled)
            if call.first_after is not None:
                series.first.record(call.first_after, sampled)
            if call.usage is not None:
                series.input.record(call.usage.input_tokens, sampled)
                series.output.record(call.usage.output_tokens, sampled)


@dataclass(frozen=True, slots=True)
class _CallSeries:
    """Where the figures of a call go."""

    duration: Series
    first: Series
    input: Series
    output: Series


@lru_cache(maxsize=REMEMBERED_SERIES)
def _attributes(provider: str, model_id: str) -> dict[str, str]:
    return {OPERATION_NAME: "chat", PROVIDER_NAME: provider, REQUEST_MODEL: model_id}


@lru_cache(maxsize=REMEMBERED_SERIES)
def _series(provider: str, model_id: str, error: str) -> _CallSeries:
    attributes = {**_attributes(provider, model_id), **({ERROR_TYPE: error} if error else {})}
    return _CallSeries(
        _DURATION.series(attributes),
        _FIRST.series(attributes),
        _TOKENS.series({**attributes, TOKEN_TYPE: "input"}),
        _TOKENS.series({**attributes, TOKEN_TYPE: "output"}),
    )


class Call:
    """One call under way."""

    def __init__(self, span: Span, *, capture: bool) -> None:
        self._span = span
        self._began_at = time.perf_counter()
        self._text: list[str] | None = [] if capture else None
        self._done = False
        self.first_after: float | None = None
        """Seconds until the first event, be it thinking."""
        self.first_text: float | None = None
        """Seconds until the first text or tool call."""
        self.failing = False
        """Whether it failed through the model's or its provider's fault."""
        self.elapsed = 0.0
        self.error = ""
        self.usage: Usage | None = None

    @property
    def began(self) -> bool:
        """Whether an event came."""
        return self.first_after is not None

    @property
    def judged(self) -> bool:
        """Whether it says how the model does: not if the caller left before the first text, or asked wrongly."""
        return self._done or self.failing or self.first_text is not None

    def event(self, event: ChatEvent) -> None:
        """Notes an event of the answer."""
        if self.first_after is None and not isinstance(event, Finished):
            self.first_after = time.perf_counter() - self._began_at
            self._span.set_attribute(RESPONSE_TIME_TO_FIRST_CHUNK, self.first_after)
        if self.first_text is None and isinstance(event, TextDelta | ToolCallEvent):
            self.first_text = time.perf_counter() - self._began_at
        if self._text is not None and isinstance(event, TextDelta):
            self._text.append(event.text)
        elif self._text is not None and isinstance(event, ToolCallEvent):
            self._text.append(event.call.arguments)

    def finished(self, event: Finished) -> None:
        """Notes the end of the answer."""
        self._done = True
        self.usage = event.usage
        attributes: dict[str, str | int | list[str]] = {RESPONSE_FINISH_REASONS: [event.finish.value]}
        if event.response_model:
            attributes[RESPONSE_MODEL] = event.response_model
        if (usage := event.usage) is not None:
            attributes |= {USAGE_INPUT_TOKENS: usage.input_tokens, USAGE_OUTPUT_TOKENS: usage.output_tokens}
            if usage.cached_input_tokens:
                attributes[USAGE_CACHED_TOKENS] = usage.cached_input_tokens
            if usage.reasoning_tokens:
                attributes[USAGE_REASONING_TOKENS] = usage.reasoning_tokens
        self._span.set_attributes(attributes)

    def failed(self, failure: ProviderFailure) -> None:
        """Notes a failure."""
        self.failing = failure.kind in ELSEWHERE
        self.error = failure.kind.value
        if failure.status:
            self._span.set_attribute(HTTP_STATUS, failure.status)

    def close(self) -> None:
        """Ends the span. One that neither finished nor failed was cancelled."""
        self.elapsed = time.perf_counter() - self._began_at
        if not self._done and not self.error:
            self.error = "cancelled"
        if self.error:
            self._span.set_attribute(ERROR_TYPE, self.error)
            self._span.set_status(Status(StatusCode.ERROR, self.error))
        if self._text:
            self._span.set_attribute(
                OUTPUT_MESSAGES, json.dumps([{"role": "assistant", "content": "".join(self._text)}], ensure_ascii=False)
            )
        self._span.end()
