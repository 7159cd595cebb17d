"""A client of Anthropic's Messages, and the reader of their streams.

Signed thinking blocks are kept, because a loop of tool calls must send them back unchanged.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import httpx2

from services.llm.anthropic_request import body_of
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
from services.llm.failures import TRANSPORT, UNREADABLE, from_event, from_status, from_transport
from services.llm.model_settings import ProviderSettings
from services.llm.provider import GeneratedImage
from services.llm.reported import named, tokens
from services.llm.sse import drained, sse_data

BASE_URL = "https://api.anthropic.com"
_FINISHES = {
    "end_turn": Finish.STOP, "stop_sequence": Finish.STOP, "pause_turn": Finish.STOP, "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH, "tool_use": Finish.TOOL_CALLS, "refusal": Finish.CONTENT_FILTER,
}  # fmt: skip


class AnthropicProvider:
    """A client of one endpoint that speaks Anthropic's format."""

    def __init__(self, settings: ProviderSettings) -> None:
        limits = httpx2.Limits(
            max_connections=settings.max_connections, max_keepalive_connections=settings.max_connections
        )
        timeout = httpx2.Timeout(None, connect=settings.connect_timeout)
        self._client = anthropic.AsyncAnthropic(
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            base_url=settings.base_url or BASE_URL,
            default_headers=settings.headers or None,
            max_retries=0,
            timeout=timeout,
            http_client=anthropic.DefaultAioHttpClient(limits=limits, timeout=timeout),
        )

    async def stream(self, model: Model, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See Provider."""
        reader = _Reader(request)
        try:
            # The body goes past the SDK's typed parameters, which it would otherwise walk through one by one.
            body = body_of(model, request)
            create = self._client.messages.with_streaming_response.create
            async with create(
                model=model.id, messages=[], max_tokens=body["max_tokens"], stream=True, extra_body=body
            ) as response:
                events = sse_data(response.iter_bytes())
                async for data in events:
                    for event in reader.read(data):
                        yield event
                    if reader.stopped:
                        break
                for event in reader.finish():
                    yield event
                await drained(events)
        except anthropic.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (anthropic.AnthropicError, *TRANSPORT) as error:
            raise from_transport(error, streaming=reader.began) from error

    async def list_models(self) -> list[str]:
        """See Provider."""
        try:
            return named([entry.id async for entry in self._client.models.list(limit=1_000, timeout=10.0)])
        except anthropic.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (anthropic.AnthropicError, *TRANSPORT, *UNREADABLE) as error:
            raise from_transport(error, streaming=False) from error

    async def generate_image(self, model_id: str, prompt: str, size: str, timeout: float) -> GeneratedImage:
        """This wire format makes no images."""
        raise ProviderFailure(FailureKind.MODEL_UNKNOWN, "this provider makes no images")

    async def aclose(self) -> None:
        """See Provider."""
        await self._client.close()


class _Reader:
    """Reads the events of one answer."""

    def __init__(self, request: ChatRequest) -> None:
        self.began = False
        self.stopped = False
        self._document_tool = request.document is not None and request.document.mode == "tool"
        self._tools = ToolCallBuilder()
        self._thinking: dict[int, JSONObject] = {}
        self._stop_reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._model = ""

    def read(self, data: str) -> list[ChatEvent]:
        self.began = True
        try:
            return self._read(json.loads(data))
        except UNREADABLE as error:
            raise ProviderFailure(FailureKind.MALFORMED, f"an event can't be read: {type(error).__name__}") from error

    def _read(self, event: Any) -> list[ChatEvent]:
        match event.get("type"):
            case "error":
                raise from_event(event.get("error"))
            case "message_start":
                message = event.get("message") or {}
                self._model = message.get("model") or ""
                self._count(message.get("usage"))
            case "content_block_start":
                return self._start(int(event.get("index") or 0), event.get("content_block") or {})
            case "content_block_delta":
                return self._delta(int(event.get("index") or 0), event.get("delta") or {})
            case "message_delta":
                self._stop_reason = (event.get("delta") or {}).get("stop_reason") or self._stop_reason
                self._count(event.get("usage"))
            case "message_stop":
                self.stopped = True
            case "message":
                return self._whole(event)
        return []

    def _whole(self, message: JSONObject) -> list[ChatEvent]:
        """A server that can't stream gives the whole message."""
        self._model, self._stop_reason, self.stopped = message.get("model") or "", message.get("stop_reason"), True
        self._count(message.get("usage"))
        return [
            event for index, block in enumerate(message.get("content") or ()) for event in self._start(index, block)
        ]

    def finish(self) -> list[ChatEvent]:
        if self._stop_reason is None:
            raise ProviderFailure(FailureKind.TRUNCATED, "the stream ended without a stop reason")
        finish = _FINISHES.get(self._stop_reason, Finish.STOP)
        events: list[ChatEvent] = []
        if finish is not Finish.LENGTH:
            calls = self._tools.finish(json.loads)
            if self._document_tool:
                events.extend(TextDelta(call.arguments) for call in calls[:1])
                finish = Finish.STOP
            else:
                events.extend(ToolCallEvent(call) for call in calls)
                if finish is Finish.TOOL_CALLS and not calls:
                    finish = Finish.STOP
        blocks = tuple(self._thinking[index] for index in sorted(self._thinking))
        events.append(Finished(finish, self._total(), self._model, thinking_blocks=blocks))
        return events

    def _start(self, index: int, block: JSONObject) -> list[ChatEvent]:
        kind = block.get("type")
        if kind == "tool_use":
            # A server may give the whole input at once instead of in deltas.
            whole = json.dumps(block["input"]) if block.get("input") else None
            self._tools.add(index, block.get("id"), block.get("name"), whole)
        elif kind in ("thinking", "redacted_thinking"):
            self._thinking[index] = dict(block)
            if block.get("thinking"):
                return [ThinkingDelta(block["thinking"])]
        elif kind == "text" and block.get("text"):
            return [TextDelta(block["text"])]
        return []

    def _delta(self, index: int, delta: JSONObject) -> list[ChatEvent]:
        match delta.get("type"):
            case "text_delta" if delta.get("text"):
                return [TextDelta(delta["text"])]
            case "thinking_delta" if delta.get("thinking"):
                block = self._thinking.setdefault(index, {"type": "thinking", "thinking": ""})
                block["thinking"] = block.get("thinking", "") + delta["thinking"]
                return [ThinkingDelta(delta["thinking"])]
            case "signature_delta":
                block = self._thinking.setdefault(index, {"type": "thinking", "thinking": ""})
                block["signature"] = block.get("signature", "") + (delta.get("signature") or "")
            # A tool that the provider runs by itself is no call of ours.
            case "input_json_delta" if index in self._tools.numbered:
                self._tools.add(index, None, None, delta.get("partial_json"))
        return []

    def _count(self, usage: JSONObject | None) -> None:
        self._usage.update({key: value for key, value in (usage or {}).items() if value is not None})

    def _total(self) -> Usage | None:
        """What the server counted; None where it gives no numbers, since the answer is good all the same."""
        if not self._usage:
            return None
        try:
            cached = tokens(self._usage.get("cache_read_input_tokens"))
            fresh = tokens(self._usage.get("input_tokens")) + tokens(self._usage.get("cache_creation_input_tokens"))
            details = self._usage.get("output_tokens_details") or {}
            reasoning = tokens(details.get("thinking_tokens") or details.get("reasoning_tokens"))
            return Usage(fresh + cached, tokens(self._usage.get("output_tokens")), cached, reasoning)
        except UNREADABLE:
            return None
