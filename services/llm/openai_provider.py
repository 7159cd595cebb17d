"""OpenAI's Chat Completions, and whatever is compatible with it: Ollama, vLLM, OpenRouter, BaseTen and many more.

The SDK builds, authenticates and sends the request. The stream is read here, because compatible servers add fields
(`reasoning`, `reasoning_content`, usage on a chunk with choices) and because a stream that merely stops must be told
from one that is done.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import httpx2
import openai

from services.llm.catalogue import Model
from services.llm.chat import (
    NO_IMAGES,
    ChatEvent,
    ChatRequest,
    FailureKind,
    Finish,
    Finished,
    ImageTokens,
    JSONObject,
    ProviderFailure,
    TextDelta,
    ThinkingDelta,
    ToolCallBuilder,
    ToolCallEvent,
    Usage,
)
from services.llm.failures import from_event, from_status, from_transport
from services.llm.model_settings import ProviderSettings
from services.llm.openai_request import body_of
from services.llm.provider import GeneratedImage
from services.llm.sse import drained, sse_data
from services.llm.thinking import ThinkParser

BASE_URL = "https://api.openai.com/v1"
_FINISHES = {
    "stop": Finish.STOP, "eos": Finish.STOP, "length": Finish.LENGTH, "max_tokens": Finish.LENGTH,
    "content_filter": Finish.CONTENT_FILTER, "tool_calls": Finish.TOOL_CALLS, "function_call": Finish.TOOL_CALLS,
}  # fmt: skip


class OpenAIProvider:
    """A client of one endpoint that speaks OpenAI's format."""

    def __init__(self, settings: ProviderSettings) -> None:
        limits = httpx2.Limits(
            max_connections=settings.max_connections, max_keepalive_connections=settings.max_connections
        )
        # Silence is timed by the router, which knows whether an answer has begun.
        timeout = httpx2.Timeout(None, connect=settings.connect_timeout)
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            base_url=settings.base_url or BASE_URL,
            default_headers=settings.headers or None,
            max_retries=0,
            timeout=timeout,
            # aiohttp reads in C: per token it takes well under half of what the default transport does.
            http_client=openai.DefaultAioHttpClient(limits=limits, timeout=timeout),
        )
        self._completions = f"{self._client.base_url}chat/completions"

    async def stream(self, model: Model, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See Provider."""
        reader = _Reader(model, request)
        body = {"model": model.id, "stream": True, **body_of(model, request)}
        try:
            # The SDK's typed method walks through all parameters one by one, which takes as long as all the rest.
            # The SDK gives the response itself where it is asked for one, which its types don't say of streams.
            response: httpx2.Response = await cast("Any", self._client).post(
                self._completions, body=body, cast_to=httpx2.Response, stream=True
            )
            async with aclosing(response):
                events = sse_data(response.aiter_bytes())
                async for data in events:
                    reader.began = True
                    if data == "[DONE]":
                        break
                    for event in reader.read(data):
                        yield event
                for event in reader.finish():
                    yield event
                await drained(events)
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:
            raise from_transport(error, streaming=reader.began) from error

    async def list_models(self) -> list[str]:
        """See Provider."""
        try:
            return [entry.id async for entry in self._client.models.list(timeout=10.0)]
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError, TypeError) as error:
            raise from_transport(error, streaming=False) from error

    async def generate_image(self, model_id: str, prompt: str, size: str, timeout: float) -> GeneratedImage:
        """See Provider."""
        try:
            answer = await self._client.images.generate(model=model_id, prompt=prompt, size=size, n=1, timeout=timeout)
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:
            raise from_transport(error, streaming=False) from error
        first = answer.data[0] if answer.data else None
        encoded = first.b64_json if first is not None else None
        if first is None or not encoded:
            raise ProviderFailure(FailureKind.EMPTY, "no image bytes in the answer")
        try:
            data = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ProviderFailure(FailureKind.MALFORMED, "the image is not base64") from error
        usage, images = None, NO_IMAGES
        # Compatible servers leave parts of the usage out, whatever the SDK's types say.
        if (used := answer.usage) is not None and getattr(used, "output_tokens", None) is not None:
            usage = Usage(used.input_tokens or 0, used.output_tokens)
            sent = getattr(used, "input_tokens_details", None)
            made = getattr(used, "output_tokens_details", None)
            # What comes out of a model that makes pictures is pictures, unless it says otherwise.
            images = ImageTokens(sent.image_tokens if sent else 0, made.image_tokens if made else used.output_tokens)
        return GeneratedImage(data, f"image/{answer.output_format or 'png'}", usage, images, first.revised_prompt or "")

    async def aclose(self) -> None:
        """See Provider."""
        await self._client.close()


class _Reader:
    """Reads the chunks of one answer."""

    def __init__(self, model: Model, request: ChatRequest) -> None:
        self.began = False
        self._parser = ThinkParser(starts_in_thinking=model.profile.starts_in_thinking)
        self._tools = ToolCallBuilder()
        self._document_tool = request.document is not None and request.document.mode == "tool"
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._model = ""

    def read(self, data: str) -> list[ChatEvent]:
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise ProviderFailure(FailureKind.MALFORMED, "a chunk is no JSON") from error
        if not isinstance(chunk, dict):
            raise ProviderFailure(FailureKind.MALFORMED, "a chunk is no object")
        if chunk.get("error"):
            raise from_event(chunk["error"])
        self._model = chunk.get("model") or self._model
        if usage := chunk.get("usage"):
            self._usage = _usage(usage)
        events: list[ChatEvent] = []
        for choice in chunk.get("choices") or ():
            self._read_choice(choice, events)
        return events

    def _read_choice(self, choice: JSONObject, events: list[ChatEvent]) -> None:
        delta = choice.get("delta") or {}
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._parser.thinking_came_apart()
            events.append(ThinkingDelta(str(thought)))
        if text := delta.get("content") or delta.get("refusal"):
            events.extend(self._parser.feed(str(text)))
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            self._tools.add(call.get("index") or 0, call.get("id"), function.get("name"), function.get("arguments"))
        if choice.get("finish_reason"):
            self._finish = choice["finish_reason"]

    def finish(self) -> list[ChatEvent]:
        if self._finish is None:
            raise ProviderFailure(FailureKind.TRUNCATED, "the stream ended without a finish reason")
        events: list[ChatEvent] = [*self._parser.flush()]
        finish = _FINISHES.get(self._finish, Finish.STOP)
        if finish is not Finish.LENGTH:
            calls = self._tools.finish(json.loads)
            if self._document_tool:
                events.extend(TextDelta(call.arguments) for call in calls[:1])
                finish = Finish.STOP
            else:
                events.extend(ToolCallEvent(call) for call in calls)
        events.append(Finished(finish, self._usage, self._model))
        return events


def _usage(usage: JSONObject) -> Usage:
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    return Usage(
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        int(prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0),
        int(completion.get("reasoning_tokens") or 0),
    )
