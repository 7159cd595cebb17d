"""Anthropic's endpoints: messages, whole and streamed, and counting tokens."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.model import anthropic_wire as wire
from sandbox.model.breaking import broken_body, end_broken, json_of
from sandbox.model.dialogue import RequestError
from sandbox.model.engine import Engine, Performance, Refused, prompt_tokens


class AnthropicRoutes:
    """Serves one engine in Anthropic's format."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_to(self, app: web.Application) -> None:
        """Mounts the endpoints."""
        app.router.add_post("/v1/messages", self._guarded(self.messages))
        app.router.add_post("/v1/messages/count_tokens", self._guarded(self.count_tokens))

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                _authorise(request)
                return await handler(request)  # type: ignore[no-any-return]
            except ConnectionResetError:  # the client has gone, as cancelled answers make it
                return web.Response(status=499)
            except RequestError as error:
                return web.json_response(wire.error_body(error), status=error.status)
            except Refused as refused:
                headers = {} if refused.retry_after is None else {"retry-after": f"{refused.retry_after:g}"}
                body = wire.error_body(RequestError(refused.message, status=refused.status))
                return web.json_response(body, status=refused.status, headers=headers)

        return guarded

    async def count_tokens(self, request: web.Request) -> web.Response:
        """How many tokens a request has."""
        body = await json_of(request)
        ask = wire.parse({"max_tokens": 1, **body} if isinstance(body, dict) else body)
        return web.json_response({"input_tokens": prompt_tokens(ask)})

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """Answers a conversation, whole or as a stream."""
        body = await json_of(request)
        ask = wire.parse(body)
        performance = self._engine.perform(ask, fault_header=request.headers.get("X-Sandbox-Fault"))
        message_id = self._engine.new_id("msg_")
        if body.get("stream"):
            return await self._stream(request, performance, message_id, ask.model)
        await self._engine.whole(performance)
        answer = wire.message(
            message_id=message_id,
            model=ask.model,
            text="".join(performance.text),
            thinking="".join(performance.thinking),
            calls=performance.calls,
            finish=performance.finish,
            counts=_counts(performance),
        )
        if performance.fault and performance.fault.kind in ("drop", "truncate", "malformed"):
            return await broken_body(request, answer, performance.fault.kind)
        return web.json_response(answer)

    async def _stream(
        self, request: web.Request, performance: Performance, message_id: str, model: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        empty = wire.message(
            message_id=message_id, model=model, text="", thinking="", calls=(), finish="stop",
            counts=wire.usage(performance.prompt_tokens, 1),
        )  # fmt: skip
        await response.write(wire.event("message_start", message={**empty, "stop_reason": None}))
        await response.write(wire.event("ping"))
        index, sent, thinking = 0, 0, len(performance.thinking)
        async for token in self._engine.stream(performance):
            if sent == performance.broken_at:
                break
            if sent in (0, thinking):
                if sent:
                    index = await _close_thinking(response, index)
                kind = "thinking" if sent < thinking else "text"
                block = {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}
                await response.write(wire.event("content_block_start", index=index, content_block=block))
            kind = "thinking" if sent < thinking else "text"
            await response.write(
                wire.event("content_block_delta", index=index, delta={"type": f"{kind}_delta", kind: token})
            )
            sent += 1
        if performance.broken_at is not None:
            await end_broken(self._engine, request, response, performance, wire.MALFORMED)
            return response
        if sent and sent == thinking:
            index = await _close_thinking(response, index)
        elif sent:
            await response.write(wire.event("content_block_stop", index=index))
            index += 1
        for call in performance.calls:
            await _write_call(response, index, call.id, call.name, json.dumps(call.arguments, ensure_ascii=False))
            index += 1
        delta = {"stop_reason": wire.STOP_REASONS[performance.finish], "stop_sequence": None}
        await response.write(wire.event("message_delta", delta=delta, usage=_counts(performance)))
        await response.write(wire.event("message_stop"))
        await response.write_eof()
        return response


async def _close_thinking(response: web.StreamResponse, index: int) -> int:
    delta = {"type": "signature_delta", "signature": wire.SIGNATURE}
    await response.write(wire.event("content_block_delta", index=index, delta=delta))
    await response.write(wire.event("content_block_stop", index=index))
    return index + 1


async def _write_call(response: web.StreamResponse, index: int, call_id: str, name: str, arguments: str) -> None:
    block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    await response.write(wire.event("content_block_start", index=index, content_block=block))
    for start in range(0, len(arguments), 24):
        delta = {"type": "input_json_delta", "partial_json": arguments[start : start + 24]}
        await response.write(wire.event("content_block_delta", index=index, delta=delta))
    await response.write(wire.event("content_block_stop", index=index))


def _counts(performance: Performance) -> dict[str, Any]:
    return wire.usage(performance.prompt_tokens, len(performance.thinking) + performance.output_tokens)


def _authorise(request: web.Request) -> None:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    key = request.headers.get("x-api-key", "").strip() or bearer
    if not key:
        raise RequestError("x-api-key header is required; the demo model takes any", status=401)
    if key == "invalid":
        raise RequestError("invalid x-api-key", status=401)
    if not request.headers.get("anthropic-version"):
        raise RequestError("anthropic-version: header is required")
