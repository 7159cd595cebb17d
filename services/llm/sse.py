"""Server-sent events, read from bytes.

Lines end with LF, CR LF or CR (https://html.spec.whatwg.org/multipage/server-sent-events.html); nothing else ends one.
General line iterators also split at U+2028 and its like, which may stand inside JSON, so the bytes are split here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress

import httpx2

DRAIN_SECONDS = 0.1
"""A server that keeps a stream open after its last event for longer loses the connection instead."""


async def sse_data(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The `data` of each event, in order. The last event counts only if an empty line ends it, or the stream itself
    does.
    """
    rest = b""
    data: list[bytes] = []
    async for chunk in chunks:
        rest += chunk
        if b"\r" in rest:
            held = rest.endswith(b"\r")
            rest = (rest[:-1] if held else rest).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (
                b"\r" if held else b""
            )
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                yield b"\n".join(data).decode("utf-8", "replace")
                data = []
    if rest.startswith(b"data:"):
        data.append(rest[5:].strip())
    if data:
        yield b"\n".join(data).decode("utf-8", "replace")


async def drained(events: AsyncGenerator[str, None]) -> None:
    """Reads what is left after the last event, so that the connection can be used again.

    How the connection ends after that event changes nothing about the answer.
    """
    with suppress(TimeoutError, httpx2.HTTPError, OSError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in events:
                pass
