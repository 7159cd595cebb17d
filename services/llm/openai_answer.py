"""Reads the chunks of one answer in the format of OpenAI's Chat Completions.

Many servers speak it, each in its own way: thinking in a field, in the text or as a part of a list, usage on its own
chunk, on one with choices or not at all, tool calls without a number, a whole answer where a stream was asked for.
Whatever cannot be read is a failure like any other, never a defect of this service.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from services.llm.catalogue import Model
from services.llm.chat import (
    ChatEvent,
    ChatRequest,
    FailureKind,
    Finish,
    Finished,
    JSONObject,
    ProviderFailure,
    TextDelta,
    ThinkingDelta,
    ToolCallBuilder,
    ToolCallEvent,
    Usage,
)
from services.llm.failures import UNREADABLE, from_event
from services.llm.reported import tokens
from services.llm.thinking import ThinkParser

_FINISHES = {
    "stop": Finish.STOP, "eos": Finish.STOP, "length": Finish.LENGTH, "max_tokens": Finish.LENGTH,
    "model_length": Finish.LENGTH, "content_filter": Finish.CONTENT_FILTER, "safety": Finish.CONTENT_FILTER,
    "tool_calls": Finish.TOOL_CALLS, "function_call": Finish.TOOL_CALLS,
}  # fmt: skip
_BROKEN = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})
"""Ends by which servers say that they gave up: OpenRouter, vLLM, Zhipu, DeepSeek."""


class AnswerReader:
    """Reads the chunks of one answer. Its methods raise ProviderFailure."""

    def __init__(self, model: Model, request: ChatRequest) -> None:
        self.began = False
        self._parser = ThinkParser(starts_in_thinking=model.profile.starts_in_thinking)
        self._tools = ToolCallBuilder()
        self._document_tool = request.document is not None and request.document.mode == "tool"
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._model = ""

    @property
    def ended(self) -> bool:
        """Whether the end of the answer has come. Only its usage may follow."""
        return self._finish is not None

    def read(self, data: str) -> list[ChatEvent]:
        """What a chunk says."""
        self.began = True
        try:
            return self._read(json.loads(data))
        except UNREADABLE as error:
            raise ProviderFailure(FailureKind.MALFORMED, f"a chunk can't be read: {type(error).__name__}") from error

    def read_rest(self, data: Sequence[str]) -> list[ChatEvent]:
        """What came after the end. The answer is whole by then, so what can't be read of it is left aside."""
        events: list[ChatEvent] = []
        for each in data:
            with suppress(ProviderFailure):
                events += self.read(each)
        return events

    def _read(self, chunk: Any) -> list[ChatEvent]:
        if failure := chunk.get("error"):
            raise from_event(failure)
        if chunk.get("object") == "error":
            raise from_event(chunk)
        self._model = chunk.get("model") or self._model
        if usage := chunk.get("usage"):
            self._usage = _usage(usage)
        events: list[ChatEvent] = []
        for choice in chunk.get("choices") or ():
            self._read_choice(choice, events)
        return events

    def _read_choice(self, choice: JSONObject, events: list[ChatEvent]) -> None:
        delta = choice.get("delta") or choice.get("message") or {}
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._think(str(thought), events)
        if text := delta.get("content") or delta.get("refusal"):
            if isinstance(text, list):
                self._read_parts(text, events)
            else:
                events.extend(self._parser.feed(str(text)))
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            arguments = function.get("arguments")
            if isinstance(arguments, dict):
                arguments = json.dumps(arguments)
            self._tools.add(call.get("index"), call.get("id"), function.get("name"), arguments)
        if finish := choice.get("finish_reason"):
            # Some say why after a colon.
            self._finish = str(finish).lower().partition(":")[0]

    def _read_parts(self, parts: list[JSONObject], events: list[ChatEvent]) -> None:
        """Mistral's thinking models give a list of parts in place of a text."""
        for part in parts:
            if part.get("type") == "thinking":
                thoughts = part.get("thinking") or ""
                if isinstance(thoughts, list):
                    thoughts = "".join(str(each.get("text") or "") for each in thoughts)
                self._think(str(thoughts), events)
            elif text := part.get("text"):
                events.extend(self._parser.feed(str(text)))

    def _think(self, thought: str, events: list[ChatEvent]) -> None:
        self._parser.thinking_came_apart()
        if thought:
            events.append(ThinkingDelta(thought))

    def finish(self) -> list[ChatEvent]:
        """What is left at the end of the stream."""
        if self._finish is None:
            raise ProviderFailure(FailureKind.TRUNCATED, "the stream ended without a finish reason")
        if self._finish in _BROKEN:
            raise ProviderFailure(FailureKind.OVERLOADED, f"the provider gave up: {self._finish}")
        events: list[ChatEvent] = [*self._parser.flush()]
        finish = _FINISHES.get(self._finish, Finish.STOP)
        if finish is not Finish.LENGTH:
            calls = self._tools.finish(json.loads)
            if self._document_tool:
                events.extend(TextDelta(call.arguments) for call in calls[:1])
                finish = Finish.STOP
            else:
                events.extend(ToolCallEvent(call) for call in calls)
                # Some say "stop" after calls, and some speak of calls where there are none.
                if finish in (Finish.STOP, Finish.TOOL_CALLS):
                    finish = Finish.TOOL_CALLS if calls else Finish.STOP
        events.append(Finished(finish, self._usage, self._model))
        return events


def _usage(usage: Any) -> Usage | None:
    """What the server counted; None where it gives no numbers, since the answer is good all the same."""
    try:
        prompt = usage.get("prompt_tokens_details") or {}
        completion = usage.get("completion_tokens_details") or {}
        return Usage(
            tokens(usage.get("prompt_tokens")),
            tokens(usage.get("completion_tokens")),
            tokens(prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
            tokens(completion.get("reasoning_tokens")),
        )
    except UNREADABLE:
        return None
