"""A provider on loopback whose every byte a test decides, in OpenAI's and Anthropic's wire formats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


@dataclass
class Upstream:
    """A running server. `script` holds one handler for each call to come; the last one serves all further calls."""

    url: str = ""
    models: list[str] = field(default_factory=lambda: ["demo"])
    script: list[Handler] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    open_streams: int = 0
    model_lists: int = 0
    model_list: bytes | None = None
    """What is answered in place of a list of models."""

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answers one call as the script says."""
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        handler = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        self.open_streams += 1
        try:
            return await handler(request, body)
        except (ConnectionResetError, asyncio.CancelledError):
            self.disconnected.set()
            raise
        finally:
            self.open_streams -= 1

    async def list_models(self, request: web.Request) -> web.Response:
        """What this provider offers."""
        self.model_lists += 1
        if self.model_list is not None:
            return web.Response(body=self.model_list, content_type="application/json")
        return web.json_response(
            {"object": "list", "has_more": False, "data": [{"id": name, "object": "model"} for name in self.models]}
        )


@asynccontextmanager
async def upstream(*script: Handler, models: list[str] | None = None) -> AsyncIterator[Upstream]:
    """Runs a provider."""
    server = Upstream(script=list(script) or [says("Hello", " there", ".")])
    if models is not None:
        server.models = models
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/v1/messages", server.chat)
    app.router.add_post("/v1/images/generations", server.chat)
    app.router.add_get("/v1/models", server.list_models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event in OpenAI's format."""
    choices = [] if delta is None and finish is None else [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "demo-1", "choices": choices, **more}
    return f"data: {json.dumps(event)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


async def open_stream(request: web.Request) -> web.StreamResponse:
    """Begins an event stream."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


def sends(
    *pieces: bytes,
    pause: float = 0.0,
    hold: asyncio.Event | None = None,
    then: tuple[bytes, ...] = (),
    drop: bool = False,
) -> Handler:
    """Sends these bytes, with a pause between two; then waits for `hold`, sends what comes `then`, or drops the
    connection in the middle.
    """

    async def handle(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await open_stream(request)
        for piece in pieces:
            await response.write(piece)
            if pause:
                await asyncio.sleep(pause)
        if hold is not None:
            await hold.wait()
        for piece in then:
            await response.write(piece)
        if drop:
            assert request.transport is not None
            request.transport.abort()
        return response

    return handle


def says(*words: str, finish: str = "stop", usage: dict[str, Any] | None = USAGE, pause: float = 0.0) -> Handler:
    """A whole answer, one chunk a word."""
    tail = [chunk(usage=usage)] if usage else []
    return sends(*(chunk({"content": word}) for word in words), chunk(finish=finish), *tail, DONE, pause=pause)


def fails(status: int, body: dict[str, Any] | None = None, **headers: str) -> Handler:
    """An error before any stream."""

    async def handle(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        error = body or {"error": {"message": f"status {status}", "type": "error"}}
        return web.json_response(
            error, status=status, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    return handle


def waits(event: asyncio.Event) -> Handler:
    """Says nothing until the event, not even headers."""

    async def handle(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await event.wait()
        return await says("late")(request, body)

    return handle
