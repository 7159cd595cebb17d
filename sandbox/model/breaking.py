"""How an answer breaks when it shall: cut, ended early, a line that is no JSON, or silence; and reading a body."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.model.dialogue import RequestError
from sandbox.model.engine import Engine, Performance


async def json_of(request: web.Request) -> Any:
    """The body as JSON; RequestError where it is none."""
    try:
        return await request.json()
    except (ValueError, UnicodeDecodeError):
        raise RequestError("We could not parse the JSON body of your request.") from None


async def end_broken(
    engine: Engine, request: web.Request, response: web.StreamResponse, performance: Performance, malformed: bytes
) -> None:
    """Breaks a stream as its fault says."""
    fault = performance.fault
    assert fault is not None
    if fault.kind == "malformed":
        await response.write(malformed)
        await response.write_eof()
    elif fault.kind == "truncate":
        await response.write_eof()
    else:
        if fault.kind == "stall":
            await engine.sleep(fault.seconds)
        if request.transport is not None:
            request.transport.abort()


async def broken_body(request: web.Request, answer: Any, kind: str) -> web.StreamResponse:
    """Half of a whole answer: as if it were all of it, or with the connection cut."""
    whole = json.dumps(answer).encode()
    half = whole[: len(whole) // 2]
    if kind == "malformed":
        return web.Response(body=half, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    await response.prepare(request)
    await response.write(half)
    if request.transport is not None:
        request.transport.abort()
    return response
