"""Server-sent events, read from bytes.

Lines end with LF, CR LF or CR (https://html.spec.whatwg.org/multipage/server-sent-events.html); nothing else ends one.
General line iterators also split at U+2028 and its like, which may stand inside JSON, so the bytes are split here.
A body that is one JSON object and no stream, as servers send that cannot stream, counts as one event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress

from services.llm.chat import FailureKind, ProviderFailure
from services.llm.failures import TRANSPORT

DRAIN_SECONDS = 0.1
"""A server that keeps a stream open after its last event for longer loses the connection instead."""
REST_SECONDS = 2.0
"""How long what follows the end of an answer, its usage, is waited for."""
LONGEST_EVENT = 8 * 2**20
"""Bytes of one event; a server that never ends one would fill the memory."""
_BOM = b"\xef\xbb\xbf"


async def sse_data(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The `data` of each event, in order. The last event counts only if an empty line ends it, or the stream itself
    does. Raises ProviderFailure (MALFORMED) for an event that does not end.
    """
    rest = b""
    data: list[bytes] = []
    at_start, is_object = True, False
    async for chunk in chunks:
        rest += chunk
        if len(rest) > LONGEST_EVENT:
            raise ProviderFailure(FailureKind.MALFORMED, "an event that is too long")
        if at_start and len(rest) > len(_BOM):
            rest = rest.removeprefix(_BOM)
            start = rest.lstrip()
            at_start, is_object = not start, start.startswith(b"{")
        if is_object:
            continue
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
    elif is_object:
        data.append(rest)
    if data:
        yield b"\n".join(data).decode("utf-8", "replace")


async def rest_of(events: AsyncGenerator[str, None], done: str) -> list[str]:
    """What follows the end of an answer, up to the event `done`.

    The answer is whole by then, so how the connection ends, or that it doesn't, changes nothing about it.
    """
    found: list[str] = []
    with suppress(TimeoutError, ProviderFailure, *TRANSPORT):
        async with asyncio.timeout(REST_SECONDS):
            async for data in events:
                if data == done:
                    break
                found.append(data)
    return found


async def drained(events: AsyncGenerator[str, None]) -> None:
    """Reads what is left after the last event, so that the connection can be used again.

    How the connection ends after that event changes nothing about the answer.
    """
    with suppress(TimeoutError, ProviderFailure, *TRANSPORT):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in events:
                pass
