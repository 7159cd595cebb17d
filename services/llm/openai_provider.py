"""OpenAI's Chat Completions, and whatever is compatible with it: Ollama, vLLM, OpenRouter, BaseTen and many more.

The SDK builds, authenticates and sends the request. The stream is read apart from it, because compatible servers add
fields and because a stream that merely stops must be told from one that is done.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import httpx2
import openai
from openai.types import ImagesResponse

from services.llm.catalogue import Model
from services.llm.chat import NO_IMAGES, ChatEvent, ChatRequest, FailureKind, ImageTokens, ProviderFailure, Usage
from services.llm.failures import TRANSPORT, UNREADABLE, from_status, from_transport
from services.llm.model_settings import ProviderSettings
from services.llm.openai_answer import AnswerReader
from services.llm.openai_request import body_of
from services.llm.provider import GeneratedImage
from services.llm.reported import named, tokens
from services.llm.sse import drained, rest_of, sse_data

BASE_URL = "https://api.openai.com/v1"
_PICTURES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp"), (b"GIF8", "gif"))
DONE = "[DONE]"
"""What comes after the last event."""


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
        reader = AnswerReader(model, request)
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
                    if data == DONE:
                        break
                    for event in reader.read(data):
                        yield event
                    if reader.ended:
                        for event in reader.read_rest(await rest_of(events, DONE)):
                            yield event
                        break
                for event in reader.finish():
                    yield event
                await drained(events)
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (openai.OpenAIError, *TRANSPORT) as error:
            raise from_transport(error, streaming=reader.began) from error

    async def list_models(self) -> list[str]:
        """See Provider."""
        try:
            return named([entry.id async for entry in self._client.models.list(timeout=10.0)])
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (openai.OpenAIError, *TRANSPORT, *UNREADABLE) as error:
            raise from_transport(error, streaming=False) from error

    async def generate_image(self, model_id: str, prompt: str, size: str, timeout: float) -> GeneratedImage:
        """See Provider."""
        try:
            answer = await self._client.images.generate(model=model_id, prompt=prompt, size=size, n=1, timeout=timeout)
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.body) from error
        except (openai.OpenAIError, *TRANSPORT) as error:
            raise from_transport(error, streaming=False) from error
        except UNREADABLE as error:
            raise ProviderFailure(FailureKind.MALFORMED, "the answer can't be read") from error
        try:
            return _picture(answer)
        except UNREADABLE as error:
            raise ProviderFailure(FailureKind.MALFORMED, "the answer holds no picture that can be read") from error

    async def aclose(self) -> None:
        """See Provider."""
        await self._client.close()


def _picture(answer: ImagesResponse) -> GeneratedImage:
    """The first picture. Compatible servers leave parts of the answer out, whatever the SDK's types say."""
    first = answer.data[0] if answer.data else None
    encoded = first.b64_json if first is not None else None
    if first is None or not encoded:
        raise ProviderFailure(FailureKind.EMPTY, "no image bytes in the answer")
    # Some give a data address, some break lines.
    data = base64.b64decode("".join(encoded.rpartition("base64,")[2].split()), validate=True)
    usage, images = _picture_usage(answer)
    return GeneratedImage(data, _media_type(data), usage, images, first.revised_prompt or "")


def _media_type(data: bytes) -> str:
    """What a picture's bytes are, whatever was said of them. Raises ValueError for what is no picture."""
    for start, name in _PICTURES:
        if data.startswith(start) and (name != "webp" or data[8:12] == b"WEBP"):
            return f"image/{name}"
    raise ValueError("not a picture")


def _picture_usage(answer: ImagesResponse) -> tuple[Usage | None, ImageTokens]:
    """What the server counted; nothing where it gives no numbers, since the picture is good all the same."""
    try:
        if (used := answer.usage) is None or getattr(used, "output_tokens", None) is None:
            return None, NO_IMAGES
        usage = Usage(tokens(used.input_tokens), tokens(used.output_tokens))
        sent = getattr(used, "input_tokens_details", None)
        made = getattr(used, "output_tokens_details", None)
        # What comes out of a model that makes pictures is pictures, unless it says otherwise.
        return usage, ImageTokens(
            tokens(sent.image_tokens) if sent else 0, tokens(made.image_tokens) if made else usage.output_tokens
        )
    except UNREADABLE:
        return None, NO_IMAGES
