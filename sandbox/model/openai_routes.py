"""The OpenAI-compatible endpoints: chat completions, models, images."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.model import openai_wire as wire
from sandbox.model import pictures
from sandbox.model.breaking import broken_body, end_broken, json_of
from sandbox.model.dialogue import RequestError
from sandbox.model.engine import Engine, Performance, Refused

MAX_PROMPT = 4_000


class OpenAIRoutes:
    """Serves one engine in OpenAI's format."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_to(self, app: web.Application) -> None:
        """Mounts the endpoints."""
        app.router.add_post("/v1/chat/completions", self._guarded(self.chat))
        app.router.add_get("/v1/models", self._guarded(self.models))
        app.router.add_get("/v1/models/{model}", self._guarded(self.model))
        app.router.add_post("/v1/images/generations", self._guarded(self.images))

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                if "x-api-key" not in request.headers:  # Anthropic's clients list models with their own header
                    _authorise(request)
                return await handler(request)  # type: ignore[no-any-return]
            except ConnectionResetError:  # the client has gone, as cancelled answers make it
                return web.Response(status=499)
            except RequestError as error:
                return web.json_response(wire.error_body(error), status=error.status)
            except Refused as refused:
                headers = {} if refused.retry_after is None else {"Retry-After": f"{refused.retry_after:g}"}
                body = wire.error_body(RequestError(refused.message, status=refused.status))
                return web.json_response(body, status=refused.status, headers=headers)

        return guarded

    async def models(self, request: web.Request) -> web.Response:
        """Lists the models."""
        data = [_model(name) for name in self._engine.settings.names]
        return web.json_response({"object": "list", "data": data, "has_more": False, "first_id": None, "last_id": None})

    async def model(self, request: web.Request) -> web.Response:
        """One model."""
        name = request.match_info["model"]
        if name not in self._engine.settings.names:
            raise RequestError(f"The model '{name}' does not exist", status=404, param="model", code="model_not_found")
        return web.json_response(_model(name))

    async def images(self, request: web.Request) -> web.Response:
        """Draws pictures for a prompt and gives them as base64 PNG."""
        body = await json_of(request)
        prompt = body.get("prompt") if isinstance(body, dict) else None
        if not isinstance(prompt, str) or not prompt.strip():
            raise RequestError("Missing required parameter: 'prompt'.", param="prompt")
        if len(prompt) > MAX_PROMPT:
            raise RequestError(
                f"'prompt' is longer than {MAX_PROMPT} characters.", param="prompt", code="string_too_long"
            )
        number = body.get("n") or 1
        if not isinstance(number, int) or not 1 <= number <= 4:
            raise RequestError("'n' must be 1 to 4.", param="n")
        if body.get("response_format") == "url":
            raise RequestError("The demo model gives pictures as b64_json alone.", param="response_format")
        try:
            width, height = pictures.size(str(body.get("size") or "auto"))
        except ValueError as error:
            raise RequestError(str(error), param="size", code="invalid_value") from None
        drawn = [{"b64_json": pictures.draw_base64(prompt, width, height, seed)} for seed in range(number)]
        text_tokens, image_tokens = len(prompt) // 4 + 1, 272 * number
        return web.json_response(
            {
                "created": int(self._engine.now()),
                "data": drawn,
                "output_format": "png",
                "size": f"{width}x{height}",
                "usage": {
                    "input_tokens": text_tokens,
                    "output_tokens": image_tokens,
                    "total_tokens": text_tokens + image_tokens,
                    "input_tokens_details": {"text_tokens": text_tokens, "image_tokens": 0},
                },
            }
        )

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answers a conversation, whole or as a stream."""
        body = await json_of(request)
        ask = wire.parse(body, default_max_tokens=self._engine.settings.max_output_tokens)
        performance = self._engine.perform(ask, fault_header=request.headers.get("X-Sandbox-Fault"))
        inline = ask.model == "demo-r1"
        identity = {
            "completion_id": self._engine.new_id("chatcmpl-"),
            "created": int(self._engine.now()),
            "model": ask.model,
        }
        if body.get("stream"):
            with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            chunks = wire.Chunks(**identity, with_usage=with_usage)  # type: ignore[arg-type]
            return await self._stream(request, performance, chunks, with_usage=with_usage, inline=inline)
        await self._engine.whole(performance)
        text, thinking = "".join(performance.text), "".join(performance.thinking)
        if inline:
            text, thinking = f"{thinking}\n</think>\n\n{text}", ""
        answer = wire.completion(
            **identity,  # type: ignore[arg-type]
            text=text,
            thinking=thinking,
            calls=performance.calls,
            finish=performance.finish,
            counts=_counts(performance),
        )
        if performance.fault and performance.fault.kind in ("drop", "truncate", "malformed"):
            return await broken_body(request, answer, performance.fault.kind)
        return web.json_response(answer)

    async def _stream(
        self, request: web.Request, performance: Performance, chunks: wire.Chunks, *, with_usage: bool, inline: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        await response.write(chunks.delta({"role": "assistant", "content": "", "refusal": None}))
        sent, thinking = 0, len(performance.thinking)
        async for token in self._engine.stream(performance):
            if sent == performance.broken_at:
                break
            if sent == thinking and inline:
                await response.write(chunks.delta({"content": "\n</think>\n\n"}))
            key = "reasoning_content" if sent < thinking and not inline else "content"
            await response.write(chunks.delta({key: token}))
            sent += 1
        if performance.broken_at is not None:
            await end_broken(self._engine, request, response, performance, chunks.malformed)
            return response
        for call in wire.tool_calls(performance.calls, indexed=True):
            whole = call["function"]["arguments"]
            named = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
            await response.write(chunks.delta({"tool_calls": [named]}))
            for start in range(0, len(whole), 24):
                part = {"index": call["index"], "function": {"arguments": whole[start : start + 24]}}
                await response.write(chunks.delta({"tool_calls": [part]}))
        await response.write(chunks.delta({}, finish=performance.finish))
        if with_usage:
            await response.write(chunks.usage(_counts(performance)))
        await response.write(chunks.done)
        await response.write_eof()
        return response


def _counts(performance: Performance) -> dict[str, Any]:
    return wire.usage(performance.prompt_tokens, len(performance.thinking), performance.output_tokens)


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "type": "model",
        "display_name": name,
        "created": 1_760_000_000,
        "created_at": "2025-10-09T08:53:20Z",
        "owned_by": "guildhall-sandbox",
    }


def _authorise(request: web.Request) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RequestError(
            "You didn't provide an API key. The demo model takes any: send `Authorization: Bearer demo`.", status=401
        )
    if key.strip() == "invalid":
        raise RequestError("Incorrect API key provided: invalid.", status=401, code="invalid_api_key")
